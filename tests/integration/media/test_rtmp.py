"""RTMP with real peers: FFmpeg pushes to us, plays from us and takes our pushes; peers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import av
import pytest

from media.errors import LocalViolation
from media.nal import VideoCodec
from media.outputs.rtmp import PushState
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, PublishRefused, PublishRequest
from tests.integration.media.conftest import MakePlane, tool, until
from tests.support.feeding import feeding, film
from tests.support.port_ranges import free_ports_in_a_row


def rtmp_port() -> int:
    return free_ports_in_a_row(2).start


@pytest.fixture
async def rtmp(make_plane: MakePlane) -> MediaPlane:
    return await make_plane(rtmp_port=rtmp_port(), publish_resume_s=20)


def accept_all(plane: MediaPlane) -> list[PublishRequest]:
    """Take every push into the session of its path; what was asked."""
    asked: list[PublishRequest] = []

    async def judge(request: PublishRequest) -> str:
        asked.append(request)
        return (await plane.pushed.session_for(request.path, request.path)).session_id

    plane.on_publish = judge
    return asked


def url_of(plane: MediaPlane, name: str) -> str:
    return f"rtmp://127.0.0.1:{plane.settings.rtmp_port}/live/{name}"


@asynccontextmanager
async def ffmpeg(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        tool("ffmpeg"), "-hide_banner", "-nostdin", "-v", "error", *arguments,
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def camera(url: str, *sound: str, seconds: int = 60) -> tuple[str, ...]:
    """Arguments of an encoder that pushes in real time."""
    return (
        "-re", "-f", "lavfi", "-i", f"testsrc=size=320x240:rate=25:duration={seconds}",
        "-re", "-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={seconds}",
        "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p",
        *(sound or ("-c:a", "aac")), "-f", "flv", url,
    )  # fmt: skip


async def pushed_session(plane: MediaPlane, name: str) -> MediaSession:
    def found() -> MediaSession | None:
        sessions = [session for session in plane.sessions.values() if session.label == f"/live/{name}"]
        return sessions[0] if sessions else None

    session: MediaSession = await until(found, "a publisher")
    await session.wait_first_keyframe(20)
    return session


async def probe(url: str) -> dict[str, str]:
    """Codecs by kind of stream as ffprobe finds them over RTMP."""
    process = await asyncio.create_subprocess_exec(
        tool("ffprobe"), "-v", "error", "-rw_timeout", "15000000", "-show_streams", "-of", "json", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, complaints = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, complaints
    return {stream["codec_type"]: stream["codec_name"] for stream in json.loads(out)["streams"]}


@pytest.mark.parametrize(
    ("sound", "codec", "rate"),
    [
        (("-c:a", "aac"), "AAC", 44_100),
        (("-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"), "G711A", 8_000),
        (("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"), "G711U", 8_000),
    ],
)
async def test_ffmpeg_pushes_and_its_stream_is_watched(
    rtmp: MediaPlane, sound: tuple[str, ...], codec: str, rate: int
) -> None:
    asked = accept_all(rtmp)
    async with ffmpeg(*camera(url_of(rtmp, "door?key=1&b=2"), *sound)) as encoder:
        session = await pushed_session(rtmp, "door")
        assert session.info is not None
        assert (session.info.codec, session.info.width) == ("H264", 320)
        await until(lambda: session.info and session.info.audio)
        audio = session.info.audio
        assert audio is not None
        assert (audio.codec, audio.sample_rate) == (codec, rate)
        assert session.publisher is not None
        assert session.publisher.startswith("rtmp 127.0.0.1:")
        assert session.stats().source == asked[0].source
        assert await probe(session.grant("one")["rtmp"]) == {
            "video": "h264",
            "audio": {"AAC": "aac", "G711A": "pcm_alaw", "G711U": "pcm_mulaw"}[codec],
        }
        encoder.send_signal(signal.SIGINT)
        await until(lambda: session.publisher is None)
    assert asked == [PublishRequest("rtmp", "/live/door", "key=1&b=2", asked[0].source)]
    await session.close("done")


async def test_ffmpeg_plays_pictures_with_their_times(rtmp: MediaPlane, tmp_path: Path) -> None:
    session = await rtmp.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, AudioCodec.AAC, 2)):
        await session.wait_first_keyframe(10)
        path = tmp_path / "played.flv"
        url = session.grant("one")["rtmp"]
        async with ffmpeg("-i", url, "-t", "3", "-c", "copy", "-y", str(path)) as player:
            await asyncio.wait_for(player.wait(), 30)
        await until(lambda: session.viewers == 0)
    shown = [time for kind, time in packets_of(path.read_bytes()) if kind == "video"]
    assert len(shown) > 50
    ordered = sorted(shown)[2:-4]
    assert {later - earlier for earlier, later in pairwise(ordered)} == {40}
    # A player that leaves with unread bytes resets its connection.
    (reason,) = rtmp.totals.viewers_closed_by_reason
    assert reason in {"closed by the viewer", "connection lost"}


def play(url: str, count: int) -> tuple[dict[str, str], int]:
    """Codecs by kind of stream, and pictures that decode."""
    decoded = 0
    with av.open(url, timeout=20) as stream:
        for _ in stream.decode(video=0):
            decoded += 1
            if decoded == count:
                break
        return {found.type: found.codec_context.name for found in stream.streams}, decoded


@asynccontextmanager
async def pushing_h265(url: str) -> AsyncIterator[None]:
    """The FFmpeg of PyAV knows the enhanced form."""
    script = Path(__file__).with_name("pushing_process.py")
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), url)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_enhanced_rtmp_carries_h265_both_ways(rtmp: MediaPlane) -> None:
    accept_all(rtmp)
    async with pushing_h265(url_of(rtmp, "hevc")):
        session = await pushed_session(rtmp, "hevc")
        assert session.info is not None
        assert session.info.codec == "H265"
        names, decoded = await asyncio.to_thread(play, session.grant("one")["rtmp"], 30)
    assert (names, decoded) == ({"video": "hevc"}, 30)


async def refused(url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        tool("ffprobe"), "-v", "error", "-rw_timeout", "15000000", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, complaints = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode != 0
    return complaints.decode()


async def test_a_player_without_a_good_pass_is_told_why(rtmp: MediaPlane) -> None:
    session = await rtmp.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, None, 2)):
        await session.wait_first_keyframe(10)
        good = session.grant("one")["rtmp"]
        assert "not signed" in await refused(good.split("?")[0])
        assert "expired" in await refused(session.grant("one", -10)["rtmp"])
        assert "something else" in await refused(session.grant("one", rights=("publish",))["rtmp"])
        session.revoke("one")
        assert "withdrawn" in await refused(good)
    gone = session.grant("two")["rtmp"]
    await session.close("over")
    assert "no such live session" in await refused(gone)
    assert rtmp.totals.viewers_opened == 0


async def test_a_revoked_player_is_cut_off_and_an_ended_stream_says_so(rtmp: MediaPlane) -> None:
    session = await rtmp.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, None, 2)):
        await session.wait_first_keyframe(10)
        for tag, cut in (("one", lambda: session.revoke("one")), ("two", None)):
            async with ffmpeg("-i", session.grant(tag)["rtmp"], "-f", "null", "-") as player:
                await until(lambda tag=tag: session.viewers_of(tag) == 1)
                (row,) = session.viewer_stats()
                assert (row.way, row.tag) == ("rtmp", tag)
                if cut is None:
                    await session.close("over")
                else:
                    cut()
                await asyncio.wait_for(player.wait(), 20)
    await until(lambda: rtmp.totals.viewers_closed == 2)
    assert rtmp.totals.viewers_closed_by_reason == {"revoked": 1, "ended": 1}


async def test_a_push_needs_somebody_who_allows_it(rtmp: MediaPlane) -> None:
    async def why_not(name: str) -> str:
        async with ffmpeg(*camera(url_of(rtmp, name))) as encoder:
            _, complaints = await asyncio.wait_for(encoder.communicate(), 30)
            assert encoder.returncode != 0
        return complaints.decode()

    assert "not taken here" in await why_not("a")

    async def judge(request: PublishRequest) -> str | None:
        if request.path == "/live/b":
            raise PublishRefused("the key is wrong")
        if request.path == "/live/c":
            raise RuntimeError("a bug")
        return "nobody" if request.path == "/live/d" else None

    rtmp.on_publish = judge
    for name, words in (
        ("b", "the key is wrong"),
        ("c", "internal error"),
        ("d", "no such session"),
        ("e", "refused"),
    ):
        assert words in await why_not(name)
    assert not rtmp.sessions


async def test_a_killed_publisher_finds_its_session_again(rtmp: MediaPlane) -> None:
    accept_all(rtmp)
    url = url_of(rtmp, "door")
    async with ffmpeg(*camera(url)) as encoder:
        session = await pushed_session(rtmp, "door")
        encoder.kill()
        await until(lambda: session.publisher is None)
    assert not session.is_closed
    before = session.stats().access_units
    player = asyncio.create_task(asyncio.to_thread(play, session.grant("one")["rtmp"], 60))
    async with ffmpeg(*camera(url)):
        await until(lambda: session.publisher)
        await until(lambda: session.stats().access_units > before + 60)
        assert await player == ({"video": "h264", "audio": "aac"}, 60)
    assert len(rtmp.sessions) == 1
    assert session.stats().media_s < 60


async def test_a_publisher_that_stays_away_ends_its_session(make_plane: MakePlane) -> None:
    plane = await make_plane(rtmp_port=rtmp_port(), publish_resume_s=0.2)
    accept_all(plane)
    async with ffmpeg(*camera(url_of(plane, "door"), seconds=2)):
        session = await pushed_session(plane, "door")
        await until(lambda: session.is_closed)
    assert session.close_reason == "the publisher has left: the peer has ended the stream"
    assert not plane.sessions


@pytest.mark.parametrize("replaces", [False, True])
async def test_a_second_publisher_is_refused_or_replaces_the_first(
    make_plane: MakePlane, replaces: bool
) -> None:
    plane = await make_plane(rtmp_port=rtmp_port(), publish_replaces=replaces)
    accept_all(plane)
    url = url_of(plane, "door")
    async with ffmpeg(*camera(url)) as first:
        session = await pushed_session(plane, "door")
        publisher = session.publisher
        async with ffmpeg(*camera(url)) as second:
            loser = first if replaces else second
            _, complaints = await asyncio.wait_for(loser.communicate(), 30)
            assert loser.returncode != 0
            if replaces:
                await until(lambda: session.publisher not in {None, publisher})
            else:
                assert b"publishes it already" in complaints
                assert session.publisher == publisher
            before = session.stats().access_units
            await until(lambda: session.stats().access_units > before + 30)
    assert len(plane.sessions) == 1


async def test_the_end_of_a_session_ends_its_publisher(rtmp: MediaPlane) -> None:
    accept_all(rtmp)
    async with ffmpeg(*camera(url_of(rtmp, "door"))) as encoder:
        session = await pushed_session(rtmp, "door")
        await session.close("not wanted any more")
        await asyncio.wait_for(encoder.communicate(), 30)
        assert encoder.returncode != 0
    await until(lambda: session.publisher is None)


async def closed_by_us(plane: MediaPlane, words: bytes) -> None:
    """Send something, and wait until we are hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.settings.rtmp_port)
    writer.write(words)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 20)
    writer.close()


