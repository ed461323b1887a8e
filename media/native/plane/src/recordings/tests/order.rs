//! Which pictures come, in what order and rhythm.

use super::*;

#[test]
fn forwards_every_picture_comes_in_its_time_with_its_sound() {
    let mut film = Film::new("forwards");
    film.file(0, 100, 25, true).file(100, 160, 25, true);
    let mut run = Run::new(film.request());
    run.finish();
    assert_eq!(run.indexes(), (0..160).collect::<Vec<_>>());
    run.assert_continuous();
    assert_eq!(run.configs, [true]);
    for seen in &run.seen {
        assert_eq!(seen.at_us, (seen.index * FRAME_US) as u64);
        assert_eq!(seen.unit.wall_us, START_US + seen.index * FRAME_US);
        assert_eq!(seen.unit.time, seen.index * FRAME);
        let sound = &seen.unit.audio[0];
        assert_eq!((sound.time, sound.duration), (seen.index * 320, 320));
        let law: Vec<u8> = (0..320).map(|n| (n + seen.index) as u8).collect();
        assert_eq!(sound.original(), law);
    }
    assert_eq!(run.ended, Some("end of recordings"));
    // The last picture stands its time before the end is told.
    assert_eq!(run.now_us, (160 * FRAME_US) as u64);
    assert_eq!(run.player.snapshot().state, PlayState::Ended);
    // Ten bytes a picture: never more than a fragment and what is left of one.
    assert!(run.most_held <= 10 * (25 + 8), "{}", run.most_held);
}

#[test]
fn at_another_pace_pictures_are_nearer_or_farther_and_without_sound() {
    let mut film = Film::new("paces");
    film.file(0, 100, 25, true);
    for scale in [0.25, 0.5, 2.0, 4.0, 8.0, 16.0] {
        let mut run = Run::new(RecordingsRequest {
            scale,
            ..film.request()
        });
        run.finish();
        assert_eq!(run.indexes(), (0..100).collect::<Vec<_>>());
        run.assert_continuous();
        assert_eq!(run.configs, [false]);
        assert!(run.seen.iter().all(|seen| seen.unit.audio.is_empty()));
        let wanted = 4e6 / scale;
        assert!(
            (run.now_us as f64 - wanted).abs() < 50.0,
            "{scale}: {}",
            run.now_us
        );
        let last = &run.seen.last().unwrap().unit;
        let length = last.time + i64::from(last.duration);
        assert_eq!(length, (360_000.0 / scale) as i64);
    }
}

#[test]
fn stamps_may_be_those_of_the_recording_at_any_pace() {
    let mut film = Film::new("stamps");
    film.file(0, 50, 25, false);
    let mut run = Run::new(RecordingsRequest {
        scale: 4.0,
        stamps: Stamps::Recorded,
        ..film.request()
    });
    run.finish();
    run.assert_continuous();
    assert!(
        run.seen
            .iter()
            .all(|seen| seen.unit.duration == FRAME as u32)
    );
    assert_eq!(run.now_us, 500_000);
}

#[test]
fn too_many_bits_for_a_fast_pace_leave_key_frames_alone() {
    let mut film = Film::new("bits");
    film.file(0, 100, 25, false);
    let reader_mode = |max_bps| {
        let mut run = Run::new(RecordingsRequest {
            scale: 8.0,
            ..film.request()
        });
        run.player
            .set_mode(crate::recordings::chunk::Mode::Fast { max_bps });
        run.finish();
        run.assert_continuous();
        assert!(run.now_us.abs_diff(500_000) < 50, "{}", run.now_us);
        run.indexes()
    };
    assert_eq!(reader_mode(1_000_000).len(), 100);
    assert_eq!(reader_mode(1_000), [0, 25, 50, 75]);
}

#[test]
fn backwards_by_key_frames_over_files() {
    let mut film = Film::new("keysback");
    film.file(0, 75, 25, true)
        .file(75, 125, 25, true)
        .file(125, 150, 25, true);
    let mut run = Run::new(RecordingsRequest {
        scale: -2.0,
        ..film.request()
    });
    run.finish();
    assert_eq!(run.indexes(), [125, 100, 75, 50, 25, 0]);
    assert_eq!((run.configs.len(), run.player.snapshot().gaps), (1, 0));
    run.assert_continuous();
    assert_eq!(run.ended, Some("begin of range"));
    assert_eq!(run.now_us, 3_000_000);
}

