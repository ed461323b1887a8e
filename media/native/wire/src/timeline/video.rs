//! Times of pictures.

use super::source::Source;
use super::{MAX_FORWARD_TICKS, Mapping, Stamp, TICKS_PER_SECOND, TimelineStats, Times};
use super::{is_jump, is_leap, us_to_ticks};

/// Interval assumed before any is known: 25 pictures per second.
const FIRST_INTERVAL: i64 = 3_600;
/// Pictures in a row without PTS after which the RTP timestamp is used.
const MISSING_LIMIT: u32 = 10;
/// Deepest reordering of B pictures that is followed.
const MAX_REORDER: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum SourceKind {
    Pes,
    Rtp,
    Arrival,
}

/// The clock of the video.
#[derive(Debug, Clone)]
pub(super) struct VideoClock {
    kind: Option<SourceKind>,
    /// The best source that moves, also while another is followed.
    best: Option<SourceKind>,
    by_arrival: bool,
    /// Until when a jump is expected; 0: none is.
    jump_until_us: u64,
    pes: Source,
    rtp: Source,
    missing: u32,
    mapping: Mapping,
    last_raw: i64,
    last_arrival_us: u64,
    last_dts: Option<i64>,
    interval: i64,
    /// The stream has sent DTS: where it is absent it equals PTS.
    sends_dts: bool,
    order: DecodeOrder,
}

impl Default for VideoClock {
    fn default() -> Self {
        Self {
            kind: None,
            best: None,
            by_arrival: false,
            jump_until_us: 0,
            pes: Source::new(33),
            rtp: Source::new(32),
            missing: 0,
            mapping: Mapping::default(),
            last_raw: 0,
            last_arrival_us: 0,
            last_dts: None,
            interval: FIRST_INTERVAL,
            sends_dts: false,
            order: DecodeOrder::default(),
        }
    }
}

/// What the chosen source says about one picture.
struct Raw {
    pts: i64,
    dts: Option<i64>,
    /// Source or unit changed: nothing follows from the step to the picture before.
    fresh: bool,
}

impl VideoClock {
    pub(super) const fn mapping(&self) -> Mapping {
        self.mapping
    }

    pub(super) const fn retime(&mut self, by_arrival: bool, until_us: u64) {
        self.by_arrival = by_arrival;
        self.jump_until_us = until_us;
    }

    pub(super) fn next(
        &mut self,
        stamp: &Stamp,
        audio: Mapping,
        stats: &mut TimelineStats,
    ) -> Times {
        let times = match self.raw(stamp, stats) {
            Some(raw) => self.place(&raw, stamp, audio, stats),
            // No PTS on this one picture: it follows the one before.
            None => {
                let dts = self.last_dts.unwrap_or(0) + self.interval;
                Times {
                    pts_90k: dts,
                    dts_90k: dts,
                }
            }
        };
        self.finish(times, stamp)
    }

    /// Reads the best source; none when only this picture lacks a stamp.
    fn raw(&mut self, stamp: &Stamp, stats: &mut TimelineStats) -> Option<Raw> {
        let (rtp, rtp_rescaled) = self.rtp.next(u64::from(stamp.rtp), stamp.arrival_us);
        let pes = stamp.pts.map(|pts| self.pes.next(pts, stamp.arrival_us));
        self.missing = if pes.is_some() { 0 } else { self.missing + 1 };
        let before = self.kind;
        let kind = self.choose(pes.is_some());
        self.kind = Some(kind);
        let changed = before.is_some() && before != self.kind;
        let (pts, rescaled) = match (kind, pes) {
            (SourceKind::Pes, None) => return None,
            (SourceKind::Pes, Some(pes)) => pes,
            (SourceKind::Rtp, _) => (rtp, rtp_rescaled),
            (SourceKind::Arrival, _) => (us_to_ticks(stamp.arrival_us), false),
        };
        if changed || rescaled {
            stats.clock_changes += 1;
            self.order = DecodeOrder::default();
        }
        let dts = stamp.dts.filter(|_| kind == SourceKind::Pes);
        self.sends_dts |= dts.is_some();
        Some(Raw {
            pts,
            dts: dts.map(|dts| self.pes.beside(dts)),
            fresh: before.is_none() || changed || rescaled,
        })
    }

