//! What a receiver owes its sender: reception statistics and the receiver report of RFC 3550 section 6.4.2.

/// RTCP packet types of RFC 3550: sender report, receiver report, description, goodbye, application.
pub const FIRST_PACKET_TYPE: u8 = 200;
/// See [`FIRST_PACKET_TYPE`].
pub const LAST_PACKET_TYPE: u8 = 204;
/// A jump of more sequence numbers than this is a restart, RFC 3550 appendix A.1.
const MAX_DROPOUT: u16 = 3_000;
/// How far back a late packet may lie.
const MAX_MISORDER: u16 = 100;
const RTP_CLOCK: u64 = 90_000;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_1970: i64 = 2_208_988_800;

/// The SSRC of an RTP packet, or of the sender of an RTCP packet; none where there is no such packet.
#[inline]
pub fn ssrc_of(packet: &[u8]) -> Option<u32> {
    let &[first, kind, _, _, a, b, c, d] = packet.first_chunk::<8>()?;
    if first >> 6 != 2 {
        return None;
    }
    if is_rtcp(kind) {
        return Some(u32::from_be_bytes([a, b, c, d]));
    }
    let &[.., a, b, c, d] = packet.first_chunk::<12>()?;
    Some(u32::from_be_bytes([a, b, c, d]))
}

/// Whether the second byte of a packet says that it is RTCP.
#[inline]
pub fn is_rtcp(kind: u8) -> bool {
    (FIRST_PACKET_TYPE..=LAST_PACKET_TYPE).contains(&kind)
}

/// Numbers of one SSRC as a receiver report states them.
#[derive(Debug, Default)]
pub struct Reception {
    started: bool,
    base: u32,
    highest: u32,
    received: u64,
    earlier_expected: u64,
    earlier_received: u64,
    transit: i64,
    last_timestamp: u32,
    /// Jitter in 1/16 ticks of 90 kHz.
    jitter_16: u64,
    reported_expected: u64,
    reported_received: u64,
}

impl Reception {
    /// Takes note of a packet that arrived at `now_us`.
    #[inline]
    pub fn receive(&mut self, sequence: u16, timestamp: u32, now_us: u64) {
        if !self.started {
            *self = Reception {
                started: true,
                base: u32::from(sequence),
                highest: u32::from(sequence),
                ..Reception::default()
            };
        } else {
            let ahead = sequence.wrapping_sub(self.highest as u16);
            if ahead < MAX_DROPOUT {
                self.highest = self.highest.wrapping_add(u32::from(ahead));
            } else if ahead < u16::MAX - MAX_MISORDER {
                self.restart(sequence);
            }
        }
        self.received += 1;
        // One sample for each picture: packets of a picture share a time stamp and are sent in a burst.
        if timestamp != self.last_timestamp || self.received == 1 {
            let arrival = (now_us * RTP_CLOCK / 1_000_000) as u32;
            let transit = i64::from(arrival.wrapping_sub(timestamp) as i32);
            if self.received > 1 {
                let change = (transit - self.transit).unsigned_abs().min(RTP_CLOCK * 10);
                self.jitter_16 =
                    (self.jitter_16 + change).saturating_sub((self.jitter_16 + 8) >> 4);
            }
            self.transit = transit;
            self.last_timestamp = timestamp;
        }
    }

    /// The sender began again elsewhere: what was counted stays, the distance does not count as loss.
    fn restart(&mut self, sequence: u16) {
        self.earlier_expected = self.expected();
        self.earlier_received = self.received;
        self.base = u32::from(sequence);
        self.highest = u32::from(sequence);
    }

    /// Packets that the sequence numbers promise.
    pub fn expected(&self) -> u64 {
        if !self.started {
            return 0;
        }
        self.earlier_expected + u64::from(self.highest.wrapping_sub(self.base)) + 1
    }

    /// Packets that never came; duplicates can hide some of them.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Interarrival jitter, RFC 3550 section 6.4.1.
    pub fn jitter_us(&self) -> u64 {
        (self.jitter_16 >> 4) * 1_000_000 / RTP_CLOCK
    }

