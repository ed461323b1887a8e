"""Cameras that speak RTSP alone, pulled over real sockets into the data plane."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.model import PullMode, SourceState
from media.sources.address import SourceAddress
from media.sources.errors import (
    CodecNotCarried,
    NoVideo,
    SourceFailed,
    SourceNotFound,
    SourceRefused,
    SourceRejected,
    SourceTimedOut,
    SourceUnauthorised,
    SourceUnreachable,
)
from media.sources.opening import RtspTransport
from tests.integration.gateway.conftest import QUICK, Bench, MakeCamera, until


@pytest.mark.parametrize(
    ("habits", "codec", "sound"),
    [
        ({"codec": "H264", "audio": "PCMA"}, "H264", "G711A"),
        ({"codec": "H265", "audio": "AAC"}, "H265", "AAC"),
        ({"codec": "H264", "audio": None, "b_pictures": 2}, "H264", None),
        ({"codec": "H265", "audio": "PCMA", "b_pictures": 2}, "H265", "G711A"),
        ({"codec": "H264", "audio": "AAC", "sets_in_band": False}, "H264", "AAC"),
    ],
)
@pytest.mark.parametrize("transport", [RtspTransport.TCP, RtspTransport.UDP])
async def test_a_camera_is_pulled(
    bench: Bench,
    make_camera: MakeCamera,
    habits: dict[str, object],
    codec: str,
    sound: str | None,
    transport: RtspTransport,
) -> None:
    camera = await make_camera(**habits)
    key = await bench.add(camera, transport=transport)
    hold = await bench.gateway.hold(key, "test", tag="")
    info = hold.info
    assert (info.codec, info.width, info.height) == (codec, 160, 120)
    assert (info.audio.codec if info.audio else None) == sound
    assert (await hold.session.jpeg())[:2] == b"\xff\xd8"
    first = hold.session.stats()
    assert first.transport == "FED"
    await until(lambda: hold.session.stats().access_units > first.access_units + 10, "pictures flow")
    figures = bench.gateway.figures(key.channel_id)
    assert figures is not None
    assert (figures.state, figures.connections) == (SourceState.STREAMING, 1)
    await hold.release()


async def test_where_tcp_is_refused_udp_is_taken(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera(refuses_tcp=True)
    key = await bench.add(camera)
    hold = await bench.gateway.hold(key, "test", tag="")
    assert hold.info.codec == "H264"
    await hold.release()


async def test_all_readers_share_one_connection_that_ends_with_the_last(
    bench: Bench, make_camera: MakeCamera
) -> None:
    camera = await make_camera()
    key = await bench.add(camera)
    first, second = await asyncio.gather(
        bench.gateway.hold(key, "live", tag="a"), bench.gateway.hold(key, "record", tag="b")
    )
    assert first.session is second.session
    assert camera.viewers == 1
    await first.release()
    await first.release()
    assert not second.lost.is_set()
    await second.release()
    await until(lambda: camera.viewers == 0, "the camera is let go")
    assert bench.gateway.state(key.channel_id) is SourceState.IDLE
    assert list(bench.gateway.pictures()) == []
    again = await bench.gateway.hold(key, "live", tag="c")
    assert again.session is not first.session
    await again.release()


@pytest.mark.parametrize(
    ("habits", "failure"),
    [
        ({"describe_status": 404}, SourceNotFound),
        ({"describe_status": 503}, SourceRejected),
        ({"has_video": False}, NoVideo),
        ({"video_name": "VP8"}, CodecNotCarried),
        ({"is_mute": True}, SourceTimedOut),
        ({"username": "admin", "password": "right"}, SourceUnauthorised),
    ],
)
async def test_a_source_that_gives_no_picture_says_why(
    bench: Bench, make_camera: MakeCamera, habits: dict[str, object], failure: type[SourceFailed]
) -> None:
    camera = await make_camera(**habits)
    key = await bench.add(camera)
    with pytest.raises(failure, match=rf"source rtsp://127\.0\.0\.1:{camera.port}/stream1"):
        await bench.gateway.hold(key, "test", tag="")
    figures = bench.gateway.figures(key.channel_id)
    assert figures is not None
    assert (figures.state, figures.verdict) == (SourceState.FAILED, failure.verdict)
    await bench.until_online(key, failure in (NoVideo, CodecNotCarried))


async def test_nobody_listens_or_nobody_knows_the_name(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera()
    await camera.kill()
    with pytest.raises(SourceRefused):
        await bench.gateway.test(SourceAddress.parse(camera.url), RtspTransport.AUTO)
    with pytest.raises(SourceUnreachable):
        await bench.gateway.test(SourceAddress.parse("rtsp://camera.invalid/1"), RtspTransport.AUTO)


async def test_credentials_reach_the_camera_and_no_text(
    bench: Bench, make_camera: MakeCamera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    camera = await make_camera(username="ad min", password="s3cr:t@/ß")
    address = SourceAddress.parse(camera.url).with_credentials("ad min", "s3cr:t@/ß")
    info, _, _ = await bench.gateway.test(address, RtspTransport.TCP)
    assert info.codec == "H264"
    with pytest.raises(SourceUnauthorised) as refused:
        await bench.gateway.test(address.with_credentials("ad min", "wr0ng-one"), RtspTransport.TCP)
    for text in (str(refused.value), repr(address), caplog.text):
        assert "s3cr" not in text
        assert "wr0ng" not in text


async def test_a_wrong_password_is_not_tried_again_and_again(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera(username="admin", password="right")
    key = await bench.add(camera)
    for _ in range(5):
        with pytest.raises(SourceUnauthorised):
            await bench.gateway.hold(key, "test", tag="")
    tried = camera.unauthorised
    assert tried <= 2  # the challenge of one attempt
    source = bench.gateway.get(key.channel_id)
    assert source.address is not None
    await bench.gateway.change(key.channel_id, address=source.address.with_credentials("admin", "right"))
    hold = await bench.gateway.hold(key, "test", tag="")
    await hold.release()


async def test_a_source_that_is_killed_is_pulled_again(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera()
    key = await bench.add(camera, mode=PullMode.ALWAYS)
    hold = await bench.gateway.hold(key, "live", tag="")
    await bench.until_online(key, True)
    await camera.kill()
    await asyncio.wait_for(hold.lost.wait(), 20)
    assert "ended" in hold.lost_reason or "nothing listens" in hold.lost_reason
    await until(lambda: hold.session.is_closed, "its session is closed")
    await bench.until_online(key, False)
    await camera.start()
    await until(lambda: bench.gateway.state(key.channel_id) is SourceState.STREAMING, "it streams again")
    await bench.until_online(key, True)
    again = await bench.gateway.hold(key, "live", tag="")
    assert again.session is not hold.session
    figures = bench.gateway.figures(key.channel_id)
    assert figures is not None
    assert figures.failures == 0
    assert figures.connections >= 2


async def test_a_source_that_falls_silent_ends_with_a_reason(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera()
    key = await bench.add(camera)
    hold = await bench.gateway.hold(key, "live", tag="")
    camera.habits.is_hung = True
    await asyncio.wait_for(hold.lost.wait(), 20)
    assert "nothing came within 1.5 s" in hold.lost_reason
    assert isinstance(bench.gateway.state(key.channel_id), SourceState)
    camera.habits.is_hung = False
    again = await bench.gateway.hold(key, "live", tag="")
    await again.release()


async def test_a_source_that_drips_ends_as_well(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera(audio=None)
    key = await bench.add(camera, transport=RtspTransport.TCP)
    hold = await bench.gateway.hold(key, "live", tag="")
    camera.habits.is_dripping = True
    await asyncio.wait_for(hold.lost.wait(), 20)
    assert "no packet for 3 s" in hold.lost_reason
    # Its thread still reads; whoever asks is told so, and nothing waits for ever.
    with pytest.raises(SourceTimedOut):
        await bench.gateway.hold(key, "live", tag="")
    async with asyncio.timeout(10):
        await bench.gateway.remove(key.channel_id)


async def test_a_hanging_source_does_not_hold_up_the_end(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera(is_mute=True)
    key = await bench.add(camera)
    asking = asyncio.ensure_future(bench.gateway.hold(key, "live", tag=""))
    await until(lambda: bench.gateway.state(key.channel_id) is SourceState.CONNECTING)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(10):
        await bench.gateway.remove(key.channel_id)


async def test_a_source_switched_off_ends(bench: Bench, make_camera: MakeCamera) -> None:
    camera = await make_camera()
    key = await bench.add(camera)
    hold = await bench.gateway.hold(key, "live", tag="")
    await bench.gateway.change(key.channel_id, is_enabled=False)
    assert hold.lost.is_set()
    assert bench.gateway.state(key.channel_id) is SourceState.DISABLED
    await bench.until_online(key, False)
    await until(lambda: camera.viewers == 0)


async def test_the_smaller_stream_is_its_own(bench: Bench, make_camera: MakeCamera) -> None:
    main, small = await make_camera(), await make_camera(codec="H265")
    key = await bench.add(main, sub_address=SourceAddress.parse(small.url))
    sub = await bench.gateway.hold(key, "wall", tag="", is_sub=True)
    assert (sub.info.codec, sub.is_sub) == ("H265", True)
    only = await bench.add(main, name="one stream")
    hold = await bench.gateway.hold(only, "wall", tag="", is_sub=True)
    assert (hold.info.codec, hold.is_sub) == ("H264", False)
    await sub.release()
    await hold.release()


class TestWithoutReaders:
    """The status comes from looking, not from hope."""

    @pytest.fixture
    def settings(self) -> object:
        return replace(QUICK, check_s=5.0, linger_s=0.1)

    async def test_a_new_source_is_looked_at(self, bench: Bench, make_camera: MakeCamera) -> None:
        camera = await make_camera()
        key = await bench.add(camera)
        await bench.until_online(key, True)
        await until(lambda: bench.gateway.state(key.channel_id) is SourceState.IDLE)
        assert camera.viewers == 0
        assert bench.gateway.device_id == "34020000002090000001"
        channel = await bench.catalog.get_channel(key)
        assert channel is not None
        assert (key.channel_id[:14], channel.name) == ("34020000001320", "gate")
        assert (channel.region_code, channel.ip_address) == ("340200", "127.0.0.1")

    async def test_one_that_is_away_is_off_and_on_again(self, bench: Bench, make_camera: MakeCamera) -> None:
        camera = await make_camera()
        key = await bench.add(camera)
        await bench.until_online(key, True)
        await camera.kill()
        await bench.until_online(key, False)
        await camera.start()
        await bench.until_online(key, True)
        assert "OPTIONS" in camera.requests
