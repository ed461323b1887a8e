//! The media playlist of a window.

use std::fmt::Write;

use super::window::{Part, Segment, Window};
use crate::unit::VIDEO_CLOCK;

/// Segments at the end whose parts are listed (at least three target durations, section 4.4.4.9).
const SEGMENTS_WITH_PARTS: usize = 3;
/// PART-HOLD-BACK in parts: at least three (section 4.4.3.8).
const HOLD_BACK_PARTS: f64 = 3.0;

fn seconds(ticks: i64) -> f64 {
    ticks as f64 / VIDEO_CLOCK as f64
}

/// The playlist for the bearer of `pass`, which every address in it carries.
pub(crate) fn write(window: &Window, pass: &str, is_ended: bool) -> String {
    let part_target = seconds(window.part_target_90k);
    let first = window.whole.front().or(window.open.as_ref());
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{}\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={:.3}\n#EXT-X-PART-INF:PART-TARGET={:.3}\n\
         #EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
        window.target_s,
        part_target * HOLD_BACK_PARTS + 0.001,
        part_target,
        first.map_or(0, |segment| segment.sequence),
        window.discontinuities,
    );
    let with_parts = window.whole.len().saturating_sub(SEGMENTS_WITH_PARTS);
    let mut init = None;
    for (index, segment) in window.whole.iter().enumerate() {
        put_head(&mut text, segment, &mut init, pass);
        if index >= with_parts {
            put_parts(&mut text, &segment.parts, pass);
        }
        let _ = write!(
            text,
            "#EXTINF:{:.5},\nsegment{}.m4s?{pass}\n",
            seconds(segment.duration_90k),
            segment.sequence
        );
    }
    if let Some(open) = &window.open {
        put_head(&mut text, open, &mut init, pass);
        put_parts(&mut text, &open.parts, pass);
    }
    if is_ended {
        text.push_str("#EXT-X-ENDLIST\n");
    } else {
        let _ = writeln!(
            text,
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part{}.m4s?{pass}\"",
            window.next_part
        );
    }
    text
}

fn put_head(text: &mut String, segment: &Segment, init: &mut Option<u64>, pass: &str) {
    if segment.is_discontinuous {
        text.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if *init != Some(segment.init) {
        *init = Some(segment.init);
        let _ = writeln!(text, "#EXT-X-MAP:URI=\"init{}.mp4?{pass}\"", segment.init);
    }
    let _ = writeln!(
        text,
        "#EXT-X-PROGRAM-DATE-TIME:{}",
        date_time(segment.start_wall_us())
    );
}

fn put_parts(text: &mut String, parts: &[Part], pass: &str) {
    for part in parts {
        let independent = if part.is_independent {
            ",INDEPENDENT=YES"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "#EXT-X-PART:DURATION={:.5},URI=\"part{}.m4s?{pass}\"{independent}",
            seconds(part.duration_90k),
            part.number
        );
    }
}

/// ISO 8601 in UTC, milliseconds. The days are counted in eras of 400 years that begin on 1 March.
fn date_time(wall_us: i64) -> String {
    let (day, second) = (
        wall_us.div_euclid(86_400_000_000),
        wall_us.rem_euclid(86_400_000_000) / 1_000,
    );
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hours, minutes, seconds, milliseconds) = (
        second / 3_600_000,
        second / 60_000 % 60,
        second / 1_000 % 60,
        second % 1_000,
    );
    format!(
        "{year:04}-{month:02}-{day_of_month:02}T{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}Z"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::outputs::hls::window::Limits;
    use crate::testing::{unit_of, video_config};
    use crate::unit::StreamConfig;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (wall_us, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789_000, "2000-02-29T12:34:56.789Z"),
            (1_700_000_000_000_000, "2023-11-14T22:13:20.000Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999Z"),
        ] {
            assert_eq!(date_time(wall_us), text);
        }
    }

    #[test]
    fn a_playlist_names_whole_segments_and_the_parts_of_the_open_one() {
        let limits = Limits {
            segment_90k: VIDEO_CLOCK,
            part_90k: VIDEO_CLOCK / 5,
            segments: 2,
            bytes: 1 << 20,
        };
        let mut window = Window::new(limits, VIDEO_CLOCK, 3_600);
        let config = Arc::new(StreamConfig::new(video_config(64), None).unwrap());
        window.describe(&config);
        (1..=82).for_each(|sequence| {
            window.push(&unit_of(&config, sequence, sequence % 25 == 1, 10));
        });
        let text = write(&window, "tag=a", false);
        let head = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.631\n#EXT-X-PART-INF:PART-TARGET=0.210\n\
             #EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-MAP:URI=\"init1.mp4?tag=a\"\n\
             #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:21.000Z\n\
             #EXT-X-PART:DURATION=0.20000,URI=\"part5.m4s?tag=a\",INDEPENDENT=YES\n";
        assert!(text.starts_with(head), "{text}");
        let tail = "#EXTINF:1.00000,\nsegment2.m4s?tag=a\n\
             #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:23.000Z\n\
             #EXT-X-PART:DURATION=0.20000,URI=\"part15.m4s?tag=a\",INDEPENDENT=YES\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part16.m4s?tag=a\"\n";
        assert!(text.ends_with(tail), "{text}");
        assert!(write(&window, "", true).ends_with("#EXT-X-ENDLIST\n"));
    }
}
