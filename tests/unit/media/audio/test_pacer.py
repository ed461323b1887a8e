"""One timer for all lines."""

from media.audio.g711 import FRAME_BYTES, FRAME_S, SILENCE
from media.audio.pacer import LATE_S, AudioLine, AudioPacer
from media.audio.sources import ClipSource


class Listener:
    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send_frame(self, alaw: bytes) -> None:
        self.frames.append(alaw)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_line_is_silent_before_its_start_and_after_its_end() -> None:
    line, listener = AudioLine(ClipSource(b"\x01" * FRAME_BYTES * 2)), Listener()
    line.attach(listener)
    line.tick()
    line.start()
    for _ in range(4):
        line.tick()
    assert listener.frames == [SILENCE, b"\x01" * FRAME_BYTES, b"\x01" * FRAME_BYTES, SILENCE, SILENCE]
    assert line.ended.is_set()
    assert line.frames == 2


async def test_everybody_hears_the_same_and_who_leaves_hears_no_more() -> None:
    line, first, second = AudioLine(ClipSource(b"\x01" * FRAME_BYTES * 3)), Listener(), Listener()
    line.attach(first)
    line.attach(second)
    line.start()
    line.tick()
    line.detach(second)
    line.detach(second)
    line.tick()
    assert (len(first.frames), len(second.frames)) == (2, 1)


async def test_frames_follow_the_clock_and_not_the_wake_ups() -> None:
    clock = Clock()
    pacer = AudioPacer(clock)
    line, listener = AudioLine(ClipSource(b"\x01" * FRAME_BYTES * 100)), Listener()
    line.attach(listener)
    line.start()
    pacer.add(line)
    assert pacer.run_due() == 1
    clock.now += FRAME_S / 2
    assert pacer.run_due() == 0
    clock.now += 2.51 * FRAME_S
    assert pacer.run_due() == 3
    pacer.close()
    assert len(pacer) == 0


async def test_after_a_stall_the_lost_time_is_left_out() -> None:
    """A burst of old frames would only be noise at the loudspeaker."""
    clock = Clock()
    pacer = AudioPacer(clock)
    line = AudioLine(ClipSource(b"\x01" * FRAME_BYTES * 1_000))
    pacer.add(line)
    pacer.run_due()
    clock.now += LATE_S + 5.0
    assert pacer.run_due() == 1
    pacer.remove(line)
    pacer.remove(line)
    clock.now += FRAME_S
    pacer.run_due()
    pacer.close()
