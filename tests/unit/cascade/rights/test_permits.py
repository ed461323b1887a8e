"""What runs ends with its right; bandwidth is guessed, then measured. GB-C137."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from access.audit import Outcome
from access.hours import Hours
from access.rights import ALLOWED, Decision, Grant, Limits, Policy, Reason, Right, Rights
from cascade.rights import permits
from cascade.rights.permits import Permit, Permits
from cascade.rights.trail import Asker, Entry, Trail
from cascade.shown.presented import PresentedChannel
from catalog.model import ChannelKey
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem
from tests.unit.access.test_rights import Memory

SUPERIOR = "34020000002000000001"
CAMERA = PresentedChannel(
    CatalogItem(GbId("34010200001320000001"), "gate", civil_code="340102"), (ChannelKey("nvr", "one"),)
)


class Notes(Trail):
    """Keeps entries instead of writing them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.wall = datetime(2026, 11, 23, 4, tzinfo=UTC)
        self.notes = Notes()
        self.rights = Rights(Memory(), BEIJING)
        self.permits = Permits(SUPERIOR, self.rights, self.notes, lambda: self.wall, lambda: self.now)
        self.ended: list[str] = []

    async def decide(self, limits: Limits, *actions: Right) -> None:
        grants = (Grant(frozenset(actions or Right)),)
        await self.rights.replace(self.permits.subject, Policy(grants, limits))

    def begin(self, name: str = "", guess: str = "main") -> Permit | Decision:
        return self.permits.hold(
            Right.LIVE, CAMERA, lambda why: self.ended.append(name or why), Asker(), guess=guess
        )

    def begun(self, name: str = "", guess: str = "main") -> Permit:
        permit = self.begin(name, guess)
        assert isinstance(permit, Permit)
        return permit

    async def look(self) -> None:
        """As if a second had passed."""
        self.permits._changed.set()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    opened = Bench()
    yield opened
    await opened.permits.close()


def reason_of(found: Permit | Decision) -> Reason:
    assert isinstance(found, Decision)
    return found.reason


async def test_bandwidth_counts_as_measured_once_it_was_measured(bench: Bench) -> None:
    await bench.decide(Limits(kbps=5_000))
    permit = bench.begun()
    assert bench.permits.view.kbps == 4_096
    assert reason_of(bench.begin()) is Reason.BANDWIDTH
    sent = 0
    permit.measure = lambda: sent
    bench.now = 3.0
    await bench.look()
    assert bench.permits.view.kbps == 4_096, "nothing went up yet: still a guess"
    sent, bench.now = 75_000, 6.0
    await bench.look()
    assert bench.permits.view.kbps == 200
    bench.begun()
    assert bench.permits.view.streams == 2


async def test_what_takes_too_much_for_long_ends_the_newest_first(bench: Bench) -> None:
    await bench.decide(Limits(kbps=3_000))
    sent = 0
    for name in ("older", "newer"):
        bench.begun(name, "sub").measure = lambda: sent
    for second in (3, 6, 9, 12):
        sent, bench.now = second * 400_000, float(second)
        await bench.look()
    assert bench.ended == [], "as long as it is not for long"
    bench.now = 13.0
    await bench.look()
    assert bench.ended == ["newer"]


async def test_a_limit_that_is_lowered_ends_the_newest(bench: Bench) -> None:
    for name in ("first", "second", "third"):
        bench.begun(name)
    await bench.decide(Limits(streams=1))
    await bench.look()
    assert bench.ended == ["third", "second"]
    assert [entry.detail["ended"] for entry in bench.notes.entries] == ["streams", "streams"]


async def test_a_withdrawn_right_ends_its_streams_and_no_others(bench: Bench) -> None:
    bench.begun("live")
    back = bench.permits.hold(Right.PLAYBACK, CAMERA, lambda _why: bench.ended.append("playback"))
    assert isinstance(back, Permit)
    await bench.decide(Limits(), Right.PLAYBACK)
    await bench.look()
    assert bench.ended == ["live"]
    bench.permits.release(back)
    bench.permits.release(back)
    assert bench.permits.view.streams == 0


async def test_movements_do_not_count_as_streams(bench: Bench) -> None:
    await bench.decide(Limits(streams=1, kbps=5_000))
    bench.permits.hold_movement(Right.PTZ, CAMERA, lambda _why: bench.ended.append("ptz"))
    bench.begun("live")
    assert bench.permits.view.streams == 1
    await bench.decide(Limits(), Right.LIVE)
    await bench.look()
    assert bench.ended == ["ptz"]


async def test_one_that_cannot_be_ended_does_not_keep_the_others(bench: Bench) -> None:
    def deaf(_why: str) -> None:
        raise RuntimeError("does not end")

    bench.permits.hold(Right.LIVE, CAMERA, deaf)
    bench.begun("other")
    await bench.decide(Limits(), Right.PTZ)
    await bench.look()
    assert bench.ended == ["other"]


async def test_refusals_are_counted_and_written_down(bench: Bench) -> None:
    await bench.decide(Limits(), Right.LIVE)
    assert bench.permits.ask(Right.LIVE, CAMERA) == ALLOWED
    decision = bench.permits.ask(Right.CONFIGURATION, None, Asker("192.0.2.7", "user 5"))
    assert decision.reason is Reason.NO_RIGHT
    (entry,) = bench.notes.entries
    assert (entry.action, entry.target, entry.outcome) == ("superior.configuration", "", Outcome.REFUSED)
    assert entry.asker == Asker("192.0.2.7", "user 5")
    assert bench.permits.refused == 1


async def test_the_hours_are_looked_at_while_something_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permits, "LOOK_EVERY_S", 0.0)
    until_noon = Grant(frozenset({Right.LIVE}), hours=(Hours(end_minute=12 * 60),))
    await bench.rights.replace(bench.permits.subject, Policy((until_noon,)))
    bench.wall -= timedelta(minutes=1)
    bench.begun("morning")
    await settled(lambda: True)
    assert bench.ended == []
    bench.wall += timedelta(minutes=1)
    await settled(lambda: bench.ended)
    assert bench.ended == ["morning"]


async def settled(claim: Callable[[], object]) -> None:
    """Let the watch have its turns, until something is true."""
    for _ in range(10_000):
        await asyncio.sleep(0)
        if claim():
            return
    raise AssertionError("it did not come true")
