"""H.265 watched as H.264: judged by a decoder that is not ours, and what happens beyond the slots."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import av
import pytest

from media.errors import NoSlotFree, NotPlayable
from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, MediaTransport
from media.tap import Described, TappedUnit
from media.transcoding import PictureTranscoder
from tests.integration.media.conftest import PATIENCE_S, MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera, encoded


@contextlib.asynccontextmanager
async def streaming(
    plane: MediaPlane, sender: socket.socket, camera: PretendCamera
) -> AsyncIterator[MediaSession]:
    """A camera that sends until the block is left."""
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")

    async def send() -> None:
        while True:
            camera.send_udp(sender, session.port, 1)
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    try:
        await session.wait_first_keyframe(PATIENCE_S)
        yield session
    finally:
        sending.cancel()


async def test_two_viewers_share_one_transcoded_stream_until_the_last_has_gone(
    plane: MediaPlane, sender: socket.socket
) -> None:
    camera = PretendCamera(codec=VideoCodec.H265, audio=AudioCodec.G711A)
    async with streaming(plane, sender, camera) as source:
        first = await plane.transcoding.hold(source)
        second = await plane.transcoding.hold(source)
        assert first is second
        assert plane.transcoding.slots_taken == 1
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        pictures, sound = [], 0
        with first.session.tap() as tap:
            async with asyncio.timeout(PATIENCE_S):
                async for item in tap:
                    if isinstance(item, Described):
                        assert (item.info.codec, item.info.width) == ("H264", camera.width)
                    elif isinstance(item, TappedUnit):
                        pictures += decoder.decode(av.Packet(item.annexb))
                        sound += sum(piece.samples for piece in item.sound)
                    if len(pictures) >= 10 and sound > 1_000:
                        break
        assert pictures[-1].to_ndarray(format="gray").std() > 5
        first.release()
        assert plane.transcoding.slots_taken == 1
        second.release()
        await until(lambda: plane.transcoding.slots_taken == 0)
        await until(lambda: first.session.is_closed)
        assert first.session.close_reason == "nobody watches"
        assert not source.is_closed


async def test_beyond_the_slots_it_is_refused_in_words(make_plane: MakePlane, sender: socket.socket) -> None:
    plane = await make_plane(transcode_slots=1)
    async with (
        streaming(plane, sender, PretendCamera(codec=VideoCodec.H265)) as one,
        streaming(plane, sender, PretendCamera(codec=VideoCodec.H265)) as two,
    ):
        held = await plane.transcoding.hold(one)
        with pytest.raises(NoSlotFree, match="1 streams are transcoded already"):
            await plane.transcoding.hold(two)
        held.release()
        await until(lambda: plane.transcoding.slots_taken == 0)
        (await plane.transcoding.hold(two)).release()


async def test_the_end_of_the_source_ends_it(plane: MediaPlane, sender: socket.socket) -> None:
    async with streaming(plane, sender, PretendCamera(codec=VideoCodec.H265)) as source:
        held = await plane.transcoding.hold(source)
        await source.close("the camera was switched off")
        await until(lambda: held.session.is_closed)
    assert held.session.close_reason == "the camera was switched off"
    assert plane.transcoding.slots_taken == 0
    with pytest.raises(NotPlayable):
        await plane.transcoding.hold(
            await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="x")
        )


def test_damage_costs_pictures_up_to_a_key_frame_and_large_ones_are_made_smaller() -> None:
    pictures = encoded(VideoCodec.H265, 640, 480)
    transcoder = PictureTranscoder("H265", 320)
    assert transcoder.transcode(pictures[1].annexb, 0, is_key=False) == []
    coded = [
        made
        for number, picture in enumerate(pictures)
        for made in transcoder.transcode(
            picture.annexb if number != 5 else picture.annexb[:40] + b"\x55" * 300,
            number * 3_600,
            is_key=picture.keyframe,
        )
    ]
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [frame for made in coded for frame in decoder.decode(av.Packet(made.annexb))]
    assert (shown[0].width, shown[0].height) == (320, 240)
    assert len(shown) >= 20
    transcoder.skip()
    assert transcoder.transcode(pictures[30].annexb, 10**6, is_key=False) == []
