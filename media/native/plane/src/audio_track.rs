//! The sound of a stream on an even time line, coded for fMP4: G.711 becomes FLAC, AAC stays.

use tongshi_wire::flac::MAX_BLOCK_SAMPLES;
use tongshi_wire::g711::Law;
use tongshi_wire::{AudioCodec, AudioConfig, AudioFrame, aac};

use crate::timing::{bounded, rescale};
use crate::unit::{AudioSample, VIDEO_CLOCK};

/// A frame may lie so far from where the last one ended before the time line moves: 1/5 s. Cameras stamp
/// sound by their own clock, and a gap or overlap at each frame would be heard.
const TOLERANCE_DIVISOR: i64 = 5;
/// Within that, the mean distance is steered back when it grows over 1/50 s. The camera's sound is counted by one
/// crystal and stamped by another: left alone, a difference of 200 ppm would be 17 s in a day.
const STEER_DIVISOR: i64 = 50;
/// Frames over which the distance is averaged, as a power of two.
const MEAN_SHIFT: i64 = 5;
/// At most one sample of so many is left out or repeated, which nobody hears.
const STEER_SAMPLES: i64 = 64;
/// Sound that stays behind the time line for so many seconds moves it back: its clock was set.
const PATIENCE_S: i64 = 2;

/// State of one sound track.
pub struct AudioTrack {
    /// What it is.
    pub config: AudioConfig,
    /// When the last frame arrived.
    pub last_at_us: u64,
    next: Option<i64>,
    behind: i64,
    /// Mean distance of the stamps from the time line, in 1/32 samples.
    ahead_32: i64,
}

impl AudioTrack {
    /// A track whose time line begins with its first frame.
    pub fn new(config: AudioConfig, now_us: u64) -> AudioTrack {
        AudioTrack {
            config,
            last_at_us: now_us,
            next: None,
            behind: 0,
            ahead_32: 0,
        }
    }

    /// Codes one frame and appends it to `out`. `origin_90k` is the camera's time at 0 of the time line.
    pub fn code(&mut self, frame: AudioFrame, origin_90k: i64, out: &mut Vec<AudioSample>) {
        let rate = i64::from(self.config.sample_rate.max(1));
        let samples = match self.config.codec {
            AudioCodec::Aac => i64::from(aac::SAMPLES_PER_FRAME),
            AudioCodec::G711A | AudioCodec::G711U => frame.data.len() as i64,
        };
        let apart = bounded(frame.pts_90k).saturating_sub(bounded(origin_90k));
        let stamped = rescale(apart, rate, VIDEO_CLOCK);
        let Some(start) = self.place(stamped, samples, rate) else {
            return;
        };
        let steered = self.steer(samples, rate);
        let law = match self.config.codec {
            AudioCodec::Aac => {
                // A frame cannot be cut: one is left out when more than half of it, or a small gap, is due.
                if steered < 0 && self.ahead_32 >> MEAN_SHIFT < -samples / 2 {
                    self.ahead_32 += samples << MEAN_SHIFT;
                    return;
                }
                let start = start + steered.max(0);
                self.ahead_32 -= steered.max(0) << MEAN_SHIFT;
                self.next = Some(start + samples);
                push(out, frame.data, None, (start, samples as u32));
                return;
            }
            AudioCodec::G711A => Law::A,
            AudioCodec::G711U => Law::Mu,
        };
        let mut data = frame.data;
        if let Some(&last) = data.last() {
            data.resize((samples + steered).max(1) as usize, last);
        }
        self.ahead_32 -= steered << MEAN_SHIFT;
        self.next = Some(start + data.len() as i64);
        if data.len() <= MAX_BLOCK_SAMPLES {
            let duration = data.len() as u32;
            push(out, data, Some(law), (start, duration));
            return;
        }
        let mut time = start;
        for block in data.chunks(MAX_BLOCK_SAMPLES) {
            let duration = block.len() as u32;
            push(out, block.to_vec(), Some(law), (time, duration));
            time += block.len() as i64;
        }
    }

