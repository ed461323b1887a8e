//! The newest segments of a stream. They hold the units themselves: no byte of the media is there twice.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::unit::{StreamConfig, Unit, VIDEO_CLOCK};

/// Part durations stay a little below what the playlist promises.
const PART_SLACK: f64 = 1.05;
/// Interval of pictures assumed while none is known, 90 kHz.
const DEFAULT_PICTURE: i64 = 3_600;
/// Longest segment that is promised.
const MAX_TARGET_S: i64 = 12;

/// How a window is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// Shortest segment; it is cut at the first key frame after it, 90 kHz.
    pub(crate) segment_90k: i64,
    /// Length of a part that is aimed at, 90 kHz.
    pub(crate) part_90k: i64,
    /// Whole segments that are kept.
    pub(crate) segments: usize,
    /// Most bytes of them; older ones go first.
    pub(crate) bytes: usize,
}

/// Some pictures in a row that can be fetched before their segment is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Over the whole stream, so that the next one has a name before it is known which segment it is in.
    pub(crate) number: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) duration_90k: i64,
    pub(crate) is_independent: bool,
}

/// Pictures from a key frame on.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    /// Number of its description.
    pub(crate) init: u64,
    pub(crate) config: Arc<StreamConfig>,
    /// It does not go on from the segment before it.
    pub(crate) is_discontinuous: bool,
    pub(crate) duration_90k: i64,
    pub(crate) units: Vec<Arc<Unit>>,
    pub(crate) parts: Vec<Part>,
    bytes: usize,
}

impl Segment {
    fn start(&self) -> i64 {
        self.units.first().map_or(0, |unit| unit.time)
    }

    pub(crate) fn start_wall_us(&self) -> i64 {
        self.units.first().map_or(0, |unit| unit.wall_us)
    }

    /// Units that are in no part yet begin here.
    fn loose(&self) -> usize {
        self.parts.last().map_or(0, |part| part.to)
    }
}

/// The window.
#[derive(Debug)]
pub(crate) struct Window {
    limits: Limits,
    pub(crate) target_s: i64,
    /// Longest part, 90 kHz.
    pub(crate) part_target_90k: i64,
    pub(crate) whole: VecDeque<Segment>,
    pub(crate) open: Option<Segment>,
    config: Option<Arc<StreamConfig>>,
    init: u64,
    is_discontinuous: bool,
    pub(crate) discontinuities: u64,
    next_sequence: u64,
    pub(crate) next_part: u64,
    /// Sequence of the newest unit in it.
    newest_unit: u64,
    bytes: usize,
}

impl Window {
    /// `gop_90k`: how far the key frames of the stream are apart; `picture_90k`: its pictures. 0 = not known.
    pub(crate) fn new(limits: Limits, gop_90k: i64, picture_90k: i64) -> Window {
        let longest = limits.segment_90k.max(gop_90k + gop_90k / 5);
        let target_s = (longest + VIDEO_CLOCK - 1) / VIDEO_CLOCK;
        let picture = if picture_90k > 0 {
            picture_90k
        } else {
            DEFAULT_PICTURE
        };
        let pictures = (limits.part_90k + picture - 1) / picture;
        Window {
            limits,
            target_s: target_s.clamp(1, MAX_TARGET_S),
            part_target_90k: (pictures.max(1) as f64 * picture as f64 * PART_SLACK) as i64,
            whole: VecDeque::new(),
            open: None,
            config: None,
            init: 0,
            is_discontinuous: false,
            discontinuities: 0,
            next_sequence: 0,
            next_part: 0,
            newest_unit: 0,
            bytes: 0,
        }
    }

