"""Files: cut at key frames without a gap, valid at every moment, and honest about their times."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.ps_format import AudioCodec
from media.session import (
    MediaPlane,
    MediaSession,
    MediaTransport,
    RecorderDetached,
    RecorderFact,
    RecorderFailed,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
)
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.pretend_camera import FRAME_TICKS, PretendCamera
from tests.integration.media.test_outputs import boxes, judged

UUID = b"tongshi-segment\x01"


async def open_camera(plane: MediaPlane) -> MediaSession:
    return await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")


async def film(session: MediaSession, camera: PretendCamera, sender: socket.socket, count: int) -> None:
    for _ in range(count):
        camera.send_udp(sender, session.port, 1)
        await asyncio.sleep(0.001)
    await until(lambda: session.stats().access_units >= camera.index - 1)


def of(facts: list[RecorderFact], kind: type[Any]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]


def probe(path: Path) -> dict[str, Any]:
    command = [
        tool("ffprobe"),
        "-v",
        "error",
        "-count_frames",
        "-show_format",
        "-show_streams",
        "-of",
        "json",
    ]
    shown = subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=60)
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def frames_of(path: Path) -> int:
    return int(next(s for s in probe(path)["streams"] if s["codec_type"] == "video")["nb_read_frames"])


@pytest.mark.parametrize("audio", [None, AudioCodec.G711A])
async def test_segments_follow_each_other_without_a_gap(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path, audio: AudioCodec | None
) -> None:
    plane = await make_plane(audio_wait_s=0.0 if audio is None else 0.5)
    session = await open_camera(plane)
    camera = PretendCamera(audio=audio)
    facts: list[RecorderFact] = []
    await film(session, camera, sender, 3)
    await session.wait_first_keyframe(10)
    session.attach_recorder(
        "00ff", tmp_path, segment_s=2.0, metadata=b'{"channel":"x"}', on_fact=facts.append
    )
    await film(session, camera, sender, 122)
    session.detach_recorder("00ff")
    await until(lambda: of(facts, RecorderDetached))
    opened, closed = of(facts, SegmentOpened), of(facts, SegmentClosed)
    assert [fact.segment_id for fact in opened] == ["00ff-000001", "00ff-000002", "00ff-000003"]
    assert [fact.path for fact in opened] == [tmp_path / f"{fact.segment_id}.mp4" for fact in opened]
    assert [fact.segment_id for fact in closed] == [fact.segment_id for fact in opened]
    assert [fact.reason for fact in closed] == ["full", "full", "detached"]
    assert [round(fact.duration_s, 3) for fact in closed[:2]] == [2.0, 2.0]
    assert [frames_of(fact.path) for fact in opened[:2]] == [50, 50]
    # Camera time: the next segment begins one picture after the last of the former.
    assert closed[0].first_pts_90k == camera.first_pts
    for former, latter in itertools.pairwise(closed):
        assert latter.first_pts_90k == former.last_pts_90k + FRAME_TICKS
        assert latter.start_time == former.end_time
    for fact, start in zip(closed, opened, strict=True):
        assert fact.size_bytes == start.path.stat().st_size
        assert (fact.video_codec, fact.width, fact.height) == ("H264", 320, 240)
        assert fact.audio_codec == (None if audio is None else "G711A")
        judged(start.path.read_bytes())
        duration = float(probe(start.path)["format"]["duration"])
        assert duration == pytest.approx(fact.duration_s, abs=0.15)
    grown = of(facts, SegmentGrown)
    assert all(fact.size_bytes <= closed[0].size_bytes for fact in grown if fact.segment_id == "00ff-000001")
    data = opened[0].path.read_bytes()
    box = next(body for kind, body in boxes(data) if kind == "uuid")
    assert box[:16] == UUID
    assert struct.unpack_from(">q", box, 16)[0] == round(opened[0].start_time.timestamp() * 1e6)
    assert box[24:] == b'{"channel":"x"}'
    await until(lambda: session.readers == 0)


async def test_a_file_whose_last_write_was_cut_anywhere_is_read(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path
) -> None:
    """A fragment is written as a ``free`` box and named ``moof`` when it is whole."""
    plane = await make_plane(audio_wait_s=0.0)
    session = await open_camera(plane)
    camera = PretendCamera(width=160, height=120)
    facts: list[RecorderFact] = []
    session.attach_recorder("ab", tmp_path, metadata=b"", on_fact=facts.append)
    await film(session, camera, sender, 110)
    await until(lambda: len(of(facts, SegmentGrown)) >= 4)
    await session.close("over")
    await until(lambda: of(facts, RecorderDetached))
    whole = bytearray((tmp_path / "ab-000001.mp4").read_bytes())
    sizes = [fact.size_bytes for fact in of(facts, SegmentGrown)]
    end, after = sizes[2], sizes[3]
    assert whole[end + 4 : end + 8] == b"moof"
    whole[end + 4 : end + 8] = b"free"
    cut = tmp_path / "cut.mp4"
    for size in {end, end + 1, end + 4, end + 7, end + 8, end + 100, (end + after) // 2, after - 1, after}:
        cut.write_bytes(whole[:size])
        assert probe(cut)["streams"][0]["width"] == 160
        assert frames_of(cut) == 75, size - end


async def test_a_killed_process_leaves_a_file_that_decodes(tmp_path: Path) -> None:
    """kill -9 in mid-segment: every fragment that was reported is there."""
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.media.recording_process", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=root,
    )
    assert process.stdout is not None
    for _ in range(3):
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"grown\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    file = tmp_path / "cd-000001.mp4"
    assert frames_of(file) >= 75


async def test_the_stream_s_end_closes_the_file(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("not hex!", tmp_path, metadata=b"", on_fact=facts.append)
    await film(session, PretendCamera(), sender, 10)
    await plane.close()
    [closed] = of(facts, SegmentClosed)
    assert frames_of(tmp_path / f"{closed.segment_id}.mp4") == 10
    assert isinstance(facts[-1], RecorderDetached)


async def test_a_new_picture_size_begins_a_new_segment(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("ab", tmp_path, metadata=b"", on_fact=facts.append)
    camera = PretendCamera(gop=5)
    await film(session, camera, sender, 10)
    camera.width, camera.height = 640, 480
    await film(session, camera, sender, 10)
    await session.close("over")
    closed = await until(lambda: of(facts, SegmentClosed) if len(of(facts, SegmentClosed)) == 2 else None)
    assert [(fact.width, fact.reason) for fact in closed] == [
        (320, "stream changed"),
        (640, "session closed"),
    ]
    assert [frames_of(tmp_path / f"{fact.segment_id}.mp4") for fact in closed] == [10, 10]


async def test_a_directory_that_is_gone_is_a_failure_with_its_number(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("ab", tmp_path / "gone", metadata=b"", on_fact=facts.append)
    await film(session, PretendCamera(), sender, 5)
    await until(lambda: facts)
    assert facts == [RecorderFailed("ab", errno.ENOENT, facts[0].message)]  # type: ignore[union-attr]
    await until(lambda: session.readers == 0)


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file system with one and a half megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    request.addfinalizer(lambda: subprocess.run(["umount", "-l", str(mount)], check=False))  # noqa: PT021
    return mount


async def test_a_full_disk_ends_the_recorder_and_leaves_a_good_file(
    make_plane: MakePlane, sender: socket.socket, small_disk: Path
) -> None:
    await check_refused_write(make_plane, sender, small_disk, errno.ENOSPC)


@pytest.fixture
def file_limit() -> Any:
    """No file of this process may grow over 1 MB (SIGXFSZ is ignored by Python)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_refused_write_ends_the_recorder_and_leaves_a_good_file(
    make_plane: MakePlane, sender: socket.socket, tmp_path: Path, file_limit: Callable[[int], None]
) -> None:
    file_limit(1_000_000)
    await check_refused_write(make_plane, sender, tmp_path, errno.EFBIG)


async def check_refused_write(
    make_plane: MakePlane, sender: socket.socket, directory: Path, number: int
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await open_camera(plane)
    facts: list[RecorderFact] = []
    session.attach_recorder("ab", directory, metadata=b"", on_fact=facts.append)
    camera = PretendCamera(width=640, height=480)
    while not of(facts, RecorderFailed):
        await film(session, camera, sender, 25)
    [failed] = of(facts, RecorderFailed)
    assert failed.errno == number
    [closed] = of(facts, SegmentClosed)
    assert closed.reason == "failed"
    file = directory / "ab-000001.mp4"
    assert file.stat().st_size == closed.size_bytes
    assert frames_of(file) == round(closed.duration_s * 25) > 0
    # The stream itself goes on.
    before = session.stats().access_units
    await film(session, camera, sender, 5)
    assert session.stats().access_units > before
    assert session.readers == 0