    fn report_block(
        &mut self,
        ssrc: u32,
        sender_report: Option<SenderReport>,
        now_us: u64,
    ) -> [u8; 24] {
        let expected = self.expected();
        let expected_now = expected.saturating_sub(self.reported_expected);
        let received_now = self.received.saturating_sub(self.reported_received);
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (lost_now << 8)
            .checked_div(expected_now)
            .unwrap_or(0)
            .min(255) as u8;
        self.reported_expected = expected;
        self.reported_received = self.received;
        let lost = self.lost().min(0x7F_FFFF) as u32;
        let (middle, delay) = sender_report.map_or((0, 0), |report| {
            (
                report.ntp_middle,
                (now_us.saturating_sub(report.received_at_us) * 65_536 / 1_000_000) as u32,
            )
        });
        let mut block = [0u8; 24];
        block[0..4].copy_from_slice(&ssrc.to_be_bytes());
        block[4..8].copy_from_slice(&(u32::from(fraction) << 24 | lost).to_be_bytes());
        block[8..12].copy_from_slice(&self.highest.to_be_bytes());
        block[12..16].copy_from_slice(&((self.jitter_16 >> 4) as u32).to_be_bytes());
        block[16..20].copy_from_slice(&middle.to_be_bytes());
        block[20..24].copy_from_slice(&delay.to_be_bytes());
        block
    }
}

/// What of a sender report goes back in our report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Middle 32 bits of its NTP time.
    pub ntp_middle: u32,
    /// Its NTP time in microseconds since 1970; what a sender without a clock writes is anything.
    pub wall_us: i64,
    /// When it arrived.
    pub received_at_us: u64,
}

/// Microseconds since 1970 of an NTP time. Seconds below half their range belong to the era that begins in 2036.
fn ntp_to_wall_us(seconds: u32, fraction: u32) -> i64 {
    let era = if seconds < 1 << 31 { 1i64 << 32 } else { 0 };
    let since_1970 = i64::from(seconds) + era - NTP_1970;
    since_1970 * 1_000_000 + ((u64::from(fraction) * 1_000_000) >> 32) as i64
}

/// Reads the sender report of `ssrc` out of a compound packet; anything else is `None`.
pub fn parse_sender_report(mut packet: &[u8], ssrc: u32, now_us: u64) -> Option<SenderReport> {
    while packet.len() >= 4 && packet[0] >> 6 == 2 {
        let length = (usize::from(u16::from_be_bytes([packet[2], packet[3]])) + 1) * 4;
        let unit = packet.get(..length)?;
        if unit[1] == 200 && unit.len() >= 28 && unit[4..8] == ssrc.to_be_bytes() {
            let word = |at: usize| {
                u32::from_be_bytes([unit[at], unit[at + 1], unit[at + 2], unit[at + 3]])
            };
            return Some(SenderReport {
                ntp_middle: word(8) << 16 | word(12) >> 16,
                wall_us: ntp_to_wall_us(word(8), word(12)),
                received_at_us: now_us,
            });
        }
        packet = &packet[length..];
    }
    None
}

