//! Gaps, files that are gone, damage, a disk that does not answer.

use super::*;

#[test]
fn gaps_are_passed_over_and_counted() {
    let mut film = Film::new("gaps");
    film.file(0, 50, 25, false).file(5_000, 5_050, 25, false);
    let mut run = Run::new(film.request());
    run.finish();
    let expected: Vec<i64> = (0..50).chain(5_000..5_050).collect();
    assert_eq!(run.indexes(), expected);
    run.assert_continuous();
    assert_eq!(run.player.snapshot().gaps, 1);
    // A seek into the gap finds what comes after it.
    let mut run = Run::new(RecordingsRequest {
        begin_us: START_US + 3_000 * FRAME_US,
        ..film.request()
    });
    run.finish();
    assert_eq!(run.indexes(), (5_000..5_050).collect::<Vec<_>>());
    // Backwards it finds what was before.
    let mut run = Run::new(RecordingsRequest {
        end_us: START_US + 3_000 * FRAME_US,
        scale: -1.0,
        ..film.request()
    });
    run.finish();
    assert_eq!(run.indexes(), [25, 0]);
}

#[test]
fn files_that_are_gone_or_no_films_are_told_and_passed_over() {
    let mut film = Film::new("gone");
    film.file(0, 50, 25, false)
        .file(50, 100, 25, false)
        .file(100, 150, 25, false)
        .file(150, 200, 25, false);
    std::fs::remove_file(film.path(1)).unwrap();
    std::fs::write(film.path(2), b"no film at all").unwrap();
    let mut run = Run::new(film.request());
    run.finish();
    let expected: Vec<i64> = (0..50).chain(150..200).collect();
    assert_eq!(run.indexes(), expected);
    assert_eq!(run.skipped.len(), 2);
    assert_eq!(run.player.snapshot().files_skipped, 2);
    // Nothing at all is an end as well, also of one that stands still.
    for path in [film.path(0), film.path(3)] {
        std::fs::remove_file(path).unwrap();
    }
    for paused in [false, true] {
        let mut run = Run::new(RecordingsRequest {
            paused,
            ..film.request()
        });
        run.finish();
        assert_eq!((run.seen.len(), run.ended), (0, Some("end of recordings")));
    }
}

#[test]
fn damage_inside_a_file_costs_pictures_up_to_a_key_frame() {
    let mut film = Film::new("damage");
    film.file(0, 100, 10, false);
    let mut bytes = std::fs::read(film.path(0)).unwrap();
    let hit = bytes
        .windows(10)
        .position(|window| window == [0, 0, 0, 6, 0x65, 0, 0, 0, 0, 33])
        .unwrap();
    bytes[hit] = 0x7F;
    std::fs::write(film.path(0), &bytes).unwrap();
    let mut run = Run::new(film.request());
    run.finish();
    let expected: Vec<i64> = (0..33).chain(40..100).collect();
    assert_eq!(run.indexes(), expected);
    assert_eq!(run.player.snapshot().pictures_damaged, 7);
    // Half a file is played to where it is cut.
    std::fs::write(film.path(0), &bytes[..bytes.len() / 2]).unwrap();
    let mut run = Run::new(film.request());
    run.finish();
    assert!(run.seen.len() >= 18 && run.ended.is_some());
}

#[test]
fn a_file_that_is_still_written_is_played_to_its_newest_fragment() {
    let mut film = Film::new("growing");
    film.file(0, 100, 25, false);
    let whole = std::fs::read(film.path(0)).unwrap();
    std::fs::write(film.path(0), &whole[..whole.len() / 2]).unwrap();
    let mut run = Run::new(film.request());
    run.until(500_000);
    std::fs::write(film.path(0), &whole).unwrap();
    run.finish();
    assert_eq!(run.indexes(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_does_not_answer_costs_its_file() {
    let mut film = Film::new("stuck");
    film.file(0, 50, 25, false).file(50, 100, 25, false);
    let mut run = Run::new(film.request());
    let mut turn = Turn::default();
    run.player.advance(0, &|| 0, &mut turn);
    let mut lost = run.player.take_reader().unwrap();
    let late = lost.next_chunk(&mut Vec::new());
    let skip = run.player.give_up_reading().unwrap();
    assert_eq!(skip.start_us, START_US);
    assert_eq!(run.player.epoch(), 1);
    drop(late);
    run.finish();
    assert_eq!(run.indexes(), (50..100).collect::<Vec<_>>());
}
