//! One clock for video and audio that never goes back and never leaps.
//!
//! Timestamps in the field stand still, count milliseconds, start anew at each key frame, leap by
//! hours when the camera's clock is set, and go back with B pictures (protocol notes 7.1; Q93,
//! Q102). Each track takes the best source that moves: PES time stamps, else the RTP timestamp,
//! else the time of arrival. Leaps are taken out: the output goes on with the average interval.
//! Where nothing is wrong the output is the source's own time, unwrapped.

mod audio;
mod source;
mod video;

use audio::AudioClock;
pub use source::Unwrapper;
use video::VideoClock;

/// Ticks per second of all times here.
pub const TICKS_PER_SECOND: i64 = 90_000;
/// A step forward by more than this is a leap.
pub const MAX_FORWARD_TICKS: i64 = 10 * TICKS_PER_SECOND;
/// A step back by more than this is a leap; smaller ones are B pictures.
pub const MAX_BACKWARD_TICKS: i64 = TICKS_PER_SECOND;
/// After a jump was asked for, a step of more than this is that jump, whatever arrival says.
const JUMP_TICKS: i64 = TICKS_PER_SECOND / 2;
/// How long an answer to a change of position or speed is waited for.
const JUMP_WINDOW_US: u64 = 10_000_000;
/// A leap is honest when as much time has passed on arrival, up to this difference.
const HONEST_WITHIN_TICKS: i64 = 2 * TICKS_PER_SECOND;

/// All that is known about the time of one picture or one piece of audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// PTS of the PES packet, 33 bits, 90 kHz.
    pub pts: Option<u64>,
    /// DTS of the PES packet, 33 bits, 90 kHz.
    pub dts: Option<u64>,
    /// RTP timestamp of the first packet.
    pub rtp: u32,
    /// Arrival of the first packet, microseconds.
    pub arrival_us: u64,
    /// Number of the payload in which it began, among those of the program stream.
    pub packet: u64,
}

/// Times of one picture, ticks of 90 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Presentation time.
    pub pts_90k: i64,
    /// Decoding time, above that of the picture before.
    pub dts_90k: i64,
}

/// What a timeline counts. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimelineStats {
    /// Leaps taken out.
    pub rebases: u64,
    /// Changes of the source (PES, RTP, arrival) or of its unit.
    pub clock_changes: u64,
}

/// Where the output stands and how it was reached, shared by both tracks.
#[derive(Debug, Clone, Copy, Default)]
struct Mapping {
    /// Output less source.
    offset: i64,
    /// Newest output.
    last: Option<i64>,
}

impl Mapping {
    /// Where `raw` would land on the other track's mapping, when that is near `expected`.
    fn adopt(self, raw: i64, expected: i64, within: i64) -> Option<i64> {
        self.last?;
        let landed = raw + self.offset;
        ((landed - expected).abs() <= within).then_some(landed)
    }
}

/// The clock of one reception.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    video: VideoClock,
    audio: AudioClock,
    stats: TimelineStats,
    sounds: u64,
}

impl Timeline {
    /// Times of the next picture in decoding order.
    pub fn video(&mut self, stamp: &Stamp) -> Times {
        self.video
            .next(stamp, self.audio.mapping(), &mut self.stats)
    }

    /// Time of the next piece of audio, which lasts `duration_90k` ticks. `rtp_rate` is the clock
    /// of the RTP timestamp, ticks per second.
    pub fn audio(&mut self, stamp: &Stamp, duration_90k: i64, rtp_rate: u32) -> i64 {
        self.sounds += 1;
        let video = self.video.mapping();
        self.audio
            .next(stamp, duration_90k, rtp_rate, video, &mut self.stats)
    }

    /// The sender was asked for another position or speed (history playback, notes 6.8): the next jump is
    /// taken out, however small it is. With `by_arrival` pictures get the times at which they arrive, because at
    /// another speed than 1 some senders rewrite their stamps and others do not.
    pub fn retime(&mut self, by_arrival: bool, now_us: u64) {
        self.video.retime(by_arrival, now_us + JUMP_WINDOW_US);
        self.audio.expect_jump(now_us + JUMP_WINDOW_US);
    }

    /// Pieces of audio so far.
    pub(crate) const fn sounds(&self) -> u64 {
        self.sounds
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> &TimelineStats {
        &self.stats
    }
}

/// Whether a step is one that nothing but a jump explains.
const fn is_jump(step: i64) -> bool {
    step < -JUMP_TICKS || step > JUMP_TICKS
}

/// Whether a step of the source is a leap that arrival does not confirm.
const fn is_leap(step: i64, arrival_step: i64) -> bool {
    if step >= -MAX_BACKWARD_TICKS && step <= MAX_FORWARD_TICKS {
        return false;
    }
    step < 0 || (step - arrival_step).abs() > HONEST_WITHIN_TICKS
}

const fn us_to_ticks(us: u64) -> i64 {
    (us as i64).wrapping_mul(9) / 100
}