/// A compound packet: receiver report with one block, then the CNAME that RFC 3550 section 6.1 asks for.
pub fn receiver_report(
    own_ssrc: u32,
    ssrc: u32,
    reception: &mut Reception,
    sender_report: Option<SenderReport>,
    now_us: u64,
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(52);
    packet.extend_from_slice(&[0x81, 201, 0, 7]);
    packet.extend_from_slice(&own_ssrc.to_be_bytes());
    packet.extend_from_slice(&reception.report_block(ssrc, sender_report, now_us));
    // The name is 16 hex digits of the SSRC, twice: unique without telling our address (RFC 7022).
    let name = format!("{own_ssrc:08x}{:08x}", own_ssrc.rotate_left(13) ^ ssrc);
    let mut chunk = Vec::with_capacity(24);
    chunk.extend_from_slice(&own_ssrc.to_be_bytes());
    chunk.extend_from_slice(&[1, name.len() as u8]);
    chunk.extend_from_slice(name.as_bytes());
    // An item list ends with one to four zeros, to a border of 32 bits.
    chunk.resize((chunk.len() + 4) & !3, 0);
    packet.extend_from_slice(&[0x81, 202, 0, (chunk.len() / 4) as u8]);
    packet.extend_from_slice(&chunk);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_what_the_sequence_numbers_promise_and_did_not_come() {
        let mut reception = Reception::default();
        for sequence in (65_530u32..65_556).filter(|sequence| sequence % 10 != 3) {
            reception.receive(sequence as u16, 0, 0);
        }
        assert_eq!(reception.expected(), 26);
        assert_eq!(reception.lost(), 3);
    }

    #[test]
    fn a_restart_of_the_numbers_is_no_loss() {
        let mut reception = Reception::default();
        for sequence in [10u16, 11, 12, 30_000, 30_001, 0, 1] {
            reception.receive(sequence, 0, 0);
        }
        assert_eq!((reception.expected(), reception.lost()), (7, 0));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_an_uneven_one_has() {
        let (mut even, mut uneven) = (Reception::default(), Reception::default());
        for picture in 0u64..250 {
            let shift = if picture % 2 == 0 { 10_000 } else { 0 };
            even.receive(picture as u16, (picture * 3_600) as u32, picture * 40_000);
            uneven.receive(
                picture as u16,
                (picture * 3_600) as u32,
                picture * 40_000 + shift,
            );
        }
        assert_eq!(even.jitter_us(), 0);
        assert!(
            (9_000..=11_000).contains(&uneven.jitter_us()),
            "{}",
            uneven.jitter_us()
        );
    }

    #[test]
    fn the_report_has_the_layout_of_the_rfc() {
        let mut reception = Reception::default();
        for sequence in [1u16, 2, 4] {
            reception.receive(sequence, 0, 0);
        }
        let report = SenderReport {
            ntp_middle: 0xAABB_CCDD,
            wall_us: 0,
            received_at_us: 0,
        };
        let packet = receiver_report(
            0x0102_0304,
            0x0BEB_C201,
            &mut reception,
            Some(report),
            500_000,
        );
        assert_eq!(packet[..8], [0x81, 201, 0, 7, 1, 2, 3, 4]);
        assert_eq!(packet[8..12], 0x0BEB_C201u32.to_be_bytes());
        assert_eq!(packet[12..16], [64, 0, 0, 1]);
        assert_eq!(packet[16..20], 4u32.to_be_bytes());
        assert_eq!(packet[24..28], 0xAABB_CCDDu32.to_be_bytes());
        assert_eq!(packet[28..32], 32_768u32.to_be_bytes());
        assert_eq!(packet[32..34], [0x81, 202]);
        assert_eq!(packet.len() % 4, 0);
        assert_eq!(packet.len(), 32 + 4 + usize::from(packet[35]) * 4);
    }

    #[test]
    fn ntp_times_of_both_eras_are_told() {
        assert_eq!(ntp_to_wall_us(0x83AA_7E80, 0), 0);
        assert_eq!(
            ntp_to_wall_us(0x83AA_7E80 + 1_714_521_600, 1 << 31),
            1_714_521_600_500_000
        );
        assert_eq!(ntp_to_wall_us(0, 0), ((1 << 32) - NTP_1970) * 1_000_000);
    }

    #[test]
    fn a_sender_report_is_found_in_a_compound_packet_and_garbage_is_not() {
        let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
        packet.extend_from_slice(&[0x80, 200, 0, 6, 0, 0, 0, 7]);
        packet.extend_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            parse_sender_report(&packet, 7, 5).unwrap().ntp_middle,
            0x0203_0405
        );
        assert_eq!(parse_sender_report(&packet, 8, 5), None);
        for cut in 0..packet.len() {
            assert_eq!(parse_sender_report(&packet[..cut], 7, 5), None);
        }
    }
}