    /// Sources only get worse in one reception, so that the output does not swing.
    fn choose(&mut self, has_pts: bool) -> SourceKind {
        let first = if has_pts {
            SourceKind::Pes
        } else {
            SourceKind::Rtp
        };
        let mut kind = self.best.unwrap_or(first);
        if kind == SourceKind::Pes && (self.pes.is_stuck() || self.missing > MISSING_LIMIT) {
            kind = SourceKind::Rtp;
        }
        if kind == SourceKind::Rtp && self.rtp.is_stuck() {
            kind = SourceKind::Arrival;
        }
        self.best = Some(kind);
        if self.by_arrival {
            SourceKind::Arrival
        } else {
            kind
        }
    }

    /// Whether this step is the jump that was asked for; there is one for each time of asking.
    const fn jumps(&mut self, step: i64, arrival_us: u64) -> bool {
        let jumps = arrival_us < self.jump_until_us && is_jump(step);
        if jumps {
            self.jump_until_us = 0;
        }
        jumps
    }

    fn place(
        &mut self,
        raw: &Raw,
        stamp: &Stamp,
        audio: Mapping,
        stats: &mut TimelineStats,
    ) -> Times {
        let decode = raw.dts.unwrap_or(raw.pts);
        match self.last_dts {
            None => self.start(decode, audio),
            Some(last) => {
                let step = raw.pts - self.last_raw;
                let arrival = us_to_ticks(stamp.arrival_us) - us_to_ticks(self.last_arrival_us);
                if raw.fresh || self.jumps(step, stamp.arrival_us) || is_leap(step, arrival) {
                    stats.rebases += u64::from(!raw.fresh);
                    let expected = last + self.interval;
                    let landed = audio.adopt(decode, expected, TICKS_PER_SECOND);
                    self.mapping.offset = landed.unwrap_or(expected) - decode;
                    self.order = DecodeOrder::default();
                } else if step == 0 && raw.dts.is_none() {
                    // Two pictures with one stamp: the second goes half way to the next.
                    let dts = last + (self.interval / 2).max(1);
                    return Times {
                        pts_90k: dts,
                        dts_90k: dts,
                    };
                }
            }
        }
        self.last_raw = raw.pts;
        let pts = raw.pts + self.mapping.offset;
        let dts = match raw.dts {
            Some(dts) => dts + self.mapping.offset,
            None if self.sends_dts => pts,
            None => self.order.decode_time(pts),
        };
        Times {
            pts_90k: pts,
            dts_90k: dts,
        }
    }

    /// The first picture keeps the source's time, unless audio runs on quite another one.
    fn start(&mut self, decode: i64, audio: Mapping) {
        if let Some(last) = audio.last {
            let landed = audio.adopt(decode, last, MAX_FORWARD_TICKS);
            self.mapping.offset = landed.unwrap_or(last) - decode;
        }
    }

    /// Makes decoding times rise, and learns the interval.
    fn finish(&mut self, mut times: Times, stamp: &Stamp) -> Times {
        if let Some(last) = self.last_dts {
            times.dts_90k = times.dts_90k.max(last + 1);
            let step = times.dts_90k - last;
            if (2..TICKS_PER_SECOND).contains(&step) {
                self.interval += (step - self.interval) / 8;
            }
        }
        if !self.sends_dts && self.order.depth == 0 {
            times.pts_90k = times.pts_90k.max(times.dts_90k);
        }
        self.last_dts = Some(times.dts_90k);
        self.mapping.last = self.last_dts;
        self.last_arrival_us = stamp.arrival_us;
        times
    }
}

/// Decoding times for a stream of B pictures without DTS: the presentation times in order, as
/// many pictures late as the reordering is deep. The depth is learned from the stream.
#[derive(Debug, Clone, Default)]
struct DecodeOrder {
    depth: usize,
    /// The newest presentation times, oldest first.
    recent: Vec<i64>,
}

impl DecodeOrder {
    fn decode_time(&mut self, pts: i64) -> i64 {
        if self.recent.len() > MAX_REORDER {
            self.recent.remove(0);
        }
        let later = self.recent.iter().filter(|&&other| other > pts).count();
        self.depth = self.depth.max(later.min(MAX_REORDER));
        self.recent.push(pts);
        if self.depth == 0 {
            return pts;
        }
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        sorted[sorted.len().saturating_sub(self.depth + 1)]
    }
}
