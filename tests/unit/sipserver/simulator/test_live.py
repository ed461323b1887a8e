"""Pictures encoded while they are sent."""

import time
from dataclasses import replace

import pytest

from sipserver.simulator import live
from sipserver.simulator.live import LiveChannel, LiveSource
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.wire import MediaTransport, WirePicture
from tests.unit.sipserver.simulator.small_platform import SMALL

FAST = replace(SMALL, fps=60, gop_s=10.0, width=64, height=64)
UDP, TCP = MediaTransport.UDP, MediaTransport.TCP


def take(source: LiveSource, count: int, timeout_s: float = 20.0) -> list[WirePicture]:
    """The next pictures; waits for the encoder's thread."""
    pictures: list[WirePicture] = []
    deadline = time.monotonic() + timeout_s
    while len(pictures) < count and time.monotonic() < deadline:
        picture = source.next_picture()
        if picture is None:
            time.sleep(0.001)
        else:
            pictures.append(picture)
    assert len(pictures) == count
    return pictures


def wait_for_end(channel: LiveChannel) -> None:
    thread = channel._thread
    if thread is not None:
        thread.join(20.0)
    assert channel._thread is None


def test_each_watcher_begins_with_a_key_frame_and_one_thread_serves_all() -> None:
    channel = LiveChannel(FAST)
    one = channel.attach(UDP)
    assert [picture.keyframe for picture in take(one, 3)] == [True, False, False]
    thread = channel._thread
    two = channel.attach(TCP, with_map=False)
    assert channel._thread is thread
    assert take(two, 1)[0].keyframe
    assert two.fps == 60
    one.close()
    one.close()
    take(two, 2)
    two.close()
    wait_for_end(channel)


def test_key_frame_comes_when_asked_for() -> None:
    channel = LiveChannel(FAST)
    source = channel.attach(UDP)
    take(source, 3)
    source.restart_at_keyframe()
    assert any(picture.keyframe for picture in take(source, 60))
    source.close()
    wait_for_end(channel)


def test_next_watcher_after_the_last_starts_a_new_thread() -> None:
    channel = LiveChannel(FAST)
    for _ in range(2):
        source = channel.attach(UDP)
        assert take(source, 1)[0].keyframe
        source.close()
        wait_for_end(channel)


def test_slow_reader_goes_on_with_a_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single picture left out would be a smear on all that follow it."""
    monkeypatch.setattr(live, "_QUEUE_PICTURES", 3)
    channel = LiveChannel(FAST)
    source = LiveSource(channel, live.WirePacker(FAST.codec, True, UDP))
    keys = (1, 7)
    for number in range(9):
        assert channel._wants_keyframe.is_set() == (number > 4)
        source.take(b"\x00\x00\x01\x41" + bytes([number + 1]) * 10, number in keys, b"")
    kept = [source.next_picture() for _ in range(3)]
    assert [picture and picture.keyframe for picture in kept] == [True, False, None]


def test_broken_encoder_ends_the_thread_with_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(settings: PictureSettings) -> None:
        raise RuntimeError("out of paint")

    monkeypatch.setattr(live, "encoder_of", broken)
    channel = LiveChannel(FAST)
    source = channel.attach(UDP)
    wait_for_end(channel)
    assert "out of paint" in caplog.text
    source.close()
