"""What is done about a stream that stands still, reason by reason."""

from __future__ import annotations

import asyncio

import pytest

from catalog.model import ChannelKey
from media.facts import Stall, StallReason
from sipserver.devices import standstill as module
from sipserver.devices.errors import DeviceError, NoMedia
from sipserver.devices.standstill import REMEDIES, REPAIRS_MAX, REPAIRS_WITHIN_S, Standstill

KEY = ChannelKey("34020000001180000001", "34020000001320000001")


class Scene:
    def __init__(self, patience_s: float | None = 20.0) -> None:
        self.now = 100.0
        self.asked = 0
        self.due: list[tuple[DeviceError, bool]] = []
        self.standstill = Standstill(
            KEY,
            patience_s,
            clock=lambda: self.now,
            ask_keyframe=self._ask,
            on_due=lambda error, may_help: self.due.append((error, may_help)),
        )

    def _ask(self) -> None:
        self.asked += 1

    def stall(self, reason: StallReason) -> None:
        self.standstill.take(Stall(reason, 5.0))

    def look_after(self, seconds: float) -> None:
        self.now += seconds
        self.standstill.look()


@pytest.fixture
async def scene() -> Scene:
    return Scene()


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(StallReason)


@pytest.mark.parametrize("reason", StallReason)
async def test_what_each_reason_calls_for(scene: Scene, reason: StallReason) -> None:
    remedy = REMEDIES[reason]
    scene.stall(reason)
    assert bool(scene.due) == remedy.at_once == (reason is StallReason.CONNECTION_LOST)
    assert (scene.asked == 1) == remedy.wants_keyframe
    scene.look_after(15.0)
    assert len(scene.due) == remedy.at_once
    scene.look_after(0.1)
    if remedy.is_borne:
        assert scene.due == []
        return
    error, may_help = scene.due[-1]
    assert (type(error), may_help) == (remedy.error, not remedy.is_hopeless)
    assert f"({reason.value}, for 20 s)" in str(error)
    assert error.channel_id == KEY.channel_id
    scene.standstill.clear()


async def test_it_moves_again(scene: Scene) -> None:
    scene.stall(StallReason.NO_PACKETS)
    assert not scene.standstill.moved.is_set()
    assert scene.standstill.words == "nothing arrives any more (no_packets, for 5 s)"
    scene.standstill.take(None)
    assert scene.standstill.moved.is_set()
    assert (scene.standstill.words, scene.standstill.lasted_s) == ("", 0.0)
    scene.look_after(60.0)
    assert scene.due == []


async def test_a_connection_that_is_being_opened_again_is_waited_for(scene: Scene) -> None:
    scene.standstill.take(Stall(StallReason.CONNECTION_LOST, 5.0), is_reconnecting=True)
    assert scene.due == []
    scene.look_after(16.0)
    assert isinstance(scene.due[0][0], NoMedia)


async def test_the_device_is_asked_anew_only_so_often(scene: Scene) -> None:
    for _ in range(REPAIRS_MAX):
        scene.stall(StallReason.CONNECTION_LOST)
        assert scene.due[-1][1]
        scene.standstill.repaired()
        scene.standstill.take(None)
    scene.stall(StallReason.CONNECTION_LOST)
    assert not scene.due[-1][1]
    scene.now += REPAIRS_WITHIN_S
    scene.stall(StallReason.CONNECTION_LOST)
    assert scene.due[-1][1]


async def test_a_key_frame_is_asked_for_a_few_times(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    monkeypatch.setattr(module, "KEYFRAME_EVERY_S", 0.0)
    scene.stall(StallReason.NO_KEYFRAME)
    async with asyncio.timeout(5):
        while scene.asked < module.KEYFRAME_REQUESTS_MAX:  # noqa: ASYNC110 - timers of the loop
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert scene.asked == module.KEYFRAME_REQUESTS_MAX
    scene.standstill.take(None)
    scene.stall(StallReason.NO_KEYFRAME)
    assert scene.asked == module.KEYFRAME_REQUESTS_MAX + 1
    scene.standstill.clear()


async def test_a_stream_that_stands_often_is_not_asked_more_often(scene: Scene) -> None:
    for _ in range(5):
        scene.stall(StallReason.NO_KEYFRAME)
        scene.standstill.take(None)
    assert scene.asked == 1
    scene.now += module.KEYFRAME_EVERY_S
    scene.stall(StallReason.NO_KEYFRAME)
    assert scene.asked == 2
    scene.standstill.clear()


async def test_a_stream_whose_owner_watches_is_only_described() -> None:
    scene = Scene(patience_s=None)
    scene.stall(StallReason.CONNECTION_LOST)
    scene.look_after(600.0)
    assert (scene.due, scene.asked) == ([], 0)
    assert "connection_lost" in scene.standstill.words
