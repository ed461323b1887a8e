"""HLS and its low-latency form, judged by ffmpeg and by what the specification says of playlists."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, MediaTransport
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.pretend_camera import PretendCamera


@asynccontextmanager
async def filming(session: MediaSession, camera: PretendCamera) -> AsyncIterator[None]:
    """The camera sends four times as fast as life."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        async def film() -> None:
            while True:
                camera.send_udp(sender, session.port, 1)
                await asyncio.sleep(0.01)

        task = asyncio.ensure_future(film())
        try:
            yield
        finally:
            task.cancel()


async def open_camera(plane: MediaPlane) -> MediaSession:
    return await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")


def segments_of(playlist: str) -> list[str]:
    return re.findall(r"^segment\d+\.m4s.*$", playlist, re.MULTILINE)


def parts_of(playlist: str) -> list[str]:
    return re.findall(r'#EXT-X-PART:.*URI="([^"]+)"', playlist)


def number(pattern: str, playlist: str) -> float:
    found = re.search(pattern, playlist)
    assert found is not None, playlist
    return float(found[1])


async def decoded_frames(data: bytes) -> int:
    process = await asyncio.create_subprocess_exec(
        *(tool("ffprobe"), "-v", "error", "-count_frames", "-select_streams", "v"),
        *("-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(data), 30)
    assert errors == b"", errors
    return int(out)


async def test_ffmpeg_plays_the_playlist(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    async with filming(session, PretendCamera(audio=AudioCodec.G711A)):
        await session.wait_first_keyframe(10)
        process = await asyncio.create_subprocess_exec(
            *(tool("ffmpeg"), "-v", "error", "-xerror", "-i", session.grant("tool")["hls"]),
            *("-frames:v", "100", "-f", "null", "-"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors) == (0, b"")


async def test_a_reader_follows_parts_by_blocking_reloads(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    async with (
        filming(session, PretendCamera(audio=AudioCodec.G711A)),
        httpx.AsyncClient(timeout=20) as client,
    ):
        await session.wait_first_keyframe(10)
        url = session.grant("reader", user="ann")["hls"]
        first = (await client.get(url)).text
        assert first.startswith("#EXTM3U\n#EXT-X-VERSION:9\n")
        assert "CAN-BLOCK-RELOAD=YES" in first
        target = number(r"#EXT-X-TARGETDURATION:(\d+)", first)
        assert all(float(length) < target + 0.5 for length in re.findall(r"#EXTINF:([\d.]+)", first))
        part_target = number(r"PART-TARGET=([\d.]+)", first)
        folder = url.split("index.m3u8")[0]
        init = re.search(r'#EXT-X-MAP:URI="([^"]+)"', first)
        assert init is not None
        head = (await client.get(folder + init[1])).content
        # Where the playlist ends, the next part begins.
        hint = re.search(r'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"', first)
        assert hint is not None
        msn = int(number(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", first)) + len(segments_of(first))
        whole = segments_of(first)[-1]
        segment = (await client.get(folder + whole)).content
        assert await decoded_frames(head + segment) > 0
        reached = 0
        for turn in range(4):
            answer = await client.get(f"{url}&_HLS_msn={msn + turn}&_HLS_part=0")
            assert answer.status_code == 200
            assert f"segment{msn + turn - 1}.m4s" in answer.text
            newest = parts_of(answer.text)[-1]
            part = await client.get(folder + newest)
            assert part.headers["content-type"] == "video/mp4"
            assert part.content[4:8] == b"moof"
            reached += len(part.content)
            lengths = [float(length) for length in re.findall(r"#EXT-X-PART:DURATION=([\d.]+)", answer.text)]
            assert max(lengths) <= part_target + 0.001
        hinted = await client.get(folder + hint[1])
        assert hinted.status_code == 200
        rows = session.viewer_stats()
        assert [(row.way, row.tag, row.user, row.source) for row in rows] == [
            ("hls", "reader", "ann", "127.0.0.1")
        ]
        assert rows[0].sent_bytes > reached
        assert session.viewers_of("reader") == 1


async def test_the_parts_of_a_segment_are_its_bytes(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    camera = PretendCamera(audio=AudioCodec.G711A)
    async with httpx.AsyncClient(timeout=20) as client:
        url = session.grant("reader")["hls"]
        folder = url.split("index.m3u8")[0]
        async with filming(session, camera):
            await session.wait_first_keyframe(10)
            playlist = (await client.get(url)).text
            block = playlist.split("#EXTINF")[0]
            names = parts_of(block)
            assert len(names) > 1
            whole = (await client.get(folder + segments_of(playlist)[0])).content
            parts = [(await client.get(folder + name)).content for name in names]
    assert b"".join(parts) == whole


async def test_a_head_request_a_preflight_and_another_request_on_the_same_connection(
    plane: MediaPlane,
) -> None:
    session = await open_camera(plane)
    async with filming(session, PretendCamera()):
        await session.wait_first_keyframe(10)
        path = session.grant("reader")["hls"].split(str(plane.address[1]), 1)[1]
        reader, writer = await asyncio.open_connection(*plane.address)
        # All three at once: they are answered in their order.
        writer.write(
            f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\n\r\n"
            f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n"
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        answers = (await asyncio.wait_for(reader.read(), 20)).decode()
        writer.close()
    preflight, head, playlist, body = answers.split("\r\n\r\n")
    assert preflight.startswith("HTTP/1.1 204 ")
    assert "Access-Control-Allow-Methods: GET, HEAD, OPTIONS" in preflight
    for answer in (head, playlist):
        assert answer.startswith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n")
        assert "Access-Control-Allow-Origin: *" in answer
    assert playlist.endswith("Connection: close")
    assert f"Content-Length: {len(body)}\r\n" in playlist
    assert body.startswith("#EXTM3U\n")


async def test_a_revoked_reader_is_refused_at_once_also_while_it_waits(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    camera = PretendCamera()
    async with httpx.AsyncClient(timeout=20) as client:
        url = session.grant("one", user="ann")["hls"]
        async with filming(session, camera):
            await session.wait_first_keyframe(10)
            playlist = (await client.get(url)).text
            other = session.grant("two", user="bob")["hls"]
            assert (await client.get(other)).status_code == 200
        assert session.viewers == 2
        sequence = int(number(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", (await client.get(url)).text))
        ahead = sequence + len(segments_of((await client.get(url)).text)) + 1
        waiting = asyncio.ensure_future(client.get(f"{url}&_HLS_msn={ahead}"))
        await asyncio.sleep(0)
        plane.cut(session, user="ann")
        refused = await waiting
        assert refused.status_code == 403
        assert "withdrawn" in refused.json()["detail"]
        for path in (url, url.split("index")[0] + segments_of(playlist)[0]):
            assert (await client.get(path)).status_code == 403
        assert (await client.get(other)).status_code == 200
        await until(lambda: (session.viewers_of("one"), session.viewers_of("two")) == (0, 1))
        assert plane.totals.viewers_closed_by_reason == {"revoked": 1}


async def test_who_goes_on_asking_may_stay_and_who_stops_is_gone(make_plane: MakePlane) -> None:
    plane = await make_plane(hls_idle_s=0.1)
    session = await open_camera(plane)
    async with filming(session, PretendCamera(gop=5)), httpx.AsyncClient(timeout=20) as client:
        await session.wait_first_keyframe(10)
        url = session.grant("one", 1)["hls"]
        expires = int(re.search(r"exp=(\d+)", url)[1])  # type: ignore[index]
        late = session.grant("two", 1)["hls"]
        while time.time() < expires + 0.2:
            answer = await client.get(url)
            assert answer.status_code == 200
            await asyncio.sleep(0.05)
        assert (await client.get(url)).status_code == 200
        refused = await client.get(late)
        assert (refused.status_code, "expired" in refused.json()["detail"]) == (403, True)
        await until(lambda: session.viewers == 0, "nobody asks any more")
        assert (await client.get(url)).status_code == 403
    assert plane.totals.viewers_closed_by_reason == {"asks no more": 1}


async def test_the_end_of_a_stream_ends_the_playlist_of_who_waits(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    camera = PretendCamera()
    async with httpx.AsyncClient(timeout=20) as client:
        url = session.grant("one")["hls"]
        async with filming(session, camera):
            await session.wait_first_keyframe(10)
            playlist = (await client.get(url)).text
        ahead = int(number(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist)) + 1_000
        far = await client.get(f"{url}&_HLS_msn={ahead}")
        assert (far.status_code, "too far" in far.json()["detail"]) == (400, True)
        text = (await client.get(url)).text
        newest = int(number(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text)) + len(segments_of(text))
        waiting = asyncio.ensure_future(client.get(f"{url}&_HLS_msn={newest}"))
        await until(lambda: session.viewers == 1)
        await asyncio.sleep(0.05)
        await session.close("over")
        answer = await waiting
        assert answer.text.endswith("#EXT-X-ENDLIST\n")
        assert (await client.get(url)).status_code == 404


async def test_no_picture_in_time_is_said_so(make_plane: MakePlane) -> None:
    plane = await make_plane()
    session = await open_camera(plane)
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.get(session.grant("one")["hls"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_files_that_are_not_there(plane: MediaPlane) -> None:
    session = await open_camera(plane)
    async with filming(session, PretendCamera(gop=5)), httpx.AsyncClient(timeout=20) as client:
        await session.wait_first_keyframe(10)
        url = session.grant("one")["hls"]
        await client.get(url)
        await until(lambda: session.stats().access_units > 600, "the first segment has left the window")
        query = url.partition("?")[2]
        for file in ("init99.mp4", "segment0.m4s", "part999.m4s", "x.ts", "", "../ab.mp4"):
            reader, writer = await asyncio.open_connection(*plane.address)
            path = f"/live/{session.session_id}/{file}?{query}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head, body = (await asyncio.wait_for(reader.read(), 10)).split(b"\r\n\r\n", 1)
            writer.close()
            assert head.startswith(b"HTTP/1.1 404 "), file
            assert json.loads(body)["status"] == 404
