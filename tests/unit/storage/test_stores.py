"""The stores of storage: one contract for the SQL and for the twins in memory, and what only SQL does."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.errors import BadCursor
from catalog.model import RetentionClass
from storage.errors import LedgerBroken
from storage.gaps import GapLedger
from storage.index import SegmentIndex
from storage.ledger import GENESIS, DeletionLedger
from storage.model import DeletionReason, GapCause, SegmentState
from storage.store import RequestStore, StateStore
from storage.tables import deletions
from tests.unit.storage.fakes import (
    KEY,
    OTHER,
    START,
    FakeGaps,
    FakeIndex,
    FakeRequests,
    FakeState,
    segment,
)

DAY = timedelta(days=1)


@pytest.fixture(params=["sql", "memory"])
def is_sql(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "sql")


@pytest.fixture
def index(is_sql: bool, engine: AsyncEngine) -> Any:
    return SegmentIndex(engine) if is_sql else FakeIndex()


@pytest.fixture
def gaps(is_sql: bool, engine: AsyncEngine) -> Any:
    return GapLedger(engine) if is_sql else FakeGaps()


@pytest.fixture
def requests(is_sql: bool, engine: AsyncEngine) -> Any:
    return RequestStore(engine) if is_sql else FakeRequests()


@pytest.fixture
def state(is_sql: bool, engine: AsyncEngine) -> Any:
    return StateStore(engine) if is_sql else FakeState()


class TestIndexContract:
    async def test_segment_is_read_back_as_it_was_saved(self, index: Any) -> None:
        made = segment(1, first_pts_90k=-5, last_pts_90k=2**40, audio_codec="G711A", width=1920, height=1080)
        await index.save([made])
        assert await index.get_segment(made.segment_id) == made
        assert await index.get_segment("nothing") is None

    async def test_later_state_replaces_the_earlier_one_but_not_whose_it_is(self, index: Any) -> None:
        first = segment(1, state=SegmentState.OPEN, keep_until=None, size_bytes=10)
        await index.save([first])
        later = replace(first, state=SegmentState.CLOSED, size_bytes=99, path="elsewhere.mp4", device_id="x")
        await index.save([later])
        stored = await index.get_segment(first.segment_id)
        assert (stored.state, stored.size_bytes) == (SegmentState.CLOSED, 99)
        assert (stored.path, stored.device_id) == (first.path, first.device_id)

    @pytest.mark.parametrize(("second", "winner"), [(40, 40), (20, 30), (None, 30)])
    async def test_promise_is_only_raised(self, index: Any, second: int | None, winner: int) -> None:
        made = segment(1, keep_until=START + 30 * DAY, retention_class=RetentionClass.ORDINARY)
        await index.save([made])
        until = None if second is None else START + second * DAY
        await index.save([replace(made, keep_until=until, retention_class=RetentionClass.KEY)])
        stored = await index.get_segment(made.segment_id)
        assert stored.keep_until == START + winner * DAY
        assert stored.retention_class is (RetentionClass.KEY if winner == 40 else RetentionClass.ORDINARY)

    async def test_deleted_segment_stays_deleted(self, index: Any) -> None:
        made = segment(1, state=SegmentState.DELETED)
        await index.save([made])
        await index.save([replace(made, state=SegmentState.CLOSED, size_bytes=5)])
        assert await index.get_segment(made.segment_id) == made

    async def test_newest_end_is_per_channel(self, index: Any) -> None:
        rows = [
            segment(1),
            segment(5),
            segment(9, state=SegmentState.DELETED),
            segment(3, key=OTHER, state=SegmentState.OPEN, keep_until=None),
        ]
        await index.save(rows)
        assert await index.newest_end() == {KEY: rows[1].end_time, OTHER: rows[3].end_time}
        assert await index.newest_end([OTHER]) == {OTHER: rows[3].end_time}
        assert await index.newest_end([]) == {}


class TestGapContract:
    async def test_first_cause_of_an_open_gap_stands(self, gaps: Any) -> None:
        await gaps.begin(KEY, START, GapCause.DEVICE_OFFLINE, "first")
        await gaps.begin(KEY, START + DAY, GapCause.NO_MEDIA, "second")
        (gap,) = await gaps.list_gaps(KEY, START - DAY, START + 9 * DAY)
        assert (gap.start_time, gap.end_time, gap.cause, gap.detail) == (
            START,
            None,
            GapCause.DEVICE_OFFLINE,
            "first",
        )

    async def test_gap_ends_once_and_another_may_follow(self, gaps: Any) -> None:
        await gaps.begin(KEY, START, GapCause.NO_MEDIA)
        await gaps.begin(OTHER, START, GapCause.NO_MEDIA)
        await gaps.end(KEY, START + DAY)
        await gaps.end(KEY, START + 2 * DAY)
        await gaps.begin(KEY, START + 3 * DAY, GapCause.REFUSED)
        found = await gaps.list_gaps(KEY, START, START + 9 * DAY)
        assert [(gap.start_time, gap.end_time) for gap in found] == [
            (START, START + DAY),
            (START + 3 * DAY, None),
        ]
        assert set(await gaps.open_gaps()) == {KEY, OTHER}

    async def test_gap_never_ends_before_it_began(self, gaps: Any) -> None:
        """A clock that was set back must not turn it around."""
        await gaps.begin(KEY, START, GapCause.NO_MEDIA)
        await gaps.end(KEY, START - DAY)
        await gaps.add(KEY, START, START - DAY, GapCause.MEDIA, "")
        assert [gap.end_time for gap in await gaps.list_gaps(KEY, START, START + DAY)] == []
        found = await gaps.list_gaps(KEY, START - DAY, START + DAY)
        assert all(gap.end_time == START for gap in found)

    async def test_ending_what_is_not_open_is_no_error(self, gaps: Any) -> None:
        await gaps.end(KEY, START)
        assert await gaps.open_gaps() == {}


class TestRequestContract:
    async def test_requests_are_kept_until_taken_back(self, requests: Any) -> None:
        await requests.add(KEY, "li", START)
        await requests.add(KEY, "wang", START + DAY)
        await requests.add(OTHER, "", START)
        assert set(await requests.load()) == {KEY, OTHER}
        await requests.remove(KEY)
        await requests.remove(KEY)
        assert set(await requests.load()) == {OTHER}


class TestInstantContract:
    async def test_instants_are_remembered_by_name(self, state: Any) -> None:
        assert await state.get_time("a") is None
        await state.set_time("a", START)
        await state.set_time("a", START + DAY)
        assert await state.get_time("a") == START + DAY


@pytest.fixture
def sql(engine: AsyncEngine) -> SegmentIndex:
    return SegmentIndex(engine)


async def _listed(
    sql: SegmentIndex, start: datetime | None, end: datetime | None, limit: int = 100
) -> list[int]:
    found, cursor = [], None
    while True:
        page = await sql.list_segments(KEY, start, end, cursor, limit)
        found += [int(each.segment_id[-6:]) for each in page.items]
        cursor = page.next
        if cursor is None:
            return found


async def test_segments_are_listed_by_overlap_in_order_and_in_pages(sql: SegmentIndex) -> None:
    await sql.save([segment(number) for number in (4, 2, 1, 3, 5)])
    await sql.save([segment(6, key=OTHER), segment(7, state=SegmentState.DELETED)])
    minute = timedelta(minutes=1)
    assert await _listed(sql, None, None) == [1, 2, 3, 4, 5]
    assert await _listed(sql, None, None, limit=2) == [1, 2, 3, 4, 5]
    assert await _listed(sql, START + 2.5 * minute, START + 4 * minute, limit=1) == [2, 3]
    assert await _listed(sql, START + 3 * minute, START + 3 * minute + timedelta(microseconds=1)) == [3]
    with pytest.raises(BadCursor):
        await sql.list_segments(KEY, cursor="WzFd")


async def test_oldest_footage_and_totals_count_what_is_on_disk(sql: SegmentIndex) -> None:
    await sql.save([segment(1, state=SegmentState.DELETED), segment(2), segment(3), segment(4, key=OTHER)])
    await sql.save([segment(5, state=SegmentState.MISSING)])
    assert await sql.oldest() == {KEY: segment(2).start_time, OTHER: segment(4).start_time}
    assert await sql.totals() == (3, 3000)


async def test_walk_meets_every_segment_once(sql: SegmentIndex) -> None:
    await sql.save([segment(number) for number in range(25)])
    met, after = [], ""
    while batch := await sql.walk({SegmentState.CLOSED}, after, 7):
        met += [each.segment_id for each in batch]
        after = met[-1]
    assert len(met) == len(set(met)) == 25


async def test_known_ids_are_found_in_any_number(sql: SegmentIndex) -> None:
    await sql.save([segment(number) for number in range(3)])
    asked = [segment(number).segment_id for number in range(40_000)]
    assert await sql.known(asked) == {segment(number).segment_id for number in range(3)}


async def test_state_of_deleted_segments_cannot_be_set(sql: SegmentIndex) -> None:
    await sql.save([segment(1), segment(2, state=SegmentState.DELETED)])
    await sql.set_state([segment(1).segment_id, segment(2).segment_id], SegmentState.MISSING)
    states = [await sql.get_segment(segment(number).segment_id) for number in (1, 2)]
    assert [each.state for each in states if each] == [SegmentState.MISSING, SegmentState.DELETED]


async def test_expired_are_met_in_the_order_of_their_promises(sql: SegmentIndex) -> None:
    rows = [segment(number, keep_until=START + (5 - number // 2) * DAY) for number in range(6)]
    await sql.save(rows)
    await sql.save([segment(7, state=SegmentState.MISSING), segment(8, state=SegmentState.OPEN)])
    met, last = [], None
    while batch := await sql.expired(SegmentState.CLOSED, START + 4.5 * DAY, 2, last):
        met += [int(each.segment_id[-6:]) for each in batch]
        last = batch[-1]
    assert met == [4, 5, 2, 3]


async def test_rows_of_long_deleted_footage_are_forgotten_in_bounded_steps(sql: SegmentIndex) -> None:
    deleted = [segment(n, state=SegmentState.DELETED, keep_until=START + n * DAY) for n in range(6)]
    await sql.save([*deleted, segment(9, keep_until=START)])
    assert await sql.forget_deleted(START + 4 * DAY, 3) == 3
    assert await sql.forget_deleted(START + 4 * DAY, 3) == 1
    assert await sql.forget_deleted(START + 4 * DAY, 3) == 0
    left = await sql.known([segment(n).segment_id for n in range(10)])
    assert left == {segment(n).segment_id for n in (4, 5, 9)}


async def test_list_does_not_read_the_whole_past_of_a_channel(sql: SegmentIndex) -> None:
    """What began a day before the asked range cannot reach into it, so it is not even looked at."""
    await sql.save([segment(1, end_time=START + 3 * DAY), segment(2, end_time=START + 1.5 * DAY)])
    page = await sql.list_segments(KEY, START + 2 * DAY, START + 4 * DAY)
    assert page.items == []
    page = await sql.list_segments(KEY, START + 0.9 * DAY, START + 4 * DAY)
    assert len(page.items) == 2


async def test_promises_are_raised_in_bulk_and_never_lowered(sql: SegmentIndex) -> None:
    rows = [segment(1), segment(2)]
    await sql.save(rows)
    longer = replace(rows[0], keep_until=START + 90 * DAY, retention_class=RetentionClass.KEY)
    shorter = replace(rows[1], keep_until=START, retention_class=RetentionClass.KEY)
    await sql.raise_promises([longer, shorter])
    assert await sql.get_segment(rows[0].segment_id) == longer
    assert await sql.get_segment(rows[1].segment_id) == rows[1]


async def test_statements_compile_for_postgresql(engine: AsyncEngine) -> None:
    index = SegmentIndex(engine)
    index._dialect = "postgresql"
    compiled = str(index._save_statement().compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "ON CONFLICT (segment_id) DO UPDATE" in compiled
    assert "WHERE segments.state != " in compiled


class TestLedger:
    async def test_entries_are_chained_and_mark_their_segments(self, engine: AsyncEngine) -> None:
        index, ledger = SegmentIndex(engine), DeletionLedger(engine)
        rows = [segment(number) for number in range(4)]
        await index.save(rows)
        await ledger.record(rows[:3], START + DAY)
        await ledger.record(rows[3:], START + 2 * DAY, DeletionReason.EMPTY)
        entries = (await ledger.list_entries()).items
        assert [entry.seq for entry in entries] == [1, 2, 3, 4]
        assert entries[0].previous_hash == GENESIS
        assert [entry.previous_hash for entry in entries[1:]] == [entry.hash for entry in entries[:-1]]
        assert entries[3].reason is DeletionReason.EMPTY
        found = await ledger.verify()
        assert (found.entries, found.newest_hash) == (4, entries[-1].hash)
        stored = await index.get_segment(rows[0].segment_id)
        assert stored is not None
        assert (stored.state, stored.deleted_time) == (SegmentState.DELETED, START + DAY)

    async def test_empty_ledger_holds(self, engine: AsyncEngine) -> None:
        ledger = DeletionLedger(engine)
        await ledger.record([], START)
        assert (await ledger.verify()).entries == 0
        assert await ledger.count() == 0

    async def test_pages_follow_each_other(self, engine: AsyncEngine) -> None:
        ledger = DeletionLedger(engine)
        await ledger.record([segment(number) for number in range(5)], START)
        first = await ledger.list_entries(limit=3)
        rest = await ledger.list_entries(first.next, 3)
        assert [entry.seq for entry in first.items + rest.items] == [1, 2, 3, 4, 5]
        assert rest.next is None

    async def test_any_changed_field_breaks_the_chain(self, engine: AsyncEngine) -> None:
        ledger = DeletionLedger(engine)
        await ledger.record([segment(number) for number in range(3)], START)
        for column in deletions.columns:
            if column.name == "seq":
                continue
            async with engine.begin() as connection:
                kept = (
                    (await connection.execute(deletions.select().where(deletions.c.seq == 2)))
                    .mappings()
                    .one()
                )
                await connection.execute(
                    update(deletions)
                    .where(deletions.c.seq == 2)
                    .values({column.name: _other(kept[column.name])})
                )
            with pytest.raises((LedgerBroken, ValueError)):
                await ledger.verify()
            async with engine.begin() as connection:
                await connection.execute(update(deletions).where(deletions.c.seq == 2).values(dict(kept)))
            assert (await ledger.verify()).entries == 3

    @pytest.mark.parametrize("seq", [1, 2])
    async def test_missing_entry_breaks_the_chain(self, engine: AsyncEngine, seq: int) -> None:
        ledger = DeletionLedger(engine)
        await ledger.record([segment(number) for number in range(3)], START)
        async with engine.begin() as connection:
            await connection.execute(delete(deletions).where(deletions.c.seq == seq))
        with pytest.raises(LedgerBroken, match=f"entry {seq}"):
            await ledger.verify()

    async def test_writers_at_the_same_time_make_one_chain(self, engine: AsyncEngine) -> None:
        ledger = DeletionLedger(engine)
        await asyncio.gather(*(ledger.record([segment(number)], START) for number in range(12)))
        assert (await ledger.verify()).entries == 12

    async def test_marking_and_entry_are_one_transaction(self, engine: AsyncEngine) -> None:
        """When the marks cannot be written, no entry says that they were."""
        index, ledger = SegmentIndex(engine), DeletionLedger(engine)
        await index.save([segment(1)])
        async with engine.begin() as connection:
            await connection.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE UPDATE ON segments "
                    "BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
            )
        with pytest.raises(Exception, match="refused"):
            await ledger.record([segment(1)], START)
        assert await ledger.count() == 0


def _other(value: Any) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value + 1
    return {"ordinary": "key", "expired": "empty"}.get(
        value, value[::-1] if value != value[::-1] else "f" * 64
    )


async def test_applied_classes_are_remembered(engine: AsyncEngine) -> None:
    state = StateStore(engine)
    await state.set_promised({KEY: RetentionClass.KEY, OTHER: RetentionClass.COUNTER_TERRORISM})
    await state.set_promised({KEY: RetentionClass.ORDINARY})
    await state.set_promised({})
    assert await state.promised() == {KEY: RetentionClass.ORDINARY, OTHER: RetentionClass.COUNTER_TERRORISM}