    /// Samples that this frame should be longer (or shorter) by, so that sound stays with the pictures.
    fn steer(&self, samples: i64, rate: i64) -> i64 {
        let ahead = self.ahead_32 >> MEAN_SHIFT;
        // At rates that no microphone has, the divided one is 0.
        if ahead.abs() < (rate / STEER_DIVISOR).max(1) {
            return 0;
        }
        ahead.signum() * (samples / STEER_SAMPLES).clamp(1, ahead.abs())
    }

    /// Where the frame goes, or none when it must be left out to catch up.
    fn place(&mut self, stamped: i64, samples: i64, rate: i64) -> Option<i64> {
        let Some(next) = self.next else {
            return Some(stamped);
        };
        let ahead = stamped - next;
        if ahead > rate / TOLERANCE_DIVISOR {
            self.behind = 0;
            self.ahead_32 = 0;
            return Some(stamped);
        }
        if ahead >= -rate / TOLERANCE_DIVISOR {
            self.behind = 0;
            self.ahead_32 += ahead - (self.ahead_32 >> MEAN_SHIFT);
            return Some(next);
        }
        self.behind += samples;
        // Never backwards in a file: after patience the frame follows on, however late it says it is.
        (self.behind > rate * PATIENCE_S).then_some(next)
    }
}

/// Most pictures have one piece of sound: the list does not take room for more than it gets.
fn push(out: &mut Vec<AudioSample>, data: Vec<u8>, law: Option<Law>, (time, duration): (i64, u32)) {
    out.reserve_exact(1);
    out.push(AudioSample::new(data, law, time, duration));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> AudioTrack {
        let config = AudioConfig {
            codec: AudioCodec::G711A,
            sample_rate: 8_000,
            channels: 1,
            asc: Vec::new(),
        };
        AudioTrack::new(config, 0)
    }

    fn times(track: &mut AudioTrack, stamps_90k: &[i64]) -> Vec<i64> {
        let mut out = Vec::new();
        for &pts_90k in stamps_90k {
            let frame = AudioFrame {
                codec: AudioCodec::G711A,
                data: vec![0xD5; 160],
                pts_90k,
            };
            track.code(frame, 0, &mut out);
        }
        out.iter().map(|sample| sample.time).collect()
    }

    #[test]
    fn uneven_stamps_give_an_even_time_line() {
        assert_eq!(
            times(&mut track(), &[0, 2_000, 3_400, 5_500]),
            [0, 160, 320, 480]
        );
    }

    #[test]
    fn a_gap_moves_the_time_line_forward() {
        assert_eq!(times(&mut track(), &[0, 90_000]), [0, 8_000]);
    }

    #[test]
    fn a_frame_far_behind_is_left_out_until_patience_ends() {
        let stamps: Vec<i64> = std::iter::once(90_000).chain((0..102).map(|_| 0)).collect();
        assert_eq!(times(&mut track(), &stamps), [8_000, 8_160, 8_320]);
    }

    #[test]
    fn no_rate_and_no_leap_breaks_the_time_line() {
        for sample_rate in [0, 1, 49, u32::MAX] {
            let mut track = track();
            track.config.sample_rate = sample_rate;
            let stamps = [0, 0, i64::MAX, i64::MIN, 3_600];
            let times = times(&mut track, &stamps);
            assert!(times.is_sorted(), "{times:?}");
        }
    }

    #[test]
    fn a_long_packet_is_cut_into_blocks() {
        let mut out = Vec::new();
        let frame = AudioFrame {
            codec: AudioCodec::G711A,
            data: vec![0xD5; 5_000],
            pts_90k: 0,
        };
        track().code(frame, 0, &mut out);
        let durations: Vec<u32> = out.iter().map(|sample| sample.duration).collect();
        assert_eq!(durations, [4_608, 392]);
        let original: Vec<usize> = out.iter().map(|sample| sample.original().len()).collect();
        assert_eq!(original, [4_608, 392]);
    }
}
