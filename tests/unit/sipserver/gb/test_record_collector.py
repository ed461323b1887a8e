"""Answers to RecordInfo put together; what they cover; how a search is cut up. Q30, Q38."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import record_collector
from sipserver.gb.ids import GbId
from sipserver.gb.messages.record_info import RecordItem, RecordResponse, record_fragments
from sipserver.gb.record_collector import RecordCollector, coverage, windows

CHANNEL = GbId("34020000001320000012")
DAY = datetime(2024, 5, 1, tzinfo=UTC)


def line(start_s: float, end_s: float, path: str = "") -> RecordItem:
    second = timedelta(seconds=1)
    return RecordItem(str(CHANNEL), DAY + start_s * second, DAY + end_s * second, file_path=path)


def lines(count: int) -> list[RecordItem]:
    return [line(60 * number, 60 * number + 60) for number in range(count)]


@given(count=st.integers(1, 30), size=st.integers(1, 7), seed=st.integers())
def test_fragments_in_any_order_and_twice_make_the_whole(count: int, size: int, seed: int) -> None:
    parts = record_fragments("7", CHANNEL, lines(count), size) * 2
    random.Random(seed).shuffle(parts)
    collector = RecordCollector(now=0.0)
    for part in parts:
        collector.receive(part, now=1.0)
    assert collector.result is not None
    assert collector.result.complete
    assert list(collector.result.items) == lines(count)
    assert collector.next_timer() is None


def test_the_first_part_is_waited_for_longer_than_the_next() -> None:
    parts = record_fragments("7", CHANNEL, lines(2), 1)
    collector = RecordCollector(now=0.0, first_s=15.0, quiet_s=8.0)
    assert collector.next_timer() == 15.0
    collector.receive(parts[0], now=14.0)
    assert collector.next_timer() == 22.0
    collector.handle_timer(21.9)
    assert collector.result is None
    collector.handle_timer(22.0)
    assert collector.result is not None
    assert (collector.result.complete, collector.result.was_answered) == (False, True)


def test_silence_and_an_empty_answer_are_told_apart() -> None:
    silent = RecordCollector(now=0.0)
    silent.handle_timer(15.0)
    assert silent.result is not None
    assert (silent.result.was_answered, silent.result.complete) == (False, False)
    empty = RecordCollector(now=0.0)
    empty.receive(RecordResponse("7", CHANNEL, 0), now=1.0)
    assert empty.result is not None
    assert (empty.result.was_answered, empty.result.complete) == (True, True)


def test_a_trickle_ends_at_the_total_time() -> None:
    collector = RecordCollector(now=0.0, quiet_s=8.0, total_s=20.0)
    for second in range(1, 20):
        collector.receive(RecordResponse("7", CHANNEL, 1000, (lines(20)[second],)), now=float(second))
    assert collector.next_timer() == 20.0


def test_lines_that_cannot_be_used_count_towards_the_sum() -> None:
    collector = RecordCollector(now=0.0)
    collector.receive(RecordResponse("7", CHANNEL, 2, (lines(1)[0],), unusable=1), now=1.0)
    assert collector.result is not None
    assert collector.result.complete
    collector.receive(RecordResponse("7", CHANNEL, 9, tuple(lines(9))), now=2.0)
    assert len(collector.result.items) == 1


def test_what_one_answer_may_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, count, complete in ((3, 2, True), (3, 3, False), (3, 4, False)):
        monkeypatch.setattr(record_collector, "MAX_COLLECTED_RECORDS", limit)
        collector = RecordCollector(now=0.0)
        collector.receive(RecordResponse("7", CHANNEL, min(count, limit), tuple(lines(count))), now=1.0)
        assert collector.result is not None
        assert (len(collector.result.items), collector.result.complete) == (min(count, limit), complete)


@pytest.mark.parametrize(("count", "cut"), [(499, False), (500, True), (24, False), (100, True)])
def test_round_numbers_of_lines_are_doubted(count: int, cut: bool) -> None:
    """Q38."""
    collector = RecordCollector(now=0.0)
    collector.receive(RecordResponse("7", CHANNEL, count, tuple(lines(count))), now=1.0)
    assert collector.result is not None
    assert collector.result.may_be_cut is cut


def test_coverage_joins_what_touches_and_cuts_what_sticks_out() -> None:
    found = [line(-100, 50), line(49, 80), line(81, 100), line(200, 200), line(150, 400), line(300, 350)]
    spans = coverage(found, DAY, DAY + timedelta(seconds=300))
    seconds = [((start - DAY).total_seconds(), (end - DAY).total_seconds()) for start, end in spans]
    assert seconds == [(0, 100), (150, 300)]
    assert coverage([], DAY, DAY + timedelta(days=1)) == []


@given(st.integers(1, 500), st.integers(1, 100))
def test_windows_cover_the_whole_without_overlap(hours: int, longest: int) -> None:
    pieces = windows(DAY, DAY + timedelta(hours=hours), longest * 3600.0)
    assert pieces[0][0] == DAY
    assert pieces[-1][1] == DAY + timedelta(hours=hours)
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(pieces))
    assert all(end - start <= timedelta(hours=longest) for start, end in pieces)
