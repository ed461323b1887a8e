"""RTSP publishers: FFmpeg pushes to us over TCP and UDP; peers that misbehave."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.session import (
    MediaPlane,
    MediaSession,
    PublishRefused,
    PublishRequest,
    RecorderDetached,
    SegmentClosed,
)
from tests.integration.media.conftest import MakePlane, tool, until
from tests.integration.media.test_rtsp_players import play, rtsp_plane, run
from tests.support.port_ranges import free_ports_in_a_row
from tests.support.rtsp_talk import Talk, talk

__all__ = ["rtsp_plane"]

SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:streamid=0
m=audio 0 RTP/AVP 8
a=control:streamid=1
"""


def accept_all(plane: MediaPlane) -> list[PublishRequest]:
    """Take every push into the session of its path; what was asked."""
    asked: list[PublishRequest] = []

    async def judge(request: PublishRequest) -> str:
        asked.append(request)
        return (await plane.pushed.session_for(request.path, request.path)).session_id

    plane.on_publish = judge
    return asked


def url_of(plane: MediaPlane, name: str) -> str:
    return f"rtsp://127.0.0.1:{plane.settings.rtsp_port}/live/{name}"


async def pushed_session(plane: MediaPlane, name: str) -> MediaSession:
    def found() -> MediaSession | None:
        sessions = [session for session in plane.sessions.values() if session.label == f"/live/{name}"]
        return sessions[0] if sessions else None

    session: MediaSession = await until(found, "a publisher")
    await session.wait_first_keyframe(20)
    return session


