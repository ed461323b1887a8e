"""Viewers: fMP4 over WebSocket and HTTP, judged by outside programs."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import websockets

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, MediaTransport
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.pretend_camera import PretendCamera


@asynccontextmanager
async def filming(session: MediaSession, camera: PretendCamera, pause_s: float = 0.01) -> AsyncIterator[None]:
    """The camera sends all the time, faster than life."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        async def film() -> None:
            while True:
                camera.send_udp(sender, session.port, 1)
                await asyncio.sleep(pause_s)

        task = asyncio.ensure_future(film())
        try:
            yield
        finally:
            task.cancel()


async def open_camera(plane: MediaPlane) -> MediaSession:
    return await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    while data:
        size, kind = struct.unpack_from(">I4s", data)
        yield kind.decode(), data[8:size]
        data = data[size:]


def fetch(url: str) -> tuple[int, bytes, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers["Access-Control-Allow-Origin"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Access-Control-Allow-Origin"]


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_a_websocket_viewer_gets_description_head_and_pictures(
    plane: MediaPlane, codec: VideoCodec
) -> None:
    session = await open_camera(plane)
    async with filming(session, PretendCamera(codec=codec, audio=AudioCodec.G711A)):
        await session.wait_first_keyframe(10)
        async with websockets.connect(
            session.grant("one")["fmp4_ws"], max_size=None, max_queue=None
        ) as viewer:
            description = json.loads(await viewer.recv())
            init = await viewer.recv()
            fragments = [await viewer.recv() for _ in range(40)]
            pong = await viewer.ping()
            await asyncio.wait_for(pong, 5)
    assert description["type"] == "stream"
    prefix = "avc1." if codec is VideoCodec.H264 else "hvc1."
    assert description["mime"].startswith(f'video/mp4; codecs="{prefix}')
    assert description["mime"].endswith(',flac"')
    assert description["video"] == {"codec": codec.name, "width": 320, "height": 240}
    assert description["audio"] == {"codec": "G711A", "sample_rate": 8000, "channels": 1}
    assert isinstance(init, bytes)
    assert [kind for kind, _ in boxes(init)] == ["ftyp", "moov"]
    for fragment in fragments:
        assert isinstance(fragment, bytes)
        assert [kind for kind, _ in boxes(fragment)] == ["moof", "mdat"]
    await until(lambda: session.viewers == 0)
    assert judged(init + b"".join(part for part in fragments if isinstance(part, bytes)))["video"] == 40


def judged(data: bytes) -> dict[str, int]:
    """Frames that ffmpeg decodes from an fMP4, without any complaint."""
    ffprobe, ffmpeg = tool("ffprobe"), tool("ffmpeg")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "part.mp4"
        path.write_bytes(data)
        shown = subprocess.run(
            [ffprobe, "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)],
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert not shown.stderr, shown.stderr
        decoded = subprocess.run(
            [ffmpeg, "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (decoded.returncode, decoded.stderr) == (0, b"")
    streams = json.loads(shown.stdout)["streams"]
    return {stream["codec_type"]: int(stream["nb_read_frames"]) for stream in streams}


async def test_a_second_viewer_starts_at_once_from_the_same_fragments(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    camera = PretendCamera(audio=AudioCodec.G711A)
    async with filming(session, camera):
        await session.wait_first_keyframe(10)
        await until(lambda: session.stats().access_units >= 20)
    # The camera is silent now: all that comes is from the cache.
    await until(lambda: session.stats().access_units >= camera.index - 1)
    received = []
    for name in ("first", "second"):
        async with websockets.connect(
            session.grant(name)["fmp4_ws"], max_size=None, max_queue=None
        ) as viewer:
            received.append([await viewer.recv() for _ in range(10)])
            await until(lambda name=name: session.viewers_of(name) == 1)
    assert received[0] == received[1]
    moof = dict(boxes(received[0][2]))["moof"]
    sample_flags = dict(boxes(dict(boxes(moof))["traf"]))["trun"]
    assert sample_flags


async def test_http_gives_a_stream_that_ffmpeg_plays(plane: MediaPlane) -> None:
    ffmpeg = tool("ffmpeg")
    session = await open_camera(plane)
    async with filming(session, PretendCamera(audio=AudioCodec.G711A)):
        await session.wait_first_keyframe(10)
        url = session.grant("tool")["fmp4_http"]
        process = await asyncio.create_subprocess_exec(
            *(ffmpeg, "-v", "error", "-xerror", "-i", url, "-frames:v", "60", "-f", "null", "-"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, errors) == (0, b"")


async def test_the_end_is_announced(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    async with filming(session, PretendCamera()):
        await session.wait_first_keyframe(10)
        urls = session.grant("one")
        streaming = asyncio.create_task(asyncio.to_thread(fetch, urls["fmp4_http"]))
        async with websockets.connect(urls["fmp4_ws"], max_size=None, max_queue=None) as viewer:
            await viewer.recv()
            await until(lambda: session.viewers == 2)
            await session.close("device said BYE")
            messages = [message async for message in viewer]
            assert viewer.close_code == 1000
        assert json.loads(messages[-1]) == {"type": "ended", "reason": "device said BYE"}
        status, body, origin = await streaming
    assert (status, origin) == (200, "*")
    assert [kind for kind, _ in boxes(body)][:3] == ["ftyp", "moov", "moof"]


async def test_a_new_picture_size_is_announced_with_a_new_head(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    changes = []
    session.on_change = changes.append
    camera = PretendCamera(gop=5)
    async with filming(session, camera):
        await session.wait_first_keyframe(10)
        async with websockets.connect(
            session.grant("one")["fmp4_ws"], max_size=None, max_queue=None
        ) as viewer:
            assert json.loads(await viewer.recv())["video"]["width"] == 320
            camera.width, camera.height = 640, 480
            camera.index += -camera.index % 5
            while not isinstance(message := await viewer.recv(), str):
                pass
            assert json.loads(message)["video"] == {"codec": "H264", "width": 640, "height": 480}
            init = await viewer.recv()
            fragment = await viewer.recv()
    assert isinstance(init, bytes)
    assert isinstance(fragment, bytes)
    assert [kind for kind, _ in boxes(init)] == ["ftyp", "moov"]
    assert judged(init + fragment) == {"video": 1}
    assert [(info.width, info.height) for info in changes] == [(320, 240), (640, 480)]


async def test_a_slow_viewer_loses_pictures_and_others_do_not(make_plane: MakePlane) -> None:
    plane = await make_plane(viewer_queue_bytes=400_000, viewer_send_buffer_bytes=65_536)
    session = await open_camera(plane)
    async with filming(session, PretendCamera(width=640, height=480, gop=10), 0.005):
        await session.wait_first_keyframe(10)
        url = session.grant("slow")["fmp4_ws"]
        async with (
            websockets.connect(url, max_size=None, max_queue=1) as slow,
            websockets.connect(session.grant("quick")["fmp4_ws"], max_size=None, max_queue=None) as quick,
        ):
            slow.transport.pause_reading()
            kinds: list[str] = []
            for _ in range(500):
                message = await quick.recv()
                if isinstance(message, str):
                    kinds.append(json.loads(message)["type"])
            assert kinds == ["stream"]
            slow.transport.resume_reading()
            skipped, after_skip = 0, b""
            async with asyncio.timeout(20):
                while not after_skip:
                    message = await slow.recv()
                    if isinstance(message, str):
                        skipped += json.loads(message).get("fragments", 0)
                    elif skipped:
                        after_skip = message
    assert skipped > 0
    assert first_sample_is_key(after_skip)


def first_sample_is_key(fragment: bytes) -> bool:
    """ISO/IEC 14496-12 8.8.8: the sample of a key frame is no "non-sync sample" (bit 16 of its flags)."""
    trun = dict(boxes(dict(boxes(dict(boxes(fragment))["moof"]))["traf"]))["trun"]
    flags = int.from_bytes(trun[1:4])
    at = 8 + (4 if flags & 1 else 0)
    if flags & 4:
        sample_flags = int.from_bytes(trun[at : at + 4])
    else:
        at += (4 if flags & 0x100 else 0) + (4 if flags & 0x200 else 0)
        sample_flags = int.from_bytes(trun[at : at + 4])
    return not sample_flags & 0x10000


async def test_a_stuck_viewer_is_closed(make_plane: MakePlane) -> None:
    plane = await make_plane(viewer_queue_bytes=50_000, viewer_send_buffer_bytes=4_096, viewer_stuck_s=0.3)
    session = await open_camera(plane)
    async with filming(session, PretendCamera(width=640, height=480), 0.002):
        await session.wait_first_keyframe(10)
        host, port = plane.address
        path = session.grant("stuck")["fmp4_http"].split(str(port), 1)[1]
        with socket.socket() as viewer:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            viewer.connect((host, port))
            viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await until(lambda: session.viewers == 1)
            await until(lambda: session.viewers == 0, "closed for being stuck")
    assert plane.totals.viewers_closed_by_reason == {"stuck": 1}


class TestRights:
    async def test_changed_expired_and_foreign_urls_open_nothing(
        self, plane: MediaPlane, sender: socket.socket
    ) -> None:
        session = await open_camera(plane)
        good = session.grant("one")["fmp4_http"]
        expired = session.grant("one", -10)["fmp4_http"]
        other = await open_camera(plane)
        cases: list[tuple[str, int, str]] = [
            (good.replace("tag=one", "tag=two"), 403, "not signed"),
            (good.split("?")[0], 403, "not signed"),
            (good.replace(session.session_id, other.session_id), 403, "not signed"),
            (expired, 403, "expired"),
            (good.replace(".mp4", ""), 403, "not signed"),
            (good.replace("/live/", "/recordings/"), 404, "No such"),
        ]
        for url, status, text in cases:
            found, body, origin = await asyncio.to_thread(fetch, url)
            problem = json.loads(body)
            assert (found, problem["status"], origin) == (status, status, "*"), url
            assert text in problem["detail"]
        plain = session.grant("one")["fmp4_ws"].replace("ws://", "http://")
        assert (await asyncio.to_thread(fetch, plain))[0] == 426
        await session.close("over")
        assert (await asyncio.to_thread(fetch, good))[0] == 404

    async def test_a_revoked_grant_disconnects_and_opens_nothing(self, plane: MediaPlane) -> None:
        session = await open_camera(plane)
        async with filming(session, PretendCamera()):
            await session.wait_first_keyframe(10)
            url = session.grant("one")["fmp4_ws"]
            async with (
                websockets.connect(url, max_size=None, max_queue=None) as viewer,
                websockets.connect(session.grant("two")["fmp4_ws"], max_size=None, max_queue=None) as other,
            ):
                await until(lambda: (session.viewers_of("one"), session.viewers_of("two")) == (1, 1))
                assert session.readers == 2
                session.revoke("one")
                messages = [message async for message in viewer]
                assert json.loads(messages[-1]) == {"type": "ended", "reason": "revoked"}
                await until(lambda: session.viewers_of("one") == 0)
                await other.recv()
                assert session.viewers_of("two") == 1
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(url)
            assert refused.value.response.status_code == 403
            session.grant("one")
            async with websockets.connect(url, max_size=None, max_queue=None) as viewer:
                await viewer.recv()

    async def test_a_user_is_cut_off_by_whatever_grant(self, plane: MediaPlane) -> None:
        session = await open_camera(plane)
        async with filming(session, PretendCamera()):
            await session.wait_first_keyframe(10)
            urls = [session.grant(tag, user="王 五")["fmp4_ws"] for tag in ("one", "two")]
            other_url = session.grant("three", user="ann", channel="gate")["fmp4_ws"]
            async with (
                websockets.connect(urls[0], max_size=None, max_queue=None) as first,
                websockets.connect(urls[1], max_size=None, max_queue=None) as second,
                websockets.connect(other_url, max_size=None, max_queue=None) as other,
            ):
                await until(lambda: session.viewers == 3)
                plane.cut(session, user="王 五")
                for viewer in (first, second):
                    messages = [message async for message in viewer]
                    assert json.loads(messages[-1]) == {"type": "ended", "reason": "revoked"}
                await until(lambda: session.viewers == 1)
                await other.recv()
            for url in urls:
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await websockets.connect(url)
                assert refused.value.response.status_code == 403
            async with websockets.connect(session.grant("four", user="王 五")["fmp4_ws"]) as viewer:
                await viewer.recv()

    async def test_a_pass_may_end_open_connections(self, plane: MediaPlane) -> None:
        session = await open_camera(plane)
        async with filming(session, PretendCamera()):
            await session.wait_first_keyframe(10)
            url = session.grant("one", end_s=0.5)["fmp4_ws"]
            async with websockets.connect(url, max_size=None, max_queue=None) as viewer:
                messages = [message async for message in viewer]
            assert json.loads(messages[-1]) == {"type": "ended", "reason": "pass ended"}
            assert (await asyncio.to_thread(fetch, url.replace("ws://", "http://")))[0] == 403

    async def test_another_right_does_not_open_a_picture(self, plane: MediaPlane) -> None:
        session = await open_camera(plane)
        url = session.grant("one", rights=("publish",))["fmp4_http"]
        status, body, _ = await asyncio.to_thread(fetch, url)
        assert (status, "something else" in json.loads(body)["detail"]) == (403, True)

    async def test_only_so_many_viewers_have_a_place(self, make_plane: MakePlane) -> None:
        plane = await make_plane(viewers_max=1)
        session = await open_camera(plane)
        async with websockets.connect(session.grant("one")["fmp4_ws"]):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(session.grant("two")["fmp4_ws"])
            assert refused.value.response.status_code == 503
        await until(lambda: session.viewers == 0)


Talk = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"POST /live/x HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /live/x HTTP/1.1\r\nA: " + b"b" * 9_000, 431),
    ],
)
async def test_bad_requests_get_an_answer_and_an_end(
    plane: MediaPlane, request_bytes: bytes, status: int
) -> None:
    reader, writer = await asyncio.open_connection(*plane.address)
    writer.write(request_bytes)
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()


async def test_a_request_that_never_ends_is_cut_off(make_plane: MakePlane) -> None:
    plane = await make_plane(request_deadline_s=0.1)
    reader, writer = await asyncio.open_connection(*plane.address)
    writer.write(b"GET /live")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_viewer_that_breaks_the_rules_is_told_so(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    url = session.grant("one")["fmp4_ws"]
    path = url.split(str(plane.address[1]), 1)[1]
    reader, writer = await asyncio.open_connection(*plane.address)
    writer.write(
        f"GET {path} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    writer.write(b"\x81\x05hello")
    frame = await asyncio.wait_for(reader.read(), 10)
    assert frame[:1] == b"\x88"
    assert int.from_bytes(frame[2:4]) == 1002
    writer.close()
