//! What a sender of RTP owes its receiver: numbered packets, sender reports and a goodbye; and what
//! the receiver's reports say.
//!
//! Source: RFC 3550 sections 5.1, 6.4 and 6.6; protocol notes 7.1, 7.2 and 7.6 (C126).

use crate::rtp::HEADER_BYTES;

/// Bytes of payload that pass every network in one datagram (protocol notes 7.6).
pub const UDP_PAYLOAD_BYTES: usize = 1_400;
/// Payload type of a program stream.
pub const PS_PAYLOAD_TYPE: u8 = 96;
/// Longest reason in a goodbye; its length has one byte.
const MAX_REASON: usize = 255;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_1970: i64 = 2_208_988_800;

/// Numbers the packets of one SSRC, and counts them for its reports.
#[derive(Debug, Clone)]
pub struct RtpNumbering {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    packets: u64,
    octets: u64,
}

impl RtpNumbering {
    /// `sequence` is the number of the first packet; RFC 3550 wants it random.
    #[must_use]
    pub const fn new(ssrc: u32, payload_type: u8, sequence: u16) -> Self {
        Self {
            ssrc,
            payload_type: payload_type & 0x7F,
            sequence,
            packets: 0,
            octets: 0,
        }
    }

    /// The header of the next packet, which carries `payload_bytes`.
    #[inline]
    pub const fn next_header(
        &mut self,
        timestamp: u32,
        marker: bool,
        payload_bytes: usize,
    ) -> [u8; HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = timestamp.to_be_bytes();
        let [a, b, c, d] = self.ssrc.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += payload_bytes as u64;
        let kind = self.payload_type | (marker as u8) << 7;
        [0x80, kind, s0, s1, t0, t1, t2, t3, a, b, c, d]
    }

    /// Counts packets that were numbered elsewhere, for a stream that is shared by its receivers.
    pub const fn count(&mut self, packets: usize, octets: usize) {
        self.packets += packets as u64;
        self.octets += octets as u64;
    }

    /// Takes the newest `packets` back, `octets` in all: they were not sent after all.
    pub const fn take_back(&mut self, packets: usize, octets: usize) {
        self.sequence = self.sequence.wrapping_sub(packets as u16);
        self.packets = self.packets.saturating_sub(packets as u64);
        self.octets = self.octets.saturating_sub(octets as u64);
    }

    /// Cuts one frame into packets of at most `payload_bytes`: one timestamp for all, the marker
    /// on the last (C126).
    pub fn packets<'a>(
        &'a mut self,
        frame: &'a [u8],
        timestamp: u32,
        payload_bytes: usize,
    ) -> impl Iterator<Item = ([u8; HEADER_BYTES], &'a [u8])> + 'a {
        let count = frame.len().div_ceil(payload_bytes.max(1));
        frame
            .chunks(payload_bytes.max(1))
            .enumerate()
            .map(move |(index, payload)| {
                let marker = index + 1 == count;
                (self.next_header(timestamp, marker, payload.len()), payload)
            })
    }

    /// The SSRC of the stream.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets numbered so far.
    #[must_use]
    pub const fn packet_count(&self) -> u64 {
        self.packets
    }

    /// Bytes of payload in them.
    #[must_use]
    pub const fn octet_count(&self) -> u64 {
        self.octets
    }

    /// Appends a compound packet: sender report, then the CNAME that RFC 3550 section 6.1 asks for.
    ///
    /// `wall_us` is the wall clock in microseconds since 1970, `timestamp` the RTP time of that instant.
    pub fn write_sender_report(&self, wall_us: i64, timestamp: u32, out: &mut Vec<u8>) {
        let (seconds, fraction) = ntp_of(wall_us);
        out.extend_from_slice(&[0x80, 200, 0, 6]);
        for word in [
            self.ssrc,
            seconds,
            fraction,
            timestamp,
            self.packets as u32,
            self.octets as u32,
        ] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        self.write_description(out);
    }

    /// Appends the end of the stream: a last sender report, the CNAME, and the goodbye with its reason.
    pub fn write_goodbye(&self, wall_us: i64, timestamp: u32, reason: &str, out: &mut Vec<u8>) {
        self.write_sender_report(wall_us, timestamp, out);
        let reason = &reason.as_bytes()[..reason.len().min(MAX_REASON)];
        let mut text = vec![reason.len() as u8];
        text.extend_from_slice(reason);
        text.resize(text.len().next_multiple_of(4), 0);
        out.extend_from_slice(&[0x81, 203]);
        out.extend_from_slice(&(1 + text.len() as u16 / 4).to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&text);
    }

    fn write_description(&self, out: &mut Vec<u8>) {
        // 16 hex digits made of the SSRC: unique without telling our address (RFC 7022).
        let name = format!("{:08x}{:08x}", self.ssrc, self.ssrc.rotate_left(13));
        let mut chunk = self.ssrc.to_be_bytes().to_vec();
        chunk.extend_from_slice(&[1, name.len() as u8]);
        chunk.extend_from_slice(name.as_bytes());
        // An item list ends with one to four zeros, to a border of 32 bits.
        chunk.resize((chunk.len() + 4) & !3, 0);
        out.extend_from_slice(&[0x81, 202, 0, (chunk.len() / 4) as u8]);
        out.extend_from_slice(&chunk);
    }
}

