"""HTTP-FLV and FLV over WebSocket, judged by the installed FFmpeg and by the newer one of PyAV."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import urllib.request
from collections import Counter
from itertools import pairwise
from pathlib import Path

import av
import pytest
import websockets

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession
from tests.integration.media.conftest import MakePlane, tool, until
from tests.support.encoded import pictures
from tests.support.feeding import feed, feeding, film

NAMES = {AudioCodec.G711A: "pcm_alaw", AudioCodec.G711U: "pcm_mulaw", AudioCodec.AAC: "aac"}


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "video/x-flv"
        data: bytes = answer.read()
        return data


async def seen_over_http(session: MediaSession, count: int) -> bytes:
    """What a viewer is sent until ``count`` more pictures have come and the session ends."""
    watching = asyncio.create_task(asyncio.to_thread(fetch, session.grant("one")["flv_http"]))
    await until(lambda: session.viewers == 1)
    before = session.stats().access_units
    await until(lambda: session.stats().access_units >= before + count)
    await session.close("over")
    return await watching


def decoded(data: bytes) -> tuple[Counter[str], dict[str, str]]:
    """Frames that decode, and names of their codecs, by kind of stream."""
    frames: Counter[str] = Counter()
    with av.open(io.BytesIO(data), format="flv") as flv:
        # Streams of FLV are found while it is read.
        for packet in flv.demux():
            for frame in packet.decode():
                frames[packet.stream.type] += 1
                assert not getattr(frame, "is_corrupt", False)
        names = {stream.type: stream.codec_context.name for stream in flv.streams}
    return frames, names


def judged(data: bytes, path: Path) -> dict[str, str]:
    """Kinds of streams and their codecs as ffprobe finds them; ffmpeg decodes all without complaint."""
    path.write_bytes(data)
    shown = subprocess.run(
        [tool("ffprobe"), "-v", "error", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert not shown.stderr, shown.stderr
    decoding = subprocess.run(
        [tool("ffmpeg"), "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (decoding.returncode, decoding.stderr) == (0, b"")
    return {stream["codec_type"]: stream["codec_name"] for stream in json.loads(shown.stdout)["streams"]}


@pytest.mark.parametrize("audio", [AudioCodec.G711A, AudioCodec.G711U, AudioCodec.AAC, None])
async def test_h264_over_http_is_classic_flv(
    plane: MediaPlane, tmp_path: Path, audio: AudioCodec | None
) -> None:
    session = await plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, audio, 2)):
        await session.wait_first_keyframe(10)
        data = await seen_over_http(session, 50)
    found = judged(data, tmp_path / "seen.flv")
    expected = {"video": "h264"} | ({} if audio is None else {"audio": NAMES[audio]})
    assert found == expected
    frames, _ = decoded(data)
    assert frames["video"] >= 50
    assert (frames["audio"] > 20) == (audio is not None)


async def test_h265_over_http_is_enhanced_flv(plane: MediaPlane) -> None:
    session = await plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H265, AudioCodec.G711A, 2)):
        await session.wait_first_keyframe(10)
        data = await seen_over_http(session, 50)
    frames, names = decoded(data)
    assert names == {"video": "hevc", "audio": "pcm_alaw"}
    assert frames["video"] >= 50


async def test_pictures_have_the_times_of_their_showing(plane: MediaPlane) -> None:
    """B pictures: composition times put them in order again, 40 ms apart."""
    session = await plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, None, 2)):
        await session.wait_first_keyframe(10)
        data = await seen_over_http(session, 60)
    with av.open(io.BytesIO(data), format="flv") as flv:
        packets = [packet for packet in flv.demux(video=0) if packet.pts is not None]
    # The end may cut a group of B pictures.
    shown = sorted(packet.pts for packet in packets if packet.pts is not None)[:-4]
    assert {later - earlier for earlier, later in pairwise(shown)} == {40}
    assert any(packet.pts != packet.dts for packet in packets)


@pytest.mark.parametrize("video", list(VideoCodec))
async def test_websocket_messages_joined_are_the_same_flv(plane: MediaPlane, video: VideoCodec) -> None:
    session = await plane.open_fed(label="program")
    async with feeding(session, film(video, AudioCodec.AAC, 2)):
        await session.wait_first_keyframe(10)
        url = session.grant("one")["flv_ws"]
        async with websockets.connect(url, max_size=None, max_queue=None) as viewer:
            messages = [await viewer.recv() for _ in range(60)]
            await until(lambda: session.viewers_of("one") == 1)
            await session.close("over")
            # A good end of the connection is the end of the iteration.
            messages += [message async for message in viewer]
    assert all(isinstance(message, bytes) for message in messages)
    frames, names = decoded(b"".join(message for message in messages if isinstance(message, bytes)))
    assert names["audio"] == "aac"
    assert frames["video"] >= 55


def sizes_of(data: bytes) -> list[tuple[int, int]]:
    """Sizes of the decoded pictures, in order of their coming, each once in a row."""
    sizes: list[tuple[int, int]] = []
    with av.open(io.BytesIO(data), format="flv") as flv:
        for frame in flv.decode(video=0):
            if not sizes or sizes[-1] != (frame.width, frame.height):
                sizes.append((frame.width, frame.height))
    return sizes


async def test_a_changed_picture_goes_on_under_new_headers(plane: MediaPlane) -> None:
    session = await plane.open_fed(label="program")
    small = list(pictures(VideoCodec.H264, 50, b_frames=0))
    large = list(pictures(VideoCodec.H264, 50, size=(640, 480), b_frames=0))
    for picture in small[:30]:
        feed(session, picture)
    await session.wait_first_keyframe(10)
    watching = asyncio.create_task(asyncio.to_thread(fetch, session.grant("one")["flv_http"]))
    await until(lambda: session.viewers == 1)
    for picture in small[30:]:
        feed(session, picture)
    for picture in large:
        feed(session, picture, 50 * 3_600)
    await until(lambda: session.stats().access_units == 100)
    await session.close("over")
    data = await watching
    assert sizes_of(data) == [(320, 240), (640, 480)]
    assert data.count(b"onMetaData") == 2


async def test_two_viewers_share_the_tags_and_a_slow_one_goes_on_at_a_key_frame(
    make_plane: MakePlane,
) -> None:
    plane = await make_plane(viewer_queue_bytes=65_536, viewer_send_buffer_bytes=4_096)
    session = await plane.open_fed(label="program")
    reading = asyncio.Event()
    received = bytearray()

    async def slow(path: str) -> None:
        reader, writer = await asyncio.open_connection(*plane.address, limit=4_096)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reading.wait()
        received.extend(await reader.read())
        writer.close()

    path = session.grant("slow")["flv_http"].split(":", 2)[2].split("/", 1)[1]
    watching = asyncio.create_task(slow(f"/{path}"))
    async with feeding(session, film(VideoCodec.H264, AudioCodec.G711A, 2)):
        await until(lambda: session.viewers == 1)
        await until(lambda: session.stats().access_units >= 400)
        reading.set()
        at = session.stats().access_units
        await until(lambda: session.stats().access_units >= at + 60)
        await session.close("over")
        await watching
    await until(lambda: plane.totals.viewers_closed == 1)
    assert plane.totals.viewer_fragments_skipped > 0
    frames, _ = decoded(dechunked(bytes(received)))
    assert frames["video"] > 10


def dechunked(answer: bytes) -> bytes:
    head, rest = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 ")
    body = bytearray()
    while rest:
        size, rest = rest.split(b"\r\n", 1)
        count = int(size, 16)
        body += rest[:count]
        rest = rest[count + 2 :]
    return bytes(body)


async def test_a_fetched_stream_is_the_same_for_all(plane: MediaPlane) -> None:
    session = await plane.open_fed(label="program")
    for frame in film(VideoCodec.H264, AudioCodec.G711A, 2):
        feed(session, frame)
    await session.wait_first_keyframe(10)
    await until(lambda: session.stats().access_units == 50)
    fetching = [
        asyncio.create_task(asyncio.to_thread(fetch, session.grant(name)["flv_http"]))
        for name in ("one", "two")
    ]
    await until(lambda: session.viewers == 2)
    await session.close("over")
    one, two = [await task for task in fetching]
    assert one == two
    assert one.startswith(b"FLV\x01\x05")
