//! Pause, seek, another pace.

use super::*;

#[test]
fn a_pause_holds_the_line_and_going_on_goes_on() {
    let mut film = Film::new("pause");
    film.file(0, 100, 25, true);
    let mut run = Run::new(film.request());
    run.until(1_000_000);
    run.player.control(Control::Pause, run.now_us);
    let before = run.seen.len();
    run.until(9_000_000);
    assert_eq!(run.seen.len(), before);
    run.now_us = 9_000_000;
    run.player.control(Control::Resume, run.now_us);
    run.finish();
    assert_eq!(run.indexes(), (0..100).collect::<Vec<_>>());
    run.assert_continuous();
    assert_eq!(run.seen[before].at_us, 9_000_000);
}

#[test]
fn a_paused_begin_shows_one_picture() {
    let mut film = Film::new("preview");
    film.file(0, 50, 25, false);
    let mut run = Run::new(RecordingsRequest {
        paused: true,
        ..film.request()
    });
    run.until(5_000_000);
    assert_eq!(run.indexes(), [0]);
    run.player.control(
        Control::Seek {
            wall_us: START_US + 26 * FRAME_US,
            exact: true,
        },
        run.now_us,
    );
    run.until(6_000_000);
    assert_eq!(run.indexes(), [0, 25, 26]);
    run.player.control(Control::Resume, run.now_us);
    run.finish();
    assert_eq!(run.indexes()[3..], (27..50).collect::<Vec<_>>());
}

#[test]
fn a_seek_begins_at_the_key_frame_before_and_an_exact_one_at_the_picture() {
    let mut film = Film::new("seek");
    film.file(0, 100, 50, true).file(100, 200, 50, true);
    for exact in [false, true] {
        let mut run = Run::new(film.request());
        run.until(400_000);
        let before = run.seen.len();
        let wall_us = START_US + 190 * FRAME_US;
        run.player
            .control(Control::Seek { wall_us, exact }, run.now_us);
        run.finish();
        assert_eq!(run.indexes()[before..], (150..200).collect::<Vec<_>>());
        run.assert_continuous();
        let left = if exact { 10 } else { 50 };
        assert_eq!(run.now_us, 400_000 + left * FRAME_US as u64);
        // Back to the begin from the end.
        assert_eq!(run.player.snapshot().state, PlayState::Ended);
        run.ended = None;
        run.player.control(
            Control::Seek {
                wall_us: 0,
                exact: false,
            },
            run.now_us,
        );
        run.finish();
        assert_eq!(run.indexes()[before + 50..], (0..200).collect::<Vec<_>>());
        assert_eq!(run.player.seeks(), 2);
        assert!(run.ended.is_some());
    }
}

#[test]
fn a_change_of_pace_and_direction_goes_on_from_the_position() {
    let mut film = Film::new("change");
    film.file(0, 200, 25, true);
    let mut run = Run::new(film.request());
    run.until(2_010_000);
    run.player.control(Control::Scale(2.0), run.now_us);
    // Without sound the stream is another: it begins at a key frame, and what was shown passes at once.
    run.until(3_000_000);
    run.player.control(Control::Scale(4.0), run.now_us);
    run.until(3_200_000);
    run.player.control(Control::Scale(-1.0), run.now_us);
    run.until(5_300_000);
    run.player.control(Control::Scale(1.0), run.now_us);
    run.finish();
    run.assert_continuous();
    assert_eq!(run.configs, [true, false, true]);
    let shown = run.indexes();
    assert_eq!(
        shown[..52],
        [(0..=50).collect::<Vec<_>>(), vec![50]].concat()
    );
    let turn = shown
        .windows(2)
        .position(|pair| pair[1] < pair[0] - 10)
        .unwrap();
    assert!(
        shown[52..=turn]
            .windows(2)
            .all(|pair| pair[1] == pair[0] + 1)
    );
    assert_eq!(shown.last(), Some(&199));
}