async def test_garbage_silence_and_half_a_handshake_are_hung_up_on(make_plane: MakePlane) -> None:
    plane = await make_plane(rtmp_port=rtmp_port(), rtmp_start_s=0.3, rtmp_connections_per_source=4)
    hello = b"\3" + bytes(1_536)
    await asyncio.gather(
        closed_by_us(plane, b"GET / HTTP/1.1\r\n\r\n"),
        closed_by_us(plane, b""),
        closed_by_us(plane, hello[:700]),
        closed_by_us(plane, hello),
    )
    garbage = hello + bytes(1_536) + b"\x06" + struct.pack(">I", 0xFFFFFF)[1:] * 2 + b"\x09" + bytes(4_000)
    await closed_by_us(plane, garbage)
    # A fifth connection of one address finds no place while four are open.
    crowd = [await asyncio.open_connection("127.0.0.1", plane.settings.rtmp_port) for _ in range(5)]
    assert await asyncio.wait_for(crowd[4][0].read(), 20) == b""
    for _, writer in crowd:
        writer.close()
    session = await plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, None, 2)):
        await session.wait_first_keyframe(10)

        async def is_served() -> bool:
            try:
                return await probe(session.grant("one")["rtmp"]) == {"video": "h264"}
            except AssertionError:
                return False

        # The places of the crowd become free.
        async with asyncio.timeout(30):
            while not await is_served():
                pass


