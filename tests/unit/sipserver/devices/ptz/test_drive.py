"""The promise of a stop, against links that lose and delay and devices that refuse and vanish. GB-C088."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.devices.errors import DeviceError, DeviceOffline, NoAnswer, Refused
from sipserver.devices.ptz.drive import GIVE_WAY_S, REPEAT_STOP_S, Drive, Part
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import STILL, Motion, StopReason
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.gb.ptz import FOCUS_IRIS_STOP, STOP, FocusIris, Move
from tests.support.virtual_time import run_virtually

HOLDER = Holder("one", "one")
LEFT, RIGHT = Motion(Move(pan=-100)), Motion(Move(pan=100))
NEAR = Motion(focus_iris=FocusIris(focus=-10))
SETTINGS = PtzSettings(answer_timeout_s=3.0, stop_attempts=3, stop_owed_s=600.0)


@dataclass
class Scene:
    """A drive, what was sent with its time, and why its movements ended."""

    send: Callable[[Part, float], Awaitable[None]] | None = None
    sent: list[tuple[float, Part]] = field(default_factory=list)
    ended: list[StopReason] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.drive = Drive("camera", self._send, SETTINGS, self.loop.time, self._stopped)
        self.run: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self.run is None or self.run.done():
            self.run = self.loop.create_task(self.drive.run())

    async def finished(self) -> None:
        assert self.run is not None
        await self.run

    @property
    def parts(self) -> list[Part]:
        return [part for _, part in self.sent]

    async def _send(self, part: Part, timeout_s: float) -> None:
        self.sent.append((self.loop.time(), part))
        if self.send is not None:
            await self.send(part, timeout_s)

    def _stopped(self, drive: Drive, reason: StopReason) -> None:
        self.ended.append(reason)


async def never(part: Part, timeout_s: float) -> None:
    await asyncio.sleep(timeout_s)
    raise NoAnswer("silence")


def test_a_held_movement_is_told_once_and_stopped_at_its_time() -> None:
    async def main() -> None:
        scene = Scene()
        result = scene.drive.hold(HOLDER, LEFT, 2.0)
        scene.start()
        await result
        await asyncio.sleep(1.0)
        await scene.drive.hold(HOLDER, LEFT, 2.0)
        await scene.finished()
        assert scene.sent == [(0.0, LEFT.move), (3.0, STOP)]
        assert scene.ended == [StopReason.DEAD_MAN]

    run_virtually(main())


def test_both_frames_are_stopped() -> None:
    async def main() -> None:
        scene = Scene()
        scene.drive.hold(HOLDER, Motion(LEFT.move, NEAR.focus_iris), 9.0)
        scene.start()
        await asyncio.sleep(1.0)
        await scene.drive.stop(StopReason.RELEASED)
        await scene.finished()
        assert scene.parts == [LEFT.move, NEAR.focus_iris, STOP, FOCUS_IRIS_STOP]

    run_virtually(main())


def test_a_stop_overtakes_a_movement_without_answer_and_is_said_twice() -> None:
    """The movement is repeated no more, and one that is still on its way is stopped by the second stop."""

    async def main() -> None:
        scene = Scene()
        cancelled = []

        async def slow(part: Part, timeout_s: float) -> None:
            if part.is_motion:
                try:
                    await asyncio.sleep(timeout_s)
                finally:
                    cancelled.append(scene.loop.time())

        scene.send = slow
        scene.drive.hold(HOLDER, LEFT, 30.0)
        scene.start()
        await asyncio.sleep(0.25)
        await scene.drive.stop(StopReason.RELEASED)
        await scene.finished()
        assert cancelled == [0.25]
        assert scene.sent == [(0.0, LEFT.move), (0.25, STOP), (0.25 + REPEAT_STOP_S, STOP)]

    run_virtually(main())


def test_another_movement_waits_a_little_for_the_answer_to_the_last() -> None:
    async def main() -> None:
        scene = Scene()

        async def slow(part: Part, timeout_s: float) -> None:
            if part == LEFT.move:
                await asyncio.sleep(timeout_s)

        scene.send = slow
        scene.drive.hold(HOLDER, LEFT, 30.0)
        scene.start()
        await asyncio.sleep(0.1)
        await scene.drive.hold(HOLDER, RIGHT, 30.0)
        assert scene.sent == [(0.0, LEFT.move), (GIVE_WAY_S, RIGHT.move)]
        scene.drive.close()
        await scene.finished()

    run_virtually(main())


def test_a_movement_that_is_not_answered_is_reported_and_stopped() -> None:
    async def main() -> None:
        scene = Scene(never)
        result = scene.drive.hold(HOLDER, LEFT, 30.0)
        scene.start()
        with pytest.raises(NoAnswer):
            await result
        scene.send = None
        await scene.finished()
        assert scene.ended == [StopReason.FAILED]
        assert scene.parts == [LEFT.move, STOP, STOP]

    run_virtually(main())


def test_a_refused_movement_needs_no_stop() -> None:
    async def refuse(part: Part, timeout_s: float) -> None:
        raise Refused("no", status=403)

    async def main() -> None:
        scene = Scene(refuse)
        result = scene.drive.hold(HOLDER, LEFT, 30.0)
        scene.start()
        with pytest.raises(Refused):
            await result
        await scene.finished()
        assert scene.parts == [LEFT.move]

    run_virtually(main())


def test_a_change_that_is_refused_stops_what_went_before() -> None:
    async def refuse_right(part: Part, timeout_s: float) -> None:
        if part == RIGHT.move:
            raise Refused("no", status=403)

    async def main() -> None:
        scene = Scene(refuse_right)
        scene.drive.hold(HOLDER, LEFT, 30.0)
        scene.start()
        await asyncio.sleep(1.0)
        with pytest.raises(Refused):
            await scene.drive.hold(HOLDER, RIGHT, 30.0)
        await scene.finished()
        assert scene.parts == [LEFT.move, RIGHT.move, STOP]

    run_virtually(main())


def test_a_stop_without_answer_is_tried_again_then_kept_for_the_device() -> None:
    async def main() -> None:
        scene = Scene()
        scene.drive.hold(HOLDER, LEFT, 9.0)
        scene.start()
        await asyncio.sleep(1.0)
        scene.send = never
        with pytest.raises(NoAnswer):
            await scene.drive.stop(StopReason.RELEASED)
        await asyncio.sleep(60.0)
        assert scene.parts == [LEFT.move, STOP, STOP, STOP]
        assert scene.drive.is_stop_owed
        scene.send = None
        scene.drive.wake()
        await scene.finished()
        assert scene.parts[-1] == STOP
        assert len(scene.parts) == 5
        assert not scene.drive.is_stop_lost

    run_virtually(main())


@pytest.mark.parametrize("is_closing", [False, True])
def test_a_stop_that_can_never_be_delivered_is_given_up(
    is_closing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(part: Part, timeout_s: float) -> None:
        raise DeviceOffline("away")

    async def main() -> None:
        scene = Scene()
        scene.drive.hold(HOLDER, LEFT, 1.0)
        scene.start()
        await asyncio.sleep(0.5)
        scene.send = away
        if is_closing:
            scene.drive.close()
        await scene.finished()
        assert scene.loop.time() == (0.5 if is_closing else 1.0 + SETTINGS.stop_owed_s)
        assert scene.drive.is_stop_lost

    run_virtually(main())
    assert "may still be moving" in caplog.text


def test_a_refused_stop_ends_after_its_attempts() -> None:
    async def main() -> None:
        scene = Scene()
        scene.drive.hold(HOLDER, NEAR, 1.0)
        scene.start()
        await asyncio.sleep(0.5)

        async def refuse(part: Part, timeout_s: float) -> None:
            raise Refused("no", status=486)

        scene.send = refuse
        await scene.finished()
        assert scene.parts[1:] == [FOCUS_IRIS_STOP] * SETTINGS.stop_attempts
        assert scene.drive.is_stop_lost

    run_virtually(main())


def test_a_bug_below_is_loud_and_nobody_waits_for_ever() -> None:
    async def broken(part: Part, timeout_s: float) -> None:
        raise RuntimeError("a bug")

    async def main() -> None:
        scene = Scene(broken)
        result = scene.drive.hold(HOLDER, LEFT, 1.0)
        scene.start()
        with pytest.raises(RuntimeError):
            await result
        with pytest.raises(RuntimeError):
            await scene.finished()

    run_virtually(main())


def test_stop_of_what_does_not_move_sends_only_when_asked_to() -> None:
    async def main() -> None:
        scene = Scene()
        quiet = scene.drive.stop(StopReason.RELEASED)
        scene.start()
        await quiet
        await scene.finished()
        assert scene.sent == []
        loud = scene.drive.stop(StopReason.RELEASED, always=True)
        scene.start()
        await loud
        assert scene.parts == [STOP]
        assert scene.ended == []

    run_virtually(main())


# ---------------------------------------------------------------- any order, any loss


class LossyCamera:
    """A device behind a link that loses and delays; a transaction repeats until it is given up."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loop = asyncio.get_running_loop()
        self.move: Part = STOP
        self.focus_iris: Part = FOCUS_IRIS_STOP
        self.trouble = 0.5

    async def send(self, part: Part, timeout_s: float) -> None:
        answered = asyncio.Event()
        fate = self.random.random()
        if part.is_motion and fate < self.trouble / 8:
            raise Refused("no", status=480)
        if fate < self.trouble / 4:
            raise DeviceOffline("away")
        repeat_s = 0.5
        seen = False

        def arrive() -> None:
            nonlocal seen
            if not seen:  # the device knows a repetition by its branch
                seen = True
                self._obey(part)
            if self.random.random() >= self.trouble:
                answered.set()

        try:
            async with asyncio.timeout(timeout_s):
                while not answered.is_set():
                    if self.random.random() >= self.trouble:
                        self.loop.call_later(self.random.random() * 0.8, arrive)
                    try:
                        async with asyncio.timeout(repeat_s):
                            await answered.wait()
                    except TimeoutError:
                        repeat_s = min(2 * repeat_s, 4.0)
        except TimeoutError:
            raise NoAnswer("silence") from None

    def _obey(self, part: Part) -> None:
        if isinstance(part, Move):
            self.move = part
        else:
            self.focus_iris = part


