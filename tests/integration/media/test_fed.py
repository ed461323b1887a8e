"""Sessions that are given their frames: watched and recorded like any other, judged by ffprobe."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
from itertools import pairwise
from pathlib import Path

import pytest

from media.errors import LocalViolation, NoKeyframe, NoMedia, SessionClosed, UnsupportedMedia
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaTransport, RecorderDetached, SegmentClosed
from tests.integration.media.conftest import MakePlane, tool, until
from tests.support.encoded import pictures
from tests.support.feeding import ORIGIN, feed, feeding, film

CSV = ("-of", "csv=p=0")


def probe(path: Path) -> dict[str, dict[str, str]]:
    """The streams of a file by kind, with their frames counted; ffprobe complains of nothing."""
    shown = subprocess.run(
        [tool("ffprobe"), "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert not shown.stderr, shown.stderr
    return {stream["codec_type"]: stream for stream in json.loads(shown.stdout)["streams"]}


def presentation_times(path: Path) -> list[float]:
    shown = subprocess.run(
        [
            *f"{tool('ffprobe')} -v error -select_streams v -show_entries frame=pts_time".split(),
            *CSV,
            str(path),
        ],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return [float(line.strip(",")) for line in shown.stdout.decode().split()]


@pytest.mark.parametrize(
    ("video", "audio", "named"),
    [
        (VideoCodec.H264, AudioCodec.G711A, "flac"),
        (VideoCodec.H264, AudioCodec.AAC, "aac"),
        (VideoCodec.H265, AudioCodec.G711U, "flac"),
        (VideoCodec.H265, None, None),
    ],
)
async def test_fed_frames_are_recorded_whole_and_in_time(
    plane: MediaPlane, tmp_path: Path, video: VideoCodec, audio: AudioCodec | None, named: str | None
) -> None:
    session = await plane.open_fed(label="program")
    facts: list[object] = []
    session.attach_recorder("aa", tmp_path, metadata=b"", on_fact=facts.append)
    frames = film(video, audio, 4)
    for frame in frames:
        feed(session, frame, ORIGIN)
    info = await session.wait_first_keyframe(10)
    assert (info.codec, info.width, info.height) == (video.name, 320, 240)
    assert (info.audio is None) == (audio is None)
    await until(lambda: session.stats().access_units == 100)
    stats = session.stats()
    assert (stats.transport, stats.port, stats.packets) == ("FED", 0, len(frames))
    assert (stats.keyframes, stats.dropped_before_keyframe, stats.feed_dropped) == (4, 0, 0)
    await session.close("done")
    await until(lambda: any(isinstance(fact, RecorderDetached) for fact in facts))
    assert sum(isinstance(fact, SegmentClosed) for fact in facts) == 1
    (path,) = await asyncio.to_thread(lambda: list(tmp_path.iterdir()))
    streams = probe(path)
    assert int(streams["video"]["nb_read_frames"]) == 100
    assert streams.get("audio", {}).get("codec_name") == named
    if audio is not None:
        assert 3.8 < float(streams["audio"]["duration"]) < 4.3
    times = presentation_times(path)
    assert all(abs(later - earlier - 0.04) < 0.001 for earlier, later in pairwise(times))


@pytest.mark.parametrize("video", list(VideoCodec))
async def test_fed_frames_are_watched(plane: MediaPlane, tmp_path: Path, video: VideoCodec) -> None:
    session = await plane.open_fed(label="program")
    async with feeding(session, film(video, AudioCodec.G711A, 2)):
        await session.wait_first_keyframe(10)
        url = session.grant("one")["fmp4_http"]

        def watch() -> bytes:
            with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
                data: bytes = answer.read()
                return data

        watching = asyncio.create_task(asyncio.to_thread(watch))
        await until(lambda: session.viewers == 1)
        seen = session.stats().access_units
        await until(lambda: session.stats().access_units >= seen + 60)
        await session.close("over")
        path = tmp_path / "watched.mp4"
        path.write_bytes(await watching)
    streams = probe(path)
    assert int(streams["video"]["nb_read_frames"]) >= 60
    assert streams["audio"]["codec_name"] == "flac"


async def test_a_leap_of_the_clock_is_taken_out(plane: MediaPlane, tmp_path: Path) -> None:
    session = await plane.open_fed(label="program")
    session.attach_recorder("aa", tmp_path, metadata=b"", on_fact=lambda fact: None)
    frames = film(VideoCodec.H264, None, 2)
    for shift in (0, 7_000_000_000, -90_000_000):
        for frame in frames:
            feed(session, frame, shift)
    await until(lambda: session.stats().access_units == 150)
    await session.close("done")
    (path,) = await until(lambda: list(tmp_path.iterdir()))
    await until(lambda: len(presentation_times(path)) == 150)
    times = presentation_times(path)
    assert all(0 < later - earlier < 0.2 for earlier, later in pairwise(times))


async def test_what_the_plane_cannot_follow_is_left_out_up_to_a_key_frame(make_plane: MakePlane) -> None:
    plane = await make_plane(feed_queue_bytes=65_536)
    session = await plane.open_fed(label="program")
    frames = list(pictures(VideoCodec.H264, 25, size=(1280, 720)))
    key = next(frame for frame in frames if frame.is_key)
    for repeat in range(400):
        for frame in frames:
            feed(session, frame, repeat * 90_000)
    # Nothing waits any more: a key frame comes through.
    given = 400 * len(frames)
    await until(lambda: session.stats().packets + session.stats().feed_dropped == given)
    before = session.stats()
    assert before.feed_dropped > 0
    feed(session, key, 400 * 90_000)
    await until(lambda: session.stats().packets == before.packets + 1)
    assert session.stats().keyframes == before.keyframes + 1


async def test_verdicts_speak_of_frames(plane: MediaPlane) -> None:
    session = await plane.open_fed(label="program")
    with pytest.raises(NoMedia, match="no frame was fed"):
        await session.wait_first_keyframe(0.05)
    session.feed_video(VideoCodec.H264, b"\0\0\0\1\x41\x9a\0\0\1\xbf\xff\xff", 0, 0)
    session.feed_video(VideoCodec.H264, b"no video at all", 3600, 3600)
    session.feed_video(VideoCodec.H264, b"", 7200, 7200)
    with pytest.raises(NoKeyframe, match="frames were fed"):
        await session.wait_first_keyframe(0.3)
    session.feed_audio(AudioCodec.G711A, bytes(320), 0, 44_100, 2)
    await until(lambda: session.stats().unsupported)
    with pytest.raises(UnsupportedMedia, match="44100 samples/s in 2 channels"):
        await session.wait_first_keyframe(0.05)
    session.feed_audio(AudioCodec.AAC, b"\1\2\3", 0, 16_000, 1, b"\xff")
    await until(lambda: session.stats().packets == 5)


async def test_a_fed_session_has_its_own_rules(plane: MediaPlane) -> None:
    with pytest.raises(LocalViolation, match="no port"):
        await plane.open_session(transport=MediaTransport.FED, ssrc=None, label="x")
    receiving = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")
    with pytest.raises(LocalViolation, match="given no frames"):
        receiving.feed_video(VideoCodec.H264, b"", 0, 0)
    session = await plane.open_fed(label="program")
    session.expect_ssrc(1)
    session.retime(by_arrival=False)
    with pytest.raises(LocalViolation, match="only a session over TCP"):
        await plane.engine.connect(session.session_id, ("127.0.0.1", 9), 1.0)
    await session.close("done")
    with pytest.raises(SessionClosed, match="done"):
        session.feed_video(VideoCodec.H264, b"", 0, 0)
