//! Rates over the last seconds: pictures, bits, and the distance of key frames.

/// Length of one window.
const WINDOW_US: u64 = 1_000_000;
/// Part of the former value that stays when a window closes.
const KEPT: f64 = 0.5;

/// Meters of one session, fed with counters and read once a tick.
#[derive(Debug, Default)]
pub struct Rates {
    window_from_us: u64,
    bytes: u64,
    pictures: u64,
    /// Pictures for each second.
    pub fps: f64,
    /// Bits for each second, RTP headers included.
    pub bitrate_bps: f64,
    keyframe_at_us: Option<u64>,
    pictures_since: u64,
    /// Pictures between the last two key frames.
    pub gop_pictures: u64,
    /// Time between them.
    pub gop_us: u64,
}

impl Rates {
    /// A picture is complete.
    pub fn picture(&mut self, keyframe: bool, now_us: u64) {
        if keyframe {
            if let Some(last) = self.keyframe_at_us {
                self.gop_pictures = self.pictures_since;
                self.gop_us = now_us.saturating_sub(last);
            }
            self.keyframe_at_us = Some(now_us);
            self.pictures_since = 0;
        }
        self.pictures_since += 1;
    }

    /// When the last key frame was complete.
    pub fn keyframe_at_us(&self) -> Option<u64> {
        self.keyframe_at_us
    }

    /// Closes a window when it is over. `bytes` and `pictures` are totals that only rise.
    pub fn tick(&mut self, bytes: u64, pictures: u64, now_us: u64) {
        let first = self.window_from_us == 0;
        let length = now_us.saturating_sub(self.window_from_us);
        if !first && length < WINDOW_US {
            return;
        }
        if !first {
            let seconds = length as f64 / 1e6;
            let bits = bytes.saturating_sub(self.bytes) as f64 * 8.0 / seconds;
            let fps = pictures.saturating_sub(self.pictures) as f64 / seconds;
            let steady = self.bitrate_bps > 0.0 && bits > 0.0;
            let kept = if steady { KEPT } else { 0.0 };
            self.bitrate_bps = self.bitrate_bps * kept + bits * (1.0 - kept);
            self.fps = self.fps * kept + fps * (1.0 - kept);
        }
        self.window_from_us = now_us;
        self.bytes = bytes;
        self.pictures = pictures;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_rates_and_a_dead_one_shows_zero() {
        let mut rates = Rates::default();
        let (mut bytes, mut pictures) = (0, 0);
        for index in 0..100u64 {
            let now_us = 5_000_000 + index * 40_000;
            rates.tick(bytes, pictures, now_us);
            rates.picture(index % 50 == 0, now_us);
            bytes += 20_000;
            pictures += 1;
        }
        assert!((rates.fps - 25.0).abs() < 0.5, "{}", rates.fps);
        assert!(
            (rates.bitrate_bps - 4e6).abs() < 1e5,
            "{}",
            rates.bitrate_bps
        );
        assert_eq!((rates.gop_pictures, rates.gop_us), (50, 2_000_000));
        rates.tick(bytes, pictures, 12_000_000);
        rates.tick(bytes, pictures, 14_000_000);
        assert_eq!((rates.fps, rates.bitrate_bps), (0.0, 0.0));
    }
}
