//! What a reception counts, and the jitter of RFC 3550.

/// Counters and gauges of one reception. All counters only rise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestStats {
    /// RTP packets that parsed, duplicates and late ones included.
    pub packets: u64,
    /// Bytes of these packets, RTP headers included.
    pub bytes: u64,
    /// RTCP packets found among them; they are not read here.
    pub rtcp: u64,
    /// Inputs that are no RTP packet.
    pub malformed: u64,
    /// Packets that never came, by sequence number.
    pub lost: u64,
    /// Packets that came after a later one and were put in order again.
    pub reordered: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came after they had been given up for lost. They stay in `lost` too.
    pub late: u64,
    /// Restarts of the source: sequence numbers that began anew.
    pub resets: u64,
    /// Interarrival jitter in ticks of the payload's clock (RFC 3550 section 6.4.1).
    pub jitter_ticks: u32,
    /// The same in microseconds.
    pub jitter_us: u64,
    /// Payload type of the newest packet.
    pub payload_type: u8,
    /// RTP timestamp of the newest packet.
    pub rtp_timestamp: u32,
    /// Pack headers seen; 0 in a stream that should be PS says that it is something else.
    pub packs: u64,
    /// Times that the PS demultiplexer had to search for the next start code.
    pub ps_resyncs: u64,
    /// PES packets whose length was not true.
    pub pes_length_errors: u64,
    /// Access units handed out.
    pub access_units: u64,
    /// Key frames among them.
    pub keyframes: u64,
    /// Access units dropped because something in them, or before them, was lost.
    pub dropped_damaged: u64,
    /// Access units dropped because no key frame with parameter sets had come yet.
    pub dropped_before_keyframe: u64,
    /// Access units dropped for their size.
    pub dropped_too_large: u64,
    /// Audio frames handed out.
    pub audio_frames: u64,
    /// Timestamp jumps that were taken out of the output.
    pub rebases: u64,
    /// Times that the source of timestamps was changed (PES, RTP, arrival).
    pub clock_changes: u64,
}

/// Interarrival jitter: the smoothed difference in transit time of successive packets.
///
/// Source: RFC 3550 section 6.4.1 and appendix A.8.
#[derive(Debug, Clone, Default)]
pub struct Jitter {
    transit: Option<u32>,
    /// Sixteen times the estimate, as in appendix A.8.
    scaled: u32,
}

impl Jitter {
    /// Takes one packet that arrived at `now_us` with an RTP `timestamp` of a clock of
    /// `clock_rate` ticks per second.
    pub fn receive(&mut self, timestamp: u32, now_us: u64, clock_rate: u32) {
        let arrival = (u128::from(now_us) * u128::from(clock_rate) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(previous) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(previous) as i32).unsigned_abs();
            // A jump of the source's clock is not jitter: more than 10 s starts anew.
            if difference < 10 * clock_rate {
                self.scaled = self
                    .scaled
                    .saturating_add(difference)
                    .saturating_sub((self.scaled + 8) >> 4);
            }
        }
    }

    /// The estimate in ticks.
    #[must_use]
    pub const fn ticks(&self) -> u32 {
        self.scaled >> 4
    }

    /// Forgets the last packet, not the estimate: used when the source begins anew.
    pub const fn restart(&mut self) {
        self.transit = None;
    }
}