async def test_a_slow_player_loses_pictures_up_to_a_key_frame(make_plane: MakePlane) -> None:
    plane = await make_plane(rtmp_port=rtmp_port(), viewer_queue_bytes=65_536, viewer_send_buffer_bytes=4_096)
    session = await plane.open_fed(label="program")
    async with feeding(session, film(VideoCodec.H264, AudioCodec.AAC, 2)):
        await session.wait_first_keyframe(10)
        async with ffmpeg("-i", session.grant("one")["rtmp"], "-f", "null", "-") as player:
            await until(lambda: session.viewers == 1)
            player.send_signal(signal.SIGSTOP)
            await until(lambda: session.viewer_stats()[0].skipped > 100)
            player.send_signal(signal.SIGCONT)
            sent = session.viewer_stats()[0].sent_bytes
            await until(lambda: session.viewer_stats()[0].sent_bytes > sent + 500_000)
            await session.close("over")
            _, complaints = await asyncio.wait_for(player.communicate(), 30)
    assert b"Invalid" not in complaints


async def test_ffmpeg_takes_what_we_push(rtmp: MediaPlane, tmp_path: Path) -> None:
    session = await rtmp.open_fed(label="program")
    for g711, names in ((False, {"video"}), (True, {"video", "audio"})):
        port, path = rtmp_port(), tmp_path / f"{g711}.flv"
        url = f"rtmp://127.0.0.1:{port}/app/key?token=1"
        listening = ("-listen", "1", "-i", url, "-t", "2", "-c", "copy", "-y", str(path))
        async with ffmpeg(*listening) as server, feeding(session, film(VideoCodec.H264, AudioCodec.G711A, 2)):
            await session.wait_first_keyframe(20)
            states: list[tuple[PushState, str]] = []
            push = session.push_rtmp(url, g711=g711)
            push.on_state = lambda state, reason, states=states: states.append((state, reason))
            assert "token" not in push.address
            await asyncio.wait_for(server.wait(), 60)
            push.close("enough")
            await until(lambda push=push: push.close_reason)
        assert push.close_reason == "enough"
        assert states[-1] == (PushState.CLOSED, "enough")
        assert push.stats().connections >= 1
        assert push.stats().sent_bytes > 10_000
        received = packets_of(path.read_bytes())
        assert {kind for kind, _ in received} == names
        assert received[0][1] < 1_000


