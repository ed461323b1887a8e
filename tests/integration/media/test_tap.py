"""A session read from Python: what a transcoder and WebRTC are given."""

import asyncio
import socket

import av
import pytest

from media.errors import SessionClosed
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, MediaTransport
from media.tap import Described, Skipped, StreamTap, Tapped, TappedUnit
from tests.integration.media.conftest import PATIENCE_S, MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera


@pytest.fixture
async def session(plane: MediaPlane) -> MediaSession:
    return await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")


async def taken(tap: StreamTap, units: int) -> list[Tapped]:
    """Items until so many units are among them."""
    items: list[Tapped] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in tap:
            items.append(item)
            if sum(isinstance(each, TappedUnit) for each in items) == units:
                break
    return items


async def test_a_tap_begins_with_a_key_frame_and_is_decoded_by_others(
    session: MediaSession, sender: socket.socket
) -> None:
    camera = PretendCamera(audio=AudioCodec.G711A)
    camera.send_udp(sender, session.port, 10)
    await session.wait_first_keyframe(PATIENCE_S)
    with session.tap() as tap:
        assert session.readers == 1
        camera.send_udp(sender, session.port, 15)
        described, *units = await taken(tap, 20)
    assert session.readers == 0
    assert isinstance(described, Described)
    assert described.info.codec == "H264"
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pictures = 0
    for unit in units:
        assert isinstance(unit, TappedUnit)
        pictures += len(decoder.decode(av.Packet(unit.annexb)))
    pictures += len(decoder.decode(None))
    assert pictures == 20
    assert isinstance(units[0], TappedUnit)
    assert units[0].is_key
    times = [unit.dts_90k for unit in units if isinstance(unit, TappedUnit)]
    assert times == sorted(set(times))
    pieces = [piece for unit in units if isinstance(unit, TappedUnit) for piece in unit.sound]
    assert pieces
    assert all(len(piece.data) == piece.samples for piece in pieces)


async def test_a_reader_that_does_not_take_is_told_what_it_missed(
    session: MediaSession, sender: socket.socket
) -> None:
    camera = PretendCamera()
    camera.send_udp(sender, session.port, 5)
    await session.wait_first_keyframe(PATIENCE_S)
    tap = session.tap(max_bytes=60_000)
    camera.send_udp(sender, session.port, 200)
    await until(lambda: session.stats().access_units >= 200)
    items: list[Tapped] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in tap:
            items.append(item)
            if isinstance(item, Skipped):
                break
    after = await anext(tap)
    assert isinstance(after, TappedUnit)
    assert after.is_key
    tap.close()


async def test_the_end_of_the_session_ends_the_iteration_with_its_reason(
    session: MediaSession, sender: socket.socket
) -> None:
    camera = PretendCamera()
    camera.send_udp(sender, session.port, 5)
    await session.wait_first_keyframe(PATIENCE_S)
    tap = session.tap()
    reading = asyncio.create_task(taken(tap, 1_000))
    await session.close("the camera was switched off")
    assert any(isinstance(item, TappedUnit) for item in await reading)
    assert tap.end_reason == "the camera was switched off"
    with pytest.raises(StopAsyncIteration):
        await anext(tap)
    with pytest.raises(SessionClosed):
        session.tap()


async def test_closing_lets_a_waiting_reader_go(session: MediaSession) -> None:
    tap = session.tap()
    reading = asyncio.create_task(taken(tap, 1))
    await asyncio.sleep(0)
    tap.close()
    tap.close()
    assert await reading == []


async def test_the_plane_closes_under_a_tap(make_plane: MakePlane) -> None:
    plane = await make_plane()
    tap = (await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="a")).tap()
    await plane.close()
    async with asyncio.timeout(PATIENCE_S):
        assert [item async for item in tap] == []
    assert tap.end_reason == "server stopping"
