"""What is read is not deleted, and is deleted promptly afterwards."""

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import RetentionClass
from storage.holds import SegmentHolds
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.model import Segment, SegmentState
from storage.promise import keep_until
from storage.retention import RetentionKeeper
from storage.settings import StorageSettings
from storage.store import StateStore
from tests.unit.storage.fakes import KEY, START, FakePolicy, ManualClock, segment

DAY = 86_400.0


def test_a_segment_is_held_until_its_last_reader_is_gone() -> None:
    holds = SegmentHolds()
    first, second = holds.hold(["a", "b"]), holds.hold(["b"])
    first.release()
    first.release()
    assert (holds.is_held("a"), holds.is_held("b"), len(holds)) == (False, True, 1)
    second.release()
    assert len(holds) == 0


async def test_retention_passes_over_what_is_held_and_finds_it_later(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    settings = StorageSettings(path=tmp_path, free_floor_bytes=0)
    clock, holds, index = ManualClock(), SegmentHolds(), SegmentIndex(engine)
    keeper = RetentionKeeper(
        settings,
        index,
        DeletionLedger(engine),
        StateStore(engine),
        FakePolicy(),
        clock=clock,
        holds=holds,
    )
    made = [await _add(index, tmp_path, number) for number in (1, 2)]
    hold = holds.hold([made[0].segment_id])
    clock.pass_time(31 * DAY)
    run = await keeper.run()
    assert (run.deleted, run.held) == (1, 1)
    assert (tmp_path / made[0].path).exists()
    assert not (tmp_path / made[1].path).exists()
    found = await index.between(KEY, START, made[1].end_time, 10)
    assert [each.segment_id for each in found] == [made[0].segment_id]
    hold.release()
    run = await keeper.run()
    assert (run.deleted, run.held) == (1, 0)
    assert not (tmp_path / made[0].path).exists()


async def _add(index: SegmentIndex, root: Path, number: int) -> Segment:
    until = keep_until(segment(number).end_time, RetentionClass.ORDINARY)
    made = segment(number, keep_until=until, state=SegmentState.CLOSED)
    await index.save([made])
    file = root / made.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"film")
    return made
