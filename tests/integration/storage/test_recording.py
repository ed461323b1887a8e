"""A real stream to real files, judged by ffprobe; and what a killed process leaves."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey
from catalog.store import CatalogStore
from config.database import open_database
from storage.check import check
from storage.errors import SegmentUnreadable
from storage.metadata import parse_user_boxes
from storage.model import GapCause, Segment, SegmentState
from storage.segment import recover, scan
from storage.service import StorageService
from storage.settings import StorageSettings
from tests.integration.storage.conftest import Source, until
from tests.integration.storage.picture import FPS, HEIGHT, TICKS, WIDTH

ROOT = Path(__file__).parents[3]
KEY = ChannelKey("34020000001180000005", "34020000001320000012")


def ffprobe(file: Path) -> dict[str, Any]:
    """Streams and the number of pictures, as an outside judge sees them; any complaint fails."""
    command = ["/usr/bin/ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    streams = {stream["codec_type"]: stream for stream in json.loads(done.stdout)["streams"]}
    assert streams["video"]["codec_name"] == "h264"
    return streams


async def record(service: StorageService, source: Source, seconds: int) -> list[Segment]:
    """Record so many seconds and stop; returns the segments."""
    await service.recorder.start(KEY)

    async def held() -> bool:
        return bool(source.holds) and bool(source.holds[-1].session.readers)

    await until(held, "recorder attached")
    sender = await source.sender()
    await sender.send(seconds)

    async def written() -> bool:
        # A new file begins every two seconds of stream, which was sent faster than that.
        return len((await service.index.list_segments(KEY)).items) >= (seconds + 1) // 2

    await until(written, "segments written")
    await service.recorder.stop(KEY)
    await sender.close()
    return (await service.index.list_segments(KEY)).items


async def test_stream_becomes_segments_without_a_gap(
    service: StorageService, source: Source, settings: StorageSettings, engine: AsyncEngine
) -> None:
    recorded = await record(service, source, 11)
    assert len(recorded) >= 4
    pictures = 0
    for segment in recorded:
        opened = await service.playback.open_segment(segment.segment_id)
        streams = ffprobe(opened.file)
        pictures += int(streams["video"]["nb_read_frames"])
        assert (streams["video"]["width"], streams["video"]["height"]) == (WIDTH, HEIGHT)
        assert (segment.video_codec, segment.width, segment.height) == ("H264", WIDTH, HEIGHT)
        assert (segment.state, segment.size_bytes) == (SegmentState.CLOSED, opened.size_bytes)
        found = scan(opened.file)
        assert found.is_whole
        _, metadata = parse_user_boxes(found.user_boxes)
        assert (metadata.device_id, metadata.channel_id) == KEY
    for before, after in pairwise(recorded):
        assert before.last_pts_90k is not None
        assert after.first_pts_90k == before.last_pts_90k + TICKS
    assert pictures >= 10 * FPS
    assert [each.code for each in await check(settings, engine)] == []


async def test_file_cut_anywhere_is_mended_and_plays(
    service: StorageService, source: Source, tmp_path: Path
) -> None:
    """What kill -9 leaves: every box border, both its neighbours, the middle of every box, and 200 more."""
    recorded = await record(service, source, 5)
    whole = (await service.playback.open_segment(recorded[0].segment_id)).file.read_bytes()
    copy = tmp_path / "cut.mp4"
    borders = _borders(whole)
    ends = {end for kind, end in borders if kind in (b"moov", b"mdat")}
    cuts = {end + step for _, end in borders for step in (-9, -8, -1, 0, 1, 7, 8)}
    cuts |= {(before + after) // 2 for (_, before), (_, after) in pairwise(borders)}
    cuts |= set(range(0, len(whole), max(1, len(whole) // 200)))
    judged: set[str] = set()
    for cut in sorted(each for each in cuts if 0 <= each <= len(whole)):
        copy.write_bytes(whole[:cut])
        if cut < min(ends):
            with pytest.raises(SegmentUnreadable):
                recover(copy)
            continue
        found = recover(copy)
        assert copy.stat().st_size == found.whole_bytes == max(end for end in ends if end <= cut)
        mended = hashlib.sha256(copy.read_bytes()).hexdigest()
        if found.has_pictures and mended not in judged:
            judged.add(mended)
            streams = ffprobe(copy)
            assert int(streams["video"]["nb_read_frames"]) == round(found.duration_s * FPS)
    assert len(judged) >= 2


def _borders(data: bytes) -> list[tuple[bytes, int]]:
    """Kind and end of each top-level box."""
    borders, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        borders.append((data[at + 4 : at + 8], at + size))
        at += size
    return borders


async def test_lost_stream_is_taken_up_again_by_itself(service: StorageService, source: Source) -> None:
    await service.recorder.start(KEY)

    async def attached_times(count: int) -> bool:
        return len(source.holds) >= count and bool(source.holds[-1].session.readers)

    await until(lambda: attached_times(1), "attached")
    sender = await source.sender()
    await sender.send(3)
    await until(lambda: _is(service.recorder.is_recording(KEY)), "recording")
    await sender.close()
    source.holds[0].lost.set()
    await until(lambda: attached_times(2), "attached again")
    again = await source.sender()
    await again.send(3)
    await until(lambda: _is(service.recorder.is_recording(KEY)), "recording again")
    await service.recorder.stop(KEY)
    await again.close()
    recorded = (await service.index.list_segments(KEY)).items
    assert len({segment.recorder_id for segment in recorded}) == 2
    minute = timedelta(minutes=1)
    (gap,) = await service.gaps.list_gaps(
        KEY, recorded[0].start_time - minute, recorded[-1].end_time + minute
    )
    assert gap.end_time is not None


async def _is(value: bool) -> bool:
    return value


async def test_killed_platform_keeps_its_footage_and_goes_on_recording(
    tmp_path: Path, plane: Any, source: Source
) -> None:
    """kill -9 in mid-segment; the next start mends the file, notes the gap and records again."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crash_child.py")),
        str(tmp_path),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"recording\n"
    finally:
        child.send_signal(signal.SIGKILL)
        await child.communicate()
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    settings = StorageSettings(path=tmp_path / "recordings", free_floor_bytes=0, flush_s=0.1)
    service = StorageService(settings, engine, source, CatalogStore(engine))
    try:
        await _judge_the_restart(service, source)
    finally:
        await service.close()
        await engine.dispose()


async def _judge_the_restart(service: StorageService, source: Source) -> None:
    left = await service.index.open_segments()
    assert left
    await service.open()
    recovered = (await service.index.list_segments(KEY)).items
    assert {segment.state for segment in recovered} <= {SegmentState.CLOSED, SegmentState.RECOVERED}
    assert left[0].segment_id in {segment.segment_id for segment in recovered}
    for segment in recovered:
        opened = await service.playback.open_segment(segment.segment_id)
        streams = ffprobe(opened.file)
        length_s = (segment.end_time - segment.start_time).total_seconds()
        if segment.state is SegmentState.RECOVERED:
            assert int(streams["video"]["nb_read_frames"]) == round(length_s * FPS)
        assert opened.size_bytes == segment.size_bytes

    async def continues() -> bool:
        return bool(source.holds) and bool(source.holds[-1].session.readers)

    await until(continues, "the recording continues by itself")
    (gap,) = (await service.gaps.open_gaps()).values()
    assert (gap.cause, gap.key) == (GapCause.PLATFORM_DOWN, KEY)