/// The NTP time of a wall clock in microseconds since 1970: seconds (of the running era) and fraction.
const fn ntp_of(wall_us: i64) -> (u32, u32) {
    let seconds = wall_us.div_euclid(1_000_000) + NTP_1970;
    let fraction = (wall_us.rem_euclid(1_000_000) << 32) / 1_000_000;
    (seconds as u32, fraction as u32)
}

/// The middle 32 bits of the NTP time: units of 1/65,536 s.
const fn ntp_middle(wall_us: i64) -> u32 {
    let (seconds, fraction) = ntp_of(wall_us);
    seconds << 16 | fraction >> 16
}

/// What a receiver says about our stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport {
    /// Lost since its report before this one, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start; negative when duplicates outnumber the losses.
    pub lost: i32,
    /// Interarrival jitter in ticks of the RTP clock.
    pub jitter_ticks: u32,
    /// From our report to its answer, without the time that it lay at the receiver. None when it has
    /// not seen a report of ours, or the numbers make no sense.
    pub round_trip_us: Option<u64>,
}

/// What an RTCP packet of the receiver holds for us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Its newest report about our SSRC.
    pub report: Option<ReceiverReport>,
    /// It says goodbye.
    pub goodbye: bool,
}

/// Reads what a compound RTCP packet, received at `wall_us` (microseconds since 1970), says about
/// `ssrc`. What cannot be read is passed over.
#[must_use]
pub fn parse_feedback(mut packet: &[u8], ssrc: u32, wall_us: i64) -> Feedback {
    let mut feedback = Feedback::default();
    while let Some(&[first, kind, l0, l1]) = packet.first_chunk::<4>() {
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((unit, rest)) = packet.split_at_checked(length) else {
            break;
        };
        if first >> 6 != 2 {
            break;
        }
        let blocks = match kind {
            200 => unit.get(28..),
            201 => unit.get(8..),
            203 => {
                feedback.goodbye = true;
                None
            }
            _ => None,
        };
        let blocks = blocks.unwrap_or_default().chunks_exact(24);
        for block in blocks.take(usize::from(first & 0x1F)) {
            if let Some(report) = parse_block(block, ssrc, wall_us) {
                feedback.report = Some(report);
            }
        }
        packet = rest;
    }
    feedback
}

fn parse_block(block: &[u8], ssrc: u32, wall_us: i64) -> Option<ReceiverReport> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(*block.get(at..)?.first_chunk::<4>()?))
    };
    if word(0)? != ssrc {
        return None;
    }
    let loss = word(4)?;
    let (last, delay) = (word(16)?, word(20)?);
    let passed = ntp_middle(wall_us).wrapping_sub(last).wrapping_sub(delay);
    // Half the range back or more is no time but a clock that went back.
    let known = last != 0 && passed < 1 << 31;
    Some(ReceiverReport {
        fraction_lost: (loss >> 24) as u8,
        lost: (loss << 8) as i32 >> 8,
        jitter_ticks: word(12)?,
        round_trip_us: known.then(|| u64::from(passed) * 1_000_000 / 65_536),
    })
}
