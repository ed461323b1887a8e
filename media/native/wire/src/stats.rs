//! What a reception counts.

/// Counters and gauges of one reception. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    /// Packets of a transport stream.
    pub ts_packets: u64,
    /// Gaps that the counters of a transport stream show.
    pub ts_gaps: u64,
    /// Times that the place where its packets begin was lost.
    pub ts_resyncs: u64,
    /// What the payloads were found to be: `ps`, `ts`, `annexb`, `h264`, `h265`, `refused`, or
    /// nothing yet.
    pub format: &'static str,
    /// Access units handed out.
    pub access_units: u64,
    /// Key frames among them.
    pub keyframes: u64,
    /// Access units dropped because something in them, or before them, was lost.
    pub dropped_damaged: u64,
    /// Access units handed out marked: something in them, or before them, was lost.
    pub passed_damaged: u64,
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