@asynccontextmanager
async def encoder(
    url: str, transport: str = "tcp", video: str = "libx264", sound: tuple[str, ...] = ("-c:a", "aac")
) -> AsyncIterator[asyncio.subprocess.Process]:
    """FFmpeg as a camera that pushes in real time."""
    if sound:
        tone = ("-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=60")
    else:
        tone, sound = (), ("-an",)
    quiet = ("-x265-params", "log-level=none:bframes=0:keyint=25") if video == "libx265" else ("-g", "25")
    process = await asyncio.create_subprocess_exec(
        *(tool("ffmpeg"), "-hide_banner", "-nostdin", "-v", "error"),
        *("-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=60", *tone),
        *("-c:v", video, "-preset", "ultrafast", *quiet, "-pix_fmt", "yuv420p", *sound),
        *("-f", "rtsp", "-rtsp_transport", transport, url),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


G711 = ("-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("video", "sound", "codecs"),
    [
        ("libx264", ("-c:a", "aac"), ("H264", "AAC")),
        ("libx264", G711, ("H264", "G711A")),
        ("libx265", ("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"), ("H265", "G711U")),
        ("libx265", (), ("H265", None)),
    ],
)
async def test_ffmpeg_pushes_and_its_stream_is_watched(
    rtsp_plane: MediaPlane, video: str, sound: tuple[str, ...], codecs: tuple[str, str | None], transport: str
) -> None:
    asked = accept_all(rtsp_plane)
    async with encoder(url_of(rtsp_plane, "door?key=1&b=2"), transport, video, sound) as process:
        session = await pushed_session(rtsp_plane, "door")
        await until(lambda: session.info is not None and (session.info.audio is not None) == bool(sound))
        info = session.info
        assert info is not None
        assert (info.codec, info.width) == (codecs[0], 320)
        assert (info.audio.codec if info.audio else None) == codecs[1]
        assert session.publisher == f"rtsp {asked[0].source}"
        assert session.stats().source == asked[0].source
        assert await play(session.grant("one")["rtsp"], "tcp", 40) == ""
        process.send_signal(signal.SIGINT)
        await until(lambda: session.publisher is None)
    assert asked == [PublishRequest("rtsp", "/live/door", "key=1&b=2", asked[0].source)]
    assert session.stats().dropped_damaged == 0


async def test_pictures_and_sound_of_a_push_stay_together(rtsp_plane: MediaPlane, tmp_path: Path) -> None:
    accept_all(rtsp_plane)
    async with encoder(url_of(rtsp_plane, "door")):
        session = await pushed_session(rtsp_plane, "door")
        await until(lambda: session.info is not None and session.info.audio is not None)
        facts: list[object] = []
        session.attach_recorder("aa", tmp_path, metadata=b"", on_fact=facts.append)
        began = session.stats().access_units
        await until(lambda: session.stats().access_units >= began + 100)
        await session.close("done")
        await until(lambda: any(isinstance(fact, RecorderDetached) for fact in facts))
    [closed] = [fact for fact in facts if isinstance(fact, SegmentClosed)]
    code, out, errors = await run(
        *(tool("ffprobe"), "-v", "error", "-count_frames", "-show_streams", "-of", "json"),
        str(tmp_path / f"{closed.segment_id}.mp4"),
    )
    assert (code, errors) == (0, "")
    [video, audio] = json.loads(out)["streams"]
    assert int(video["nb_read_frames"]) >= 100
    assert abs(float(video["duration"]) - float(audio["duration"])) < 0.2
    assert abs(float(video["start_time"]) - float(audio["start_time"])) < 0.1


async def test_a_killed_publisher_comes_back_to_the_same_session(rtsp_plane: MediaPlane) -> None:
    accept_all(rtsp_plane)
    url = url_of(rtsp_plane, "door")
    async with encoder(url) as process:
        session = await pushed_session(rtsp_plane, "door")
        process.kill()
        await until(lambda: session.publisher is None)
    seen = session.stats().access_units
    async with encoder(url, "udp"):
        await until(lambda: session.publisher is not None)
        await until(lambda: session.stats().access_units > seen + 30)
    assert len(rtsp_plane.sessions) == 1


async def test_a_push_is_refused_with_the_owners_words(rtsp_plane: MediaPlane) -> None:
    async def judge(request: PublishRequest) -> str | None:
        if request.path == "/live/other":
            return None
        raise PublishRefused("the key is wrong")

    async with talk(url_of(rtsp_plane, "door")) as client:
        answer = await announce(client)
        assert answer == 403
    rtsp_plane.on_publish = judge
    async with encoder(url_of(rtsp_plane, "door")) as process:
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert b"403 Forbidden (the key is wrong)" in errors
    for name, status in (("other", 403), ("door", 403)):
        async with talk(url_of(rtsp_plane, name)) as client:
            assert await announce(client) == status
    assert not rtsp_plane.sessions


async def announce(client: Talk, sdp: str = SDP) -> int:
    return (await client.ask("ANNOUNCE", body=sdp, Content_Type="application/sdp")).status


async def test_requests_of_publishers_have_their_codes(rtsp_plane: MediaPlane) -> None:
    accept_all(rtsp_plane)
    async with talk(url_of(rtsp_plane, "door")) as client:
        assert (await client.ask("RECORD")).status == 455
        assert (await client.ask("ANNOUNCE", body=SDP, Content_Type="text/plain")).status == 415
        assert await announce(client, "v=0\r\n") == 415
        assert await announce(client, SDP.replace("H264", "VP8").replace("AVP 8", "AVP 98")) == 415
        assert await announce(client) == 200
        assert await announce(client) == 455
        assert (await client.ask("PLAY")).status == 454
        assert (await client.ask("RECORD")).status == 455
        record = "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"
        assert (await client.ask("SETUP", f"{client.url}/streamid=7", Transport=record)).status == 404
        assert (await client.ask("SETUP", f"{client.url}/streamid=0", Transport="x")).status == 461
        answer = await client.ask("SETUP", f"{client.url}/streamid=0", Transport=record)
        assert answer.headers["transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"
        again = await client.ask("SETUP", f"{client.url}/streamid=1", Transport=record)
        assert again.status == 461
        assert (await client.ask("RECORD")).status == 200
        [session] = rtsp_plane.sessions.values()
        await until(lambda: session.publisher is not None)
        # A second one waits until the first has left.
        async with talk(client.url) as second:
            assert await announce(second) == 200
            assert (await second.ask("SETUP", f"{client.url}/streamid=0", Transport=record)).status == 200
            assert (await second.ask("RECORD")).status == 403
            # Garbage between the messages is no stream, and no harm.
            for frame in (b"", b"\x80", b"\x80\x60" + bytes(10), bytes(40), b"\xff" * 300):
                client.writer.write(b"$\x00" + len(frame).to_bytes(2) + frame)
                client.writer.write(b"$\x01" + len(frame).to_bytes(2) + frame)
                client.writer.write(b"$\x09" + len(frame).to_bytes(2) + frame)
            assert (await client.ask("OPTIONS")).status == 200
            assert (await client.ask("TEARDOWN")).status == 200
            await until(lambda: session.publisher is None)
            assert (await second.ask("RECORD")).status == 200
        await until(lambda: session.publisher is None)


async def test_an_owner_that_never_answers_is_not_waited_for_when_the_peer_leaves(
    rtsp_plane: MediaPlane,
) -> None:
    asked = asyncio.Event()

    async def judge(_: PublishRequest) -> str | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    rtsp_plane.on_publish = judge
    async with talk(url_of(rtsp_plane, "door")) as client:
        client.writer.write(
            f"ANNOUNCE {client.url} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n{SDP}".encode()
        )
        await asyncio.wait_for(asked.wait(), 10)
    assert not rtsp_plane.sessions


async def test_a_closed_session_sends_its_publisher_away(rtsp_plane: MediaPlane) -> None:
    accept_all(rtsp_plane)
    async with encoder(url_of(rtsp_plane, "door")) as process:
        session = await pushed_session(rtsp_plane, "door")
        await session.close("over")
        await asyncio.wait_for(process.communicate(), 30)


async def test_datagrams_of_a_push_can_be_refused(make_plane: MakePlane) -> None:
    plane = await make_plane(rtsp_port=free_ports_in_a_row(2).start, rtsp_udp=False)
    accept_all(plane)
    async with encoder(url_of(plane, "door"), "udp") as process:
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert b"461 Unsupported" in errors


async def test_parameter_sets_of_the_announcement_do(rtsp_plane: MediaPlane, tmp_path: Path) -> None:
    """A file whose parameter sets stand in its head alone is pushed as it is."""
    path = tmp_path / "film.mp4"
    code, _, errors = await run(
        *(tool("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=20"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", str(path)),
    )
    assert (code, errors) == (0, "")
    accept_all(rtsp_plane)
    process = await asyncio.create_subprocess_exec(
        *(tool("ffmpeg"), "-v", "error", "-nostdin", "-re", "-i", str(path), "-c", "copy"),
        *("-f", "rtsp", "-rtsp_transport", "tcp", url_of(rtsp_plane, "film")),
    )
    try:
        session = await pushed_session(rtsp_plane, "film")
        assert await play(session.grant("one")["rtsp"], "tcp", 40) == ""
    finally:
        process.kill()
        await process.wait()
