"""The trace on disk: bounded, masked, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sipserver.sip.flow import Flow, Transport
from sipserver.transport import trace_files
from sipserver.transport.trace import TracedPacket
from sipserver.transport.trace_files import TraceFiles
from tests.support.capture_reader import Frame, read_capture

FLOW = Flow(Transport.UDP, ("192.0.2.10", 5060), ("198.51.100.20", 5060))


def _packet(number: int, size: int = 100) -> TracedPacket:
    return TracedPacket(float(number), False, FLOW, f"{number:04d}".encode() + b"x" * (size - 4))


def _frames(directory: Path) -> list[Frame]:
    return [frame for file in sorted(directory.iterdir()) for frame in read_capture(file.read_bytes())]


def _modes(directory: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in directory.iterdir()}


async def test_what_was_taken_is_on_the_disk_after_closing_and_masked(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path / "deep" / "trace", 65_536, 3)
    files.open()
    secret = b'REGISTER x\r\nAuthorization: Digest response="0123456789"\r\n\r\n'
    files.take(TracedPacket(1.0, False, FLOW, secret))
    await files.close()
    (frame,) = _frames(tmp_path / "deep" / "trace")
    assert frame.payload == secret.replace(b"0123456789", b"**********")
    assert _modes(tmp_path / "deep" / "trace") == {0o600}


async def test_files_follow_one_another_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    files = TraceFiles(tmp_path, 65_536, 2)
    for number in range(300):
        files.take(_packet(number, 1000))
    await files.close()
    (tmp_path / "notes.txt").unlink()
    assert len(os.listdir(tmp_path)) == 2
    numbers = [int(frame.payload[:4]) for frame in _frames(tmp_path)]
    assert numbers == list(range(numbers[0], 300)), "the newest, without a hole"


async def test_more_than_the_disk_takes_is_counted_and_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_files, "PENDING_MAX_BYTES", 1000)
    files = TraceFiles(tmp_path, 65_536, 2)
    for number in range(10):
        files.take(_packet(number))
    await files.close()
    assert len(_frames(tmp_path)) == 3
    assert files.lost_packets == 7


async def test_a_disk_that_refuses_loses_packets_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "trace"
    blocked.write_text("a file where the directory should be")
    files = TraceFiles(blocked, 65_536, 2)
    files.take(_packet(1))
    await files.flush()
    assert files.lost_packets == 1
    assert "cannot be written" in caplog.text
    blocked.unlink()
    files.take(_packet(2))
    await files.close()
    assert [frame.payload[:4] for frame in _frames(blocked)] == [b"0002"]