motions = st.builds(
    Motion,
    st.builds(Move, st.integers(-2, 2), st.integers(-2, 2), st.integers(-1, 1)),
    st.builds(FocusIris, st.integers(-1, 1), st.integers(-1, 1)),
)
wishes = st.lists(
    st.tuples(st.floats(0.0, 4.0), st.none() | motions, st.floats(0.2, 5.0)), min_size=1, max_size=12
)


@given(wishes, st.integers(0, 2**32), st.floats(0.0, 0.9))
def test_whatever_is_wanted_and_lost_the_camera_stands_still_in_the_end(
    wanted: list[tuple[float, Motion | None, float]], seed: int, trouble: float
) -> None:
    """GB-C088. The link is bad while people move the camera, and good afterwards."""

    async def main() -> None:
        camera = LossyCamera(seed)
        camera.trouble = trouble
        scene = Scene(camera.send)
        results = []
        for pause_s, motion, hold_s in wanted:
            await asyncio.sleep(pause_s)
            if motion is None:
                results.append(scene.drive.stop(StopReason.RELEASED))
            else:
                results.append(scene.drive.hold(HOLDER, motion, hold_s))
            scene.start()
        camera.trouble = 0.0
        await asyncio.sleep(10.0)
        scene.drive.wake()
        await scene.finished()
        await asyncio.sleep(1.0)
        assert scene.drive.wanted == STILL
        assert (camera.move, camera.focus_iris) == (STOP, FOCUS_IRIS_STOP)
        assert all(result.done() for result in results)
        for result in results:
            assert result.exception() is None or isinstance(result.exception(), DeviceError)

    run_virtually(main())
