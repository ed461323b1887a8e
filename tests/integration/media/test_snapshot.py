"""A key frame as a JPEG."""

import asyncio
import io
import socket

import av
import pytest

from media import snapshot
from media.errors import NoKeyframe, SessionClosed, SnapshotFailed
from media.nal import VideoCodec
from media.session import MediaPlane, MediaTransport
from tests.integration.media.conftest import MakePlane
from tests.integration.media.pretend_camera import PretendCamera, encoded


def size_of(jpeg: bytes) -> tuple[int, int]:
    assert jpeg[:2] == b"\xff\xd8"
    with av.open(io.BytesIO(jpeg)) as container:
        frame = next(container.decode(video=0))
        assert isinstance(frame, av.VideoFrame)
        return frame.width, frame.height


@pytest.mark.parametrize("codec", list(VideoCodec))
async def test_a_snapshot_is_the_newest_key_frame(
    make_plane: MakePlane, sender: socket.socket, codec: VideoCodec
) -> None:
    plane = await make_plane(audio_wait_s=0.0)
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")
    with pytest.raises(NoKeyframe):
        await snapshot.jpeg(session)
    PretendCamera(codec=codec).send_udp(sender, session.port, 3)
    await session.wait_first_keyframe(10)
    assert size_of(await snapshot.jpeg(session)) == (320, 240)
    assert size_of(await snapshot.jpeg(session, max_width=160)) == (160, 120)
    assert size_of(await snapshot.jpeg(session, max_width=4_000)) == (320, 240)
    await session.close("over")
    assert plane.totals.snapshots == 3
    with pytest.raises(SessionClosed):
        await snapshot.jpeg(session)


async def test_a_broken_key_frame_is_a_typed_failure(plane: MediaPlane) -> None:
    good = next(picture for picture in encoded() if picture.keyframe)
    for broken in (b"", b"\0\0\0\1\x65garbage", good.annexb[:40]):
        with pytest.raises(SnapshotFailed):
            await plane.snapshots.jpeg(("H264", broken), None)
    assert plane.totals.snapshot_failures == 3


async def test_too_many_snapshots_at_once_end_at_their_deadline(make_plane: MakePlane) -> None:
    plane = await make_plane(snapshots_parallel=1, snapshot_timeout_s=0.1)
    good = next(picture for picture in encoded(width=640, height=480) if picture.keyframe)
    results = await asyncio.gather(
        *(plane.snapshots.jpeg(("H264", good.annexb), None) for _ in range(200)), return_exceptions=True
    )
    assert any(isinstance(result, SnapshotFailed) for result in results)