    /// The stream is described anew: the next segment needs another initialisation.
    pub(crate) fn describe(&mut self, config: &Arc<StreamConfig>) {
        // What the window began with may be delivered once more.
        if self
            .config
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, config))
        {
            return;
        }
        self.is_discontinuous = self.open.is_some() || !self.whole.is_empty();
        if let Some(last) = self.open.as_ref().and_then(|open| open.units.last()) {
            self.close(last.time + i64::from(last.duration));
        }
        self.config = Some(Arc::clone(config));
        self.init += 1;
    }

    /// The next picture. Nothing begins before a key frame, and nothing is taken twice.
    pub(crate) fn push(&mut self, unit: &Arc<Unit>) {
        let Some(config) = &self.config else { return };
        if !Arc::ptr_eq(config, &unit.config) || unit.sequence <= self.newest_unit {
            return;
        }
        self.newest_unit = unit.sequence;
        if let Some(open) = &self.open {
            let so_far = unit.time - open.start();
            let due = unit.is_key() && so_far >= self.limits.segment_90k;
            if due || so_far + i64::from(unit.duration) > self.longest() {
                self.close(unit.time);
            } else {
                self.close_part(unit.time, i64::from(unit.duration));
            }
        }
        if self.open.is_none() {
            if !unit.is_key() && self.next_sequence == 0 {
                return;
            }
            self.begin();
        }
        if let Some(open) = &mut self.open {
            let size = unit.fragment().iter().map(|part| part.len()).sum::<usize>();
            open.bytes += size;
            self.bytes += size;
            open.units.push(Arc::clone(unit));
            let end = unit.time + i64::from(unit.duration);
            self.close_part(end, i64::from(unit.duration));
        }
    }

    /// EXTINF, rounded, is not above the target (section 4.4.3.1).
    fn longest(&self) -> i64 {
        self.target_s * VIDEO_CLOCK + VIDEO_CLOCK * 2 / 5
    }

    fn begin(&mut self) {
        let Some(config) = self.config.clone() else {
            return;
        };
        self.open = Some(Segment {
            sequence: self.next_sequence,
            init: self.init,
            config,
            is_discontinuous: std::mem::take(&mut self.is_discontinuous),
            duration_90k: 0,
            units: Vec::new(),
            parts: Vec::new(),
            bytes: 0,
        });
        self.next_sequence += 1;
    }

    /// Makes a part of the loose units when another picture would make it too long.
    fn close_part(&mut self, end: i64, next: i64) {
        let target = self.part_target_90k;
        let Some(open) = &mut self.open else { return };
        let from = open.loose();
        let Some(first) = open.units.get(from) else {
            return;
        };
        if end - first.time + next > target {
            self.end_part(end);
        }
    }

    fn end_part(&mut self, end: i64) {
        let Some(open) = &mut self.open else { return };
        let (from, to) = (open.loose(), open.units.len());
        let Some(first) = open.units.get(from) else {
            return;
        };
        let part = Part {
            number: self.next_part,
            from,
            to,
            duration_90k: (end - first.time).max(1),
            is_independent: first.is_key(),
        };
        open.parts.push(part);
        self.next_part += 1;
    }

    fn close(&mut self, end: i64) {
        self.end_part(end);
        let Some(mut done) = self.open.take() else {
            return;
        };
        done.duration_90k = (end - done.start()).max(1);
        self.whole.push_back(done);
        while self.whole.len() > self.limits.segments.max(1)
            || (self.whole.len() > 1 && self.bytes > self.limits.bytes)
        {
            if let Some(old) = self.whole.pop_front() {
                self.bytes -= old.bytes;
                self.discontinuities += u64::from(old.is_discontinuous);
            }
        }
    }

    /// The stream is over.
    pub(crate) fn end(&mut self) {
        if let Some(last) = self.open.as_ref().and_then(|open| open.units.last()) {
            self.close(last.time + i64::from(last.duration));
        }
    }

    /// Whole segments and the open one.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.whole.iter().chain(&self.open)
    }

    /// Number of the segment that is open, or will be.
    pub(crate) fn newest(&self) -> u64 {
        self.open
            .as_ref()
            .map_or(self.next_sequence, |open| open.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{unit_of, video_config};

    pub(crate) const LIMITS: Limits = Limits {
        segment_90k: VIDEO_CLOCK,
        part_90k: VIDEO_CLOCK / 5,
        segments: 3,
        bytes: 1 << 20,
    };

    fn config() -> Arc<StreamConfig> {
        Arc::new(StreamConfig::new(video_config(64), None).unwrap())
    }

    fn fed(window: &mut Window, config: &Arc<StreamConfig>, range: std::ops::Range<u64>, gop: u64) {
        for sequence in range {
            window.push(&unit_of(config, sequence, sequence % gop == 1, 100));
        }
    }

    #[test]
    fn segments_are_cut_at_key_frames_and_parts_after_five_pictures() {
        let mut window = Window::new(LIMITS, 2 * VIDEO_CLOCK, 3_600);
        let config = config();
        window.describe(&config);
        fed(&mut window, &config, 10..200, 50);
        assert_eq!((window.target_s, window.part_target_90k), (3, 18_900));
        assert_eq!(window.whole.len(), 2);
        for segment in &window.whole {
            assert_eq!(segment.duration_90k, 2 * VIDEO_CLOCK);
            assert_eq!(segment.parts.len(), 10);
            assert!(segment.parts.iter().all(|part| part.duration_90k == 18_000));
            assert!(segment.parts[0].is_independent && !segment.parts[1].is_independent);
            assert!(segment.units[0].is_key());
        }
        let open = window.open.as_ref().unwrap();
        assert_eq!((open.units.len(), open.parts.len()), (49, 9));
        assert_eq!(window.next_part, 29);
    }

    #[test]
    fn the_window_is_bounded_in_segments_and_bytes() {
        for (limits, kept) in [
            (LIMITS, 3),
            (
                Limits {
                    bytes: 10_000,
                    ..LIMITS
                },
                1,
            ),
        ] {
            let mut window = Window::new(limits, VIDEO_CLOCK, 3_600);
            let config = config();
            window.describe(&config);
            fed(&mut window, &config, 1..500, 25);
            assert_eq!(window.whole.len(), kept);
            let held: usize = window.segments().map(|segment| segment.bytes).sum();
            assert_eq!(window.bytes, held);
        }
    }

    #[test]
    fn a_stream_without_key_frames_is_cut_all_the_same() {
        let mut window = Window::new(LIMITS, VIDEO_CLOCK, 3_600);
        let config = config();
        window.describe(&config);
        fed(&mut window, &config, 1..500, 100_000);
        assert!(window.whole.iter().all(|segment| {
            (segment.duration_90k + VIDEO_CLOCK / 2) / VIDEO_CLOCK <= window.target_s
        }));
    }

    #[test]
    fn what_the_window_began_with_is_not_taken_again() {
        let mut window = Window::new(LIMITS, VIDEO_CLOCK, 3_600);
        let config = config();
        window.describe(&config);
        fed(&mut window, &config, 1..30, 25);
        window.describe(&config);
        fed(&mut window, &config, 20..60, 25);
        let taken: Vec<u64> = window
            .segments()
            .flat_map(|segment| &segment.units)
            .map(|unit| unit.sequence)
            .collect();
        assert_eq!(taken, (1..60).collect::<Vec<u64>>());
        assert!(window.segments().all(|segment| !segment.is_discontinuous));
    }

    #[test]
    fn a_new_description_is_a_discontinuity() {
        let mut window = Window::new(LIMITS, VIDEO_CLOCK, 3_600);
        let (first, second) = (config(), config());
        window.describe(&first);
        fed(&mut window, &first, 1..30, 25);
        window.describe(&second);
        window.push(&unit_of(&first, 30, false, 10));
        fed(&mut window, &second, 51..80, 25);
        let marks: Vec<(u64, bool)> = window
            .segments()
            .map(|segment| (segment.init, segment.is_discontinuous))
            .collect();
        assert_eq!(marks, [(1, false), (1, false), (2, true), (2, false)]);
    }
}
