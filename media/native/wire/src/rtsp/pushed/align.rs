//! The clocks of the tracks beside each other.

use crate::timeline::{TICKS_PER_SECOND, Unwrapper};

/// Sender reports that would move a track further from where arrival puts it are not believed: the sender has no
/// clock, or writes anything there.
const MAX_DISAGREEMENT: u64 = 5 * TICKS_PER_SECOND as u64;
/// Changes up to this are noise of the reports.
const NOISE: u64 = TICKS_PER_SECOND as u64 / 100;

/// One track's clock. Times are ticks of 90 kHz.
#[derive(Debug)]
struct Clock {
    rate: i64,
    unwrapper: Unwrapper,
    /// Newest packet: its stamp, and its place on the track's own time line.
    newest: Option<(u32, i64)>,
    /// What is added to that place, by arrival of the first packet.
    by_arrival: i64,
    /// What is added now.
    shift: i64,
    /// The newest report: NTP time, and the stamp that stands for it.
    report: Option<(i64, u32)>,
}

impl Clock {
    fn new(rate: u32) -> Self {
        Self {
            rate: i64::from(rate.max(1)),
            unwrapper: Unwrapper::new(32),
            newest: None,
            by_arrival: 0,
            shift: 0,
            report: None,
        }
    }

    /// NTP time less place on the own time line.
    fn ntp_offset(&self) -> Option<i64> {
        let ((ntp, stamp), (newest, place)) = (self.report?, self.newest?);
        let ahead = i64::from(stamp.wrapping_sub(newest) as i32);
        Some(ntp.wrapping_sub(place.wrapping_add(ahead * TICKS_PER_SECOND / self.rate)))
    }
}

/// All clocks of one publisher.
#[derive(Debug)]
pub(super) struct Alignment {
    clocks: Vec<Clock>,
    /// When the first packet of all came, and of which track: this one is never moved.
    first: Option<(u64, usize)>,
}

impl Alignment {
    pub(super) fn new(rates: impl Iterator<Item = u32>) -> Self {
        Self {
            clocks: rates.map(Clock::new).collect(),
            first: None,
        }
    }

    /// A packet of a track has come.
    pub(super) fn packet(&mut self, track: usize, stamp: u32, now_us: u64) {
        let (first_us, _) = *self.first.get_or_insert((now_us, track));
        let Some(clock) = self.clocks.get_mut(track) else {
            return;
        };
        // A hostile sender can leap for ever: no sum here may overflow.
        let ticks = clock.unwrapper.unwrap(u64::from(stamp));
        let place = ticks.wrapping_mul(TICKS_PER_SECOND) / clock.rate;
        let is_first = clock.newest.is_none();
        clock.newest = Some((stamp, place));
        if is_first {
            let waited = (now_us.saturating_sub(first_us) as i64).wrapping_mul(9) / 100;
            clock.by_arrival = waited.wrapping_sub(place);
            clock.shift = clock.by_arrival;
            self.align();
        }
    }

    /// A compound RTCP packet of a track. A report of another SSRC than the packets have is passed over.
    pub(super) fn report(&mut self, track: usize, packet: &[u8], ssrc: Option<u32>) {
        let Some(clock) = self.clocks.get_mut(track) else {
            return;
        };
        match find_report(packet) {
            Some((sender, ntp, stamp)) if ssrc.is_none_or(|ssrc| ssrc == sender) => {
                clock.report = Some((ntp, stamp));
            }
            _ => return,
        }
        self.align();
    }

    /// What is added to a track's own times.
    pub(super) fn shift(&self, track: usize) -> i64 {
        self.clocks.get(track).map_or(0, |clock| clock.shift)
    }

    fn align(&mut self) {
        let reference = self.first.and_then(|(_, track)| self.clocks.get(track));
        let Some((base, offset)) =
            reference.and_then(|clock| Some((clock.by_arrival, clock.ntp_offset()?)))
        else {
            return;
        };
        for clock in &mut self.clocks {
            let Some(own) = clock.ntp_offset() else {
                continue;
            };
            let shift = base.wrapping_add(own.wrapping_sub(offset));
            let apart = |other: i64| shift.wrapping_sub(other).unsigned_abs();
            if apart(clock.by_arrival) <= MAX_DISAGREEMENT && apart(clock.shift) > NOISE {
                clock.shift = shift;
            }
        }
    }
}

