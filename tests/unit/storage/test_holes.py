"""Pauses inside a recording are told from pieces that follow each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from media.facts import SegmentGrown
from storage.holes import Hole, Holes

START = datetime(2026, 5, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def grown(holes: Holes, end_s: float, duration_s: float, segment: str = "a") -> Hole | None:
    return holes.grown(SegmentGrown("r", segment, 1000, duration_s, START, at(end_s)))


def test_pieces_that_follow_each_other_have_no_hole() -> None:
    holes = Holes()
    assert holes.opened("a", START) is None
    assert [grown(holes, second, second) for second in range(1, 60)] == [None] * 59
    assert holes.opened("b", at(59)) is None
    assert grown(holes, 60, 1.0, "b") is None


def test_a_pause_whose_time_is_taken_out_of_the_file() -> None:
    holes = Holes()
    holes.opened("a", START)
    grown(holes, 10, 10.0)
    assert grown(holes, 26, 11.0) == (at(10), at(25))
    assert grown(holes, 27, 12.0) is None


def test_a_pause_during_which_the_camera_s_clock_ran_on() -> None:
    holes = Holes()
    holes.opened("a", START)
    grown(holes, 10, 10.0)
    assert grown(holes, 26, 26.0) == (at(12), at(26))


def test_a_pause_at_the_end_of_a_file() -> None:
    holes = Holes()
    holes.opened("a", START)
    grown(holes, 10, 10.0)
    assert holes.opened("b", at(12.9)) is None
    assert holes.opened("c", at(20)) == (at(12.9), at(20))


def test_slow_pictures_are_no_hole() -> None:
    holes = Holes()
    holes.opened("a", START)
    assert grown(holes, 4.9, 2.0) is None
    assert grown(holes, 9.8, 6.9) is None
