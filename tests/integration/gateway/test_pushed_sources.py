"""Publishers that push to us over RTMP, as sources."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from catalog.model import ChannelKey
from gateway.errors import NotPublishing, SourceExists
from gateway.model import ChannelFile, Source, SourceKind, SourceState
from media.publishing import PublishRefused, PublishRequest
from media.sources.address import SourceAddress
from media.sources.opening import RtspTransport
from tests.integration.gateway.conftest import Bench, MakeCamera, until

KEY = "a key that nobody guesses"


async def _add(bench: Bench, path: str = "push/gate") -> ChannelKey:
    source = Source(channel_id="", kind=SourceKind.PUSH, push_path=path, push_key=KEY)
    made = await bench.gateway.add(source, ChannelFile(name="car"))
    return ChannelKey(bench.gateway.device_id, made.channel_id)


@asynccontextmanager
async def publisher(
    bench: Bench, path: str = "push/gate", key: str = KEY
) -> AsyncIterator[asyncio.subprocess.Process]:
    """FFmpeg pushes a picture with sound, in real time."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed (Debian: apt-get install ffmpeg)")
    url = f"rtmp://127.0.0.1:{bench.media.settings.rtmp_port}/{path}?key={key.replace(' ', '%20')}"
    process = await asyncio.create_subprocess_exec(
        program, "-hide_banner", "-nostdin", "-v", "error",
        "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=60",
        "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000:duration=60",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac",
        "-f", "flv", url, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_publisher_with_the_key_is_a_channel(bench: Bench) -> None:
    key = await _add(bench)
    assert bench.gateway.state(key.channel_id) is SourceState.WAITING
    with pytest.raises(NotPublishing, match="nobody publishes to push/gate"):
        await bench.gateway.hold(key, "live", tag="")
    async with publisher(bench):
        await bench.until_online(key, True)
        hold = await bench.gateway.hold(key, "live", tag="")
        assert (hold.info.codec, hold.info.width) == ("H264", 320)
        assert hold.info.audio is not None
        figures = bench.gateway.figures(key.channel_id)
        assert figures is not None
        assert (figures.state, figures.connections) == (SourceState.STREAMING, 1)
        assert "127.0.0.1" in figures.peer
        assert not hold.lost.is_set()
    await bench.until_online(key, False)
    await asyncio.wait_for(hold.lost.wait(), 20)
    assert "publisher has left" in hold.lost_reason


async def test_a_publisher_that_comes_back_in_time_finds_its_readers(bench: Bench) -> None:
    key = await _add(bench)
    async with publisher(bench):
        await until(lambda: bench.gateway.state(key.channel_id) is SourceState.STREAMING)
        hold = await bench.gateway.hold(key, "live", tag="")
    await until(lambda: bench.gateway.state(key.channel_id) is SourceState.WAITING)
    async with publisher(bench):
        await until(lambda: bench.gateway.state(key.channel_id) is SourceState.STREAMING)
        assert not hold.lost.is_set()
        again = await bench.gateway.hold(key, "live", tag="")
        assert again.session is hold.session


@pytest.mark.parametrize(
    ("path", "key"), [("push/gate", "another key"), ("push/other", KEY), ("push/gate", "")]
)
async def test_without_path_and_key_nobody_publishes(bench: Bench, path: str, key: str) -> None:
    channel = await _add(bench)
    async with publisher(bench, path, key) as process:
        await asyncio.wait_for(process.wait(), 20)
        assert process.returncode != 0
    assert bench.gateway.state(channel.channel_id) is SourceState.WAITING
    assert sum(bench.gateway.stats.publishes_refused.values()) >= 1


async def test_a_source_switched_off_sends_its_publisher_away(bench: Bench) -> None:
    key = await _add(bench)
    async with publisher(bench) as process:
        await until(lambda: bench.gateway.state(key.channel_id) is SourceState.STREAMING)
        await bench.gateway.change(key.channel_id, is_enabled=False)
        await asyncio.wait_for(process.wait(), 20)
        with pytest.raises(PublishRefused):
            await bench.gateway.judge(PublishRequest("rtmp", "/push/gate", f"key={KEY}", "127.0.0.1:9"))


async def test_a_new_key_ends_the_old_one(bench: Bench) -> None:
    key = await _add(bench)
    changed = await bench.gateway.change(key.channel_id, push_key="")
    assert len(changed.push_key) >= 24
    with pytest.raises(PublishRefused):
        await bench.gateway.judge(PublishRequest("rtmp", "/push/gate", f"key={KEY}", "127.0.0.1:9"))
    query = f"key={changed.push_key}"
    assert await bench.gateway.judge(PublishRequest("rtmp", "/push/gate", query, "127.0.0.1:9"))


@pytest.mark.parametrize("query", ["", "key", "key=", "&" * 100, "key=%ff%fe", "key=a&key=b", "k" * 5000])
async def test_nonsense_is_refused(bench: Bench, query: str) -> None:
    await _add(bench)
    for path in ("/push/gate", "push/gate/", "", "/", "//", "/push/gate/../gate", "\x00"):
        with pytest.raises(PublishRefused):
            await bench.gateway.judge(PublishRequest("rtmp", path, query, "127.0.0.1:9"))


async def test_two_sources_have_two_paths(bench: Bench) -> None:
    await _add(bench)
    with pytest.raises(SourceExists):
        await _add(bench)


async def test_a_publisher_that_never_begins_leaves_nothing(bench: Bench) -> None:
    await _add(bench)
    session_id = await bench.gateway.judge(PublishRequest("rtmp", "/push/gate", f"key={KEY}", "127.0.0.1:9"))
    assert session_id in bench.media.sessions
    await until(lambda: session_id not in bench.media.sessions)


async def test_rtmp_is_pulled_as_well(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera(audio="AAC", b_pictures=2)
    key = await bench.add(camera)
    hold = await bench.gateway.hold(key, "live", tag="")
    url = hold.session.grant("pull", 60.0)["rtmp"]
    for _ in range(10):
        info, figures, _ = await bench.gateway.test(SourceAddress.parse(url), RtspTransport.AUTO)
        if info.audio is not None:  # on a busy machine it may come after the first description
            break
    assert (info.codec, info.width, info.audio and info.audio.codec) == ("H264", 160, "AAC")
    assert figures.left_out == ()
    await hold.release()
    wrong = replace(SourceAddress.parse(url), target="/live/nothing")
    with pytest.raises(Exception, match="source rtmp://"):
        await bench.gateway.test(wrong, RtspTransport.AUTO)


async def test_rtmp_that_falls_silent_ends_with_a_reason(bench: Bench) -> None:
    pushed = await _add(bench)
    async with publisher(bench) as process:
        await until(lambda: bench.gateway.state(pushed.channel_id) is SourceState.STREAMING)
        first = await bench.gateway.hold(pushed, "live", tag="")
        key = await bench.add(first.session.grant("pull", 60.0)["rtmp"], name="relay")
        hold = await bench.gateway.hold(key, "live", tag="")
        process.send_signal(signal.SIGSTOP)
        await asyncio.wait_for(hold.lost.wait(), 20)
        assert "nothing came within" in hold.lost_reason
        process.send_signal(signal.SIGCONT)