#[test]
fn every_key_frame_is_shown_also_where_there_are_many() {
    let mut film = Film::new("manykeys");
    film.file(0, 60, 5, false).file(60, 120, 5, false);
    let request = RecordingsRequest {
        begin_us: START_US + 12 * FRAME_US,
        end_us: START_US + 100 * FRAME_US,
        scale: -1.0,
        ..film.request()
    };
    let mut run = Run::new(request.clone());
    run.finish();
    let expected: Vec<i64> = (10..=100).rev().step_by(5).collect();
    assert_eq!(run.indexes(), expected);
    run.assert_continuous();
    let mut run = Run::new(RecordingsRequest {
        scale: 8.0,
        ..request
    });
    run.player
        .set_mode(crate::recordings::chunk::Mode::Fast { max_bps: 1 });
    run.finish();
    assert_eq!(run.indexes(), (10..100).step_by(5).collect::<Vec<_>>());
    run.assert_continuous();
}

#[test]
fn backwards_by_groups_no_picture_is_left_out() {
    // Groups shorter than a fragment, as long, and longer.
    for gop in [5, 10, 25, 40, 50] {
        let mut film = Film::new(&format!("groups{gop}"));
        film.file(0, 100, gop, false).file(100, 200, gop, false);
        let mut run = Run::new(RecordingsRequest {
            scale: -1.0,
            whole_groups: true,
            ..film.request()
        });
        run.finish();
        let begins: Vec<i64> = (0..200)
            .filter(|index| index % gop == 0 || *index == 100)
            .collect();
        let mut expected = Vec::new();
        for (place, &begin) in begins.iter().enumerate().rev() {
            // A file that does not begin with a key frame is played from its first one.
            let end = begins.get(place + 1).copied().unwrap_or(200);
            if begin % gop == 0 {
                expected.extend(begin..end);
            }
        }
        assert_eq!(run.indexes(), expected, "groups of {gop}");
        run.assert_continuous();
        assert_eq!(run.ended, Some("begin of range"));
    }
}

#[test]
fn the_range_is_kept_at_both_ends() {
    let mut film = Film::new("range");
    film.file(0, 200, 25, false);
    let range = RecordingsRequest {
        begin_us: START_US + 60 * FRAME_US,
        end_us: START_US + 120 * FRAME_US,
        ..film.request()
    };
    let mut run = Run::new(range.clone());
    run.finish();
    assert_eq!(run.indexes(), (50..120).collect::<Vec<_>>());
    assert_eq!(run.ended, Some("end of range"));
    let mut run = Run::new(RecordingsRequest {
        scale: -1.0,
        whole_groups: true,
        ..range
    });
    run.finish();
    assert_eq!(run.indexes().first(), Some(&100));
    assert_eq!(run.indexes().last(), Some(&74));
    assert_eq!(run.ended, Some("begin of range"));
}

#[test]
fn a_download_has_sound_at_any_pace_and_waits_for_its_readers() {
    let mut film = Film::new("download");
    film.file(0, 200, 25, true);
    let download = RecordingsRequest {
        scale: 4.0,
        download: true,
        ..film.request()
    };
    let mut run = Run::new(download.clone());
    run.finish();
    assert_eq!(run.indexes(), (0..200).collect::<Vec<_>>());
    assert!(run.seen.iter().all(|seen| seen.unit.audio.len() == 1));
    assert!(
        run.seen
            .iter()
            .all(|seen| seen.unit.duration == FRAME as u32)
    );
    assert_eq!(run.now_us, 2_000_000);
    let mut run = Run::new(RecordingsRequest {
        scale: 0.0,
        ..download
    });
    run.backlog = 2 << 20;
    for _ in 0..100 {
        run.step();
    }
    assert!(run.seen.is_empty());
    run.backlog = 10;
    for _ in 0..100 {
        run.step();
    }
    assert_eq!((run.seen.len(), run.ended), (200, None));
    run.backlog = 0;
    run.finish();
    assert_eq!(run.ended, Some("end of recordings"));
}