def packets_of(data: bytes) -> list[tuple[str, int]]:
    """Kind of stream and presentation time of each packet, in milliseconds."""
    with av.open(io.BytesIO(data), format="flv") as flv:
        return [(packet.stream.type, packet.pts) for packet in flv.demux() if packet.pts is not None]


@pytest.mark.parametrize("video", list(VideoCodec))
async def test_we_push_to_another_plane_and_come_back_after_a_break(
    make_plane: MakePlane, video: VideoCodec
) -> None:
    ours = await make_plane()
    port = rtmp_port()
    session = await ours.open_fed(label="program")
    async with feeding(session, film(video, AudioCodec.AAC, 2)):
        await session.wait_first_keyframe(10)
        # Nobody listens yet: the push waits and tries again.
        push = session.push_rtmp(f"rtmp://127.0.0.1:{port}/live/up", h265=True)
        await until(lambda: push.state is PushState.WAITING)
        assert "refused" in push.stats().last_reason
        theirs = await make_plane(rtmp_port=port)
        accept_all(theirs)
        received = await pushed_session(theirs, "up")
        assert received.info is not None
        assert received.info.codec == video.name
        await until(lambda: received.info and received.info.audio)
        await until(lambda: push.state is PushState.RUNNING)
        before = received.stats().access_units
        await until(lambda: received.stats().access_units > before + 50)
        assert received.stats().dropped_damaged == 0
        # The other side breaks off; we come back into the same session there.
        theirs.on_publish = None
        await received.close("maintenance")
        await until(lambda: push.state is PushState.WAITING)
        accept_all(theirs)
        await until(lambda: push.stats().connections == 2)
        again = await pushed_session(theirs, "up")
        assert again is not received
        await session.close("over")
        await until(lambda: push.close_reason)
    assert push.close_reason == "over"
    await until(lambda: again.publisher is None)


async def test_a_push_that_cannot_be_is_refused_or_closed(make_plane: MakePlane) -> None:
    plane = await make_plane()
    session = await plane.open_fed(label="program")
    for wrong in ("rtmps://h/a/b", "http://h/a/b", "rtmp://h", "rtmp://h/only"):
        with pytest.raises(LocalViolation, match="a push goes to"):
            session.push_rtmp(wrong)
    theirs = await make_plane(rtmp_port=rtmp_port())
    accept_all(theirs)
    closed: list[str] = []
    async with feeding(session, film(VideoCodec.H265, None, 2)):
        await session.wait_first_keyframe(10)
        push = session.push_rtmp(url_of(theirs, "up"))
        push.on_closed = closed.append
        await until(lambda: closed)
        assert closed == ["the stream is H265, which is not sent here"]
    unborn = session.push_rtmp("rtmp://127.0.0.1:1/a/b")
    unborn.close("changed my mind")
    await until(lambda: unborn.close_reason)
    assert unborn.close_reason == "changed my mind"
