"""RTSP players: FFmpeg and PyAV read our streams over TCP and UDP, and judge what they get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import av
import pytest

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession
from tests.integration.media.conftest import MakePlane, tool, until
from tests.support.encoded import pictures
from tests.support.feeding import feed, feeding, film
from tests.support.port_ranges import free_ports_in_a_row

KINDS = [
    (VideoCodec.H264, AudioCodec.G711A, ["h264", "pcm_alaw"]),
    (VideoCodec.H264, AudioCodec.AAC, ["h264", "aac"]),
    (VideoCodec.H265, AudioCodec.G711U, ["hevc", "pcm_mulaw"]),
    (VideoCodec.H265, None, ["hevc"]),
]


@pytest.fixture
async def rtsp_plane(make_plane: MakePlane) -> MediaPlane:
    return await make_plane(rtsp_port=free_ports_in_a_row(2).start)


@asynccontextmanager
async def streaming(
    plane: MediaPlane, video: VideoCodec = VideoCodec.H264, audio: AudioCodec | None = AudioCodec.G711A
) -> AsyncIterator[MediaSession]:
    session = await plane.open_fed(label="program")
    async with feeding(session, film(video, audio, 2)):
        await session.wait_first_keyframe(10)
        yield session


async def run(*command: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 60)
    except BaseException:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), errors.decode()


async def play(url: str, transport: str, pictures: int = 60) -> str:
    """Decode with FFmpeg; what it complains of."""
    code, _, errors = await run(
        *(tool("ffmpeg"), "-v", "error", "-xerror", "-rtsp_transport", transport, "-i", url),
        *("-frames:v", str(pictures), "-f", "null", "-"),
    )
    return errors if code == 0 else f"exit {code}: {errors}"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("video", "audio", "names"), KINDS)
async def test_ffmpeg_decodes_every_kind_without_complaint(
    rtsp_plane: MediaPlane,
    video: VideoCodec,
    audio: AudioCodec | None,
    names: list[str],
    transport: str,
) -> None:
    async with streaming(rtsp_plane, video, audio) as session:
        url = session.grant("one")["rtsp"]
        code, out, errors = await run(
            *(tool("ffprobe"), "-v", "error", "-rtsp_transport", transport, "-show_streams", "-show_packets"),
            *("-read_intervals", "%+2", "-of", "json", url),
        )
        assert (code, errors) == (0, "")
        shown = json.loads(out)
        assert [stream["codec_name"] for stream in shown["streams"]] == names
        assert (shown["streams"][0]["width"], shown["streams"][0]["height"]) == (320, 240)
        check_times(shown["packets"], len(names), whole=transport == "tcp")
        assert await play(url, transport) == ""
        await until(lambda: session.viewers == 0)
    assert rtsp_plane.totals.viewers_opened == 2
    assert rtsp_plane.totals.viewers_closed_by_reason == {"closed by the viewer": 2}


def check_times(packets: list[dict[str, str]], tracks: int, *, whole: bool) -> None:
    """Pictures come at their pace, and the first of both tracks belong together.

    FFmpeg gives the first picture no time when parameter sets come before it in packets of their own. Where
    not ``whole``, the player may have lost datagrams: pictures are missing then, and the others keep theirs.
    """
    firsts = []
    for index in range(tracks):
        rows = [row for row in packets if int(row["stream_index"]) == index]
        times = sorted(float(row["pts_time"]) for row in rows if "pts_time" in row)
        assert len(times) >= len(rows) - 1
        assert len(times) > 20
        firsts.append(times[0])
        if index == 0:
            # The end of the reading cuts between pictures that are decoded in another order than shown.
            times = [time for time in times if time < times[-1] - 0.2]
            steps = [(later - earlier) / 0.04 for earlier, later in pairwise(times)]
            assert all(abs(step - round(step)) < 0.05 for step in steps), times
            assert not whole or {round(step) for step in steps} == {1}, times
    # Sound stands beside the picture that is decoded then, which is shown two pictures later.
    assert max(firsts) - min(firsts) < 0.2, firsts


async def test_pyav_reads_and_starts_with_a_key_frame(rtsp_plane: MediaPlane) -> None:
    async with streaming(rtsp_plane) as session:
        url = session.grant("one")["rtsp"]

        def read() -> tuple[bool, list[float]]:
            with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
                [video, audio] = container.streams
                assert (video.codec_context.name, audio.codec_context.name) == ("h264", "pcm_alaw")
                frames = []
                for frame in container.decode(video):
                    frames.append(frame)
                    if len(frames) == 50:
                        break
                return frames[0].key_frame, [float(frame.time or 0.0) for frame in frames]

        starts_with_key, times = await asyncio.to_thread(read)
    assert starts_with_key
    assert all(abs(later - earlier - 0.04) < 0.002 for earlier, later in pairwise(times))


async def test_sound_alone_is_played(rtsp_plane: MediaPlane) -> None:
    session = await rtsp_plane.open_fed(label="program")
    frames = [frame for frame in film(VideoCodec.H264, AudioCodec.G711A, 2) if not hasattr(frame, "is_key")]
    async with feeding(session, frames):
        await until(lambda: session.info is not None)
        url = session.grant("one")["rtsp"]
        for transport in ("tcp", "udp"):
            code, out, errors = await run(
                *(tool("ffprobe"), "-v", "error", "-rtsp_transport", transport, "-show_streams"),
                *("-count_packets", "-read_intervals", "%+1", "-of", "json", url),
            )
            assert (code, errors) == (0, "")
            [stream] = json.loads(out)["streams"]
            assert stream["codec_name"] == "pcm_alaw"
            assert int(stream["nb_read_packets"]) > 10


async def test_a_player_that_asks_before_the_stream_begins_gets_it_when_it_does(
    rtsp_plane: MediaPlane,
) -> None:
    session = await rtsp_plane.open_fed(label="program")
    playing = asyncio.create_task(play(session.grant("early")["rtsp"], "tcp", 30))
    # Nothing tells that DESCRIBE waits; a stream that begins at once would pass this test as well.
    await asyncio.sleep(0.3)
    async with feeding(session, film(VideoCodec.H264, None, 2)):
        assert await playing == ""


async def test_twenty_players_see_the_same_stream(rtsp_plane: MediaPlane) -> None:
    async with streaming(rtsp_plane) as session:
        url = session.grant("crowd")["rtsp"]

        def read(transport: str) -> int:
            with av.open(url, options={"rtsp_transport": transport}, timeout=30) as container:
                packets = container.demux(container.streams.video[0])
                return sum(1 for _, _ in zip(packets, range(50), strict=False))

        counts = await asyncio.gather(
            *(asyncio.to_thread(read, "udp" if index % 4 == 0 else "tcp") for index in range(20))
        )
        assert counts == [50] * 20
        await until(lambda: session.viewers == 0)
    assert rtsp_plane.totals.viewers_opened == 20
    assert rtsp_plane.totals.viewer_fragments_skipped == 0


async def test_a_killed_player_is_noticed(rtsp_plane: MediaPlane) -> None:
    async with streaming(rtsp_plane) as session:
        process = await asyncio.create_subprocess_exec(
            *(tool("ffmpeg"), "-v", "quiet", "-rtsp_transport", "tcp", "-i", session.grant("one")["rtsp"]),
            *("-f", "null", "-"),
            stdin=asyncio.subprocess.DEVNULL,
        )
        await until(lambda: session.viewers == 1)
        process.kill()
        await process.wait()
        await until(lambda: session.viewers == 0)
        assert session.stats().viewers == 0
        assert await play(session.grant("two")["rtsp"], "tcp", 25) == ""


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_the_end_of_the_session_is_the_end_of_the_film(rtsp_plane: MediaPlane, transport: str) -> None:
    async with streaming(rtsp_plane) as session:
        playing = asyncio.create_task(play(session.grant("one")["rtsp"], transport, 100_000))
        await until(lambda: session.viewers == 1)
        await until(lambda: session.stats().access_units > 100)
        await session.close("over")
        assert await asyncio.wait_for(playing, 20) == ""
    assert rtsp_plane.totals.viewers_closed_by_reason == {"ended": 1}


async def test_another_picture_size_ends_the_session_and_a_new_one_begins(rtsp_plane: MediaPlane) -> None:
    session = await rtsp_plane.open_fed(label="program")
    small = list(pictures(VideoCodec.H264, 50))
    large = list(pictures(VideoCodec.H264, 50, size=(640, 480)))
    for frame in small:
        feed(session, frame)
    await session.wait_first_keyframe(10)
    playing = asyncio.create_task(play(session.grant("one")["rtsp"], "tcp", 100_000))
    await until(lambda: session.viewers == 1)
    for frame in large:
        feed(session, frame, 50 * 3_600)
    assert await playing == ""
    assert rtsp_plane.totals.viewers_closed_by_reason == {"stream changed": 1}
    async with feeding(session, large):
        code, out, _ = await run(
            *(tool("ffprobe"), "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json"),
            session.grant("two")["rtsp"],
        )
    assert code == 0
    assert json.loads(out)["streams"][0]["width"] == 640


async def test_user_and_password_open_every_stream(make_plane: MakePlane) -> None:
    plane = await make_plane(
        rtsp_port=free_ports_in_a_row(2).start, rtsp_user="guard", rtsp_password="secret word"
    )
    async with streaming(plane) as session:
        bare = session.grant("one")["rtsp"].split("?")[0]
        good = bare.replace("rtsp://", "rtsp://guard:secret%20word@")
        assert await play(good, "tcp", 25) == ""
        assert await play(session.grant("one")["rtsp"], "tcp", 25) == ""
        for bad in (bare, good.replace("secret", "wrong"), good.replace("guard", "other")):
            assert "401 Unauthorized" in await play(bad, "tcp", 25)


async def test_datagrams_can_be_refused_and_players_take_the_other_way(make_plane: MakePlane) -> None:
    plane = await make_plane(rtsp_port=free_ports_in_a_row(2).start, rtsp_udp=False)
    async with streaming(plane) as session:
        url = session.grant("one")["rtsp"]
        assert "461 Unsupported" in await play(url, "udp", 25)
        complaint = await play(url, "udp+tcp", 25)
        assert "461 Unsupported" in complaint
        assert "exit" not in complaint


async def test_without_a_port_there_is_no_url(plane: MediaPlane) -> None:
    session = await plane.open_fed(label="program")
    assert "rtsp" not in session.grant("one")