/// SSRC, NTP time in ticks of 90 kHz and RTP time of the first sender report in a compound packet.
fn find_report(mut packet: &[u8]) -> Option<(u32, i64, u32)> {
    while let Some(&[first, kind, l0, l1]) = packet.first_chunk::<4>() {
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let (unit, rest) = packet.split_at_checked(length)?;
        if first >> 6 != 2 {
            return None;
        }
        if kind == 200 {
            let word = |at: usize| -> Option<u32> {
                Some(u32::from_be_bytes(*unit.get(at..)?.first_chunk::<4>()?))
            };
            let (seconds, fraction) = (word(8)?, word(12)?);
            let ticks = i64::from(seconds) * TICKS_PER_SECOND
                + ((i64::from(fraction) * TICKS_PER_SECOND + (1 << 31)) >> 32);
            return (ticks != 0).then_some((word(4)?, ticks, word(16)?));
        }
        packet = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ssrc: u32, seconds: u32, milliseconds: u32, stamp: u32) -> Vec<u8> {
        let fraction = ((u64::from(milliseconds) << 32) / 1_000) as u32;
        let mut packet = vec![0x80, 200, 0, 6];
        for word in [ssrc, seconds, fraction, stamp, 0, 0] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
        packet
    }

    fn video_and_sound() -> Alignment {
        Alignment::new([90_000, 8_000].into_iter())
    }

    #[test]
    fn without_reports_arrival_puts_the_tracks_beside_each_other() {
        let mut alignment = video_and_sound();
        alignment.packet(0, 1_000_000, 5_000_000);
        alignment.packet(1, 8_000, 5_100_000);
        assert_eq!(alignment.shift(0), -1_000_000);
        assert_eq!(alignment.shift(1), 9_000 - 90_000);
    }

    #[test]
    fn reports_move_the_later_track_whether_they_come_before_the_packets_or_after() {
        for before in [true, false] {
            let mut alignment = video_and_sound();
            // The sound of this moment left 300 ms late.
            let reports = |alignment: &mut Alignment| {
                alignment.report(0, &report(1, 1_000, 0, 1_000_000), None);
                alignment.report(1, &report(2, 1_000, 500, 8_000), None);
            };
            if before {
                reports(&mut alignment);
            }
            alignment.packet(0, 1_000_000, 5_000_000);
            alignment.packet(1, 8_000, 5_800_000);
            if !before {
                reports(&mut alignment);
            }
            assert_eq!(alignment.shift(0), -1_000_000);
            assert_eq!(alignment.shift(1), 45_000 - 90_000);
        }
    }

    #[test]
    fn small_changes_foreign_reports_and_nonsense_move_nothing() {
        let mut alignment = video_and_sound();
        alignment.packet(0, 0, 5_000_000);
        alignment.packet(1, 0, 5_000_000);
        alignment.report(0, &report(1, 1_000, 0, 0), Some(1));
        for (ssrc, seconds, milliseconds) in
            [(2, 1_000, 9), (3, 1_001, 0), (2, 9_000, 0), (2, 0, 0)]
        {
            alignment.report(1, &report(ssrc, seconds, milliseconds, 0), Some(2));
            assert_eq!(alignment.shift(1), 0);
        }
        alignment.report(1, &report(2, 1_000, 100, 0), Some(2));
        assert_eq!(alignment.shift(1), 9_000);
    }

    #[test]
    fn any_bytes_are_no_report() {
        let whole = report(1, 2, 0, 3);
        for cut in 0..whole.len() {
            assert_eq!(find_report(&whole[..cut]), None);
        }
        assert_eq!(find_report(&[0x40; 40]), None);
        let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
        compound.extend(whole);
        assert_eq!(find_report(&compound), Some((1, 180_000, 3)));
    }
}
