"""WebRTC play: a WHEP client with aiortc's own decoder, and what is refused."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from media.errors import BadOffer, BadPass, NoSlotFree, NotPlayable
from media.nal import VideoCodec
from media.outputs.whep import with_hosts_named
from media.ps_format import AudioCodec
from media.session import MediaPlane, MediaSession, MediaTransport
from tests.integration.media.conftest import PATIENCE_S, MakePlane, until
from tests.integration.media.pretend_camera import PretendCamera


class Player:
    """What a browser does."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.peer.on("track", lambda track: self.tracks.update({track.kind: track}))

    async def offer(self, *kinds: str) -> str:
        for kind in kinds:
            self.peer.addTransceiver(kind, "recvonly")
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def play_hidden(self, plane: MediaPlane, session: MediaSession, query: str, seen_from: str) -> None:
        """As browsers do: the hosts of the candidates are names of multicast DNS."""
        offer = re.sub(
            r"^(a=candidate:\S+ \d+ \S+ \d+) \S+",
            r"\g<1> 3c1b2f5e-8a6f-4f0e-9d29-0a9c3f2b7d11.local",
            await self.offer("video"),
            flags=re.MULTILINE,
        )
        assert ".local" in offer
        _, answer = await plane.whep.open(session, query, offer, seen_from)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def play(self, plane: MediaPlane, session: MediaSession, query: str) -> str:
        viewer_id, answer = await plane.whep.open(session, query, await self.offer("video", "audio"))
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return viewer_id


@pytest.fixture
async def player() -> AsyncIterator[Player]:
    made = Player()
    yield made
    await made.peer.close()


async def streaming(plane: MediaPlane, sender: socket.socket, camera: PretendCamera) -> MediaSession:
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")
    camera.send_udp(sender, session.port, 5)
    await session.wait_first_keyframe(PATIENCE_S)
    return session


def query(session: MediaSession, tag: str = "one", ttl_s: float = 60.0) -> str:
    return urlsplit(session.grant(tag, ttl_s)["whep"]).query


async def test_pictures_and_sound_reach_a_player_and_a_revocation_cuts_it_off(
    plane: MediaPlane, sender: socket.socket, player: Player
) -> None:
    camera = PretendCamera(audio=AudioCodec.G711A)
    session = await streaming(plane, sender, camera)
    await player.play(plane, session, query(session))
    assert session.viewers_of("one") == 1
    playing = asyncio.create_task(_send_for_ever(camera, sender, session.port))
    try:
        async with asyncio.timeout(PATIENCE_S):
            picture = await player.tracks["video"].recv()
            sound = await player.tracks["audio"].recv()
    finally:
        playing.cancel()
    assert isinstance(picture, av.VideoFrame)
    assert isinstance(sound, av.AudioFrame)
    assert (picture.width, picture.height) == (camera.width, camera.height)
    shown = picture.to_ndarray(format="gray")
    assert shown.std() > 5, "a picture, not a plain field"
    signed_before = query(session)
    session.revoke("one")
    await until(lambda: session.viewers_of("one") == 0)
    assert plane.whep.viewers == 0
    assert plane.totals.viewers_closed_by_reason["revoked"] == 1
    assert plane.totals.viewer_bytes > 0
    with pytest.raises(BadPass, match="withdrawn"):
        await plane.whep.open(session, signed_before, "v=0")


async def _send_for_ever(camera: PretendCamera, sender: socket.socket, port: int) -> None:
    while True:
        camera.send_udp(sender, port, 1)
        await asyncio.sleep(0.04)


async def test_the_end_of_the_stream_is_the_end_of_its_viewers(
    plane: MediaPlane, sender: socket.socket, player: Player
) -> None:
    session = await streaming(plane, sender, PretendCamera())
    await player.play(plane, session, query(session))
    await session.close("the camera was switched off")
    await until(lambda: plane.whep.viewers == 0)
    assert plane.totals.viewers_closed_by_reason["the camera was switched off"] == 1


async def test_a_viewer_goes_by_itself(plane: MediaPlane, sender: socket.socket, player: Player) -> None:
    session = await streaming(plane, sender, PretendCamera())
    viewer_id = await player.play(plane, session, query(session))
    assert plane.whep.close(session.session_id, viewer_id)
    await until(lambda: plane.whep.viewers == 0)
    assert not plane.whep.close(session.session_id, viewer_id)
    assert plane.totals.viewers_closed_by_reason["closed by the viewer"] == 1


async def test_who_shows_no_good_pass_is_refused(
    plane: MediaPlane, sender: socket.socket, player: Player
) -> None:
    session = await streaming(plane, sender, PretendCamera())
    offer = await player.offer("video")
    good = query(session)
    expired = query(session, ttl_s=-1.0)
    for bad in ("", good + "&tag=two", good.replace("tag=one", "tag=two"), good[:-3], expired):
        with pytest.raises(BadPass):
            await plane.whep.open(session, bad, offer)
    assert plane.whep.viewers == 0
    assert session.readers == 0


async def test_offers_that_cannot_be_answered_leave_nothing_behind(
    plane: MediaPlane, sender: socket.socket
) -> None:
    session = await streaming(plane, sender, PretendCamera())
    for offer in ("", "v=0", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "m=audio 9 x 8\r\n", "x" * 100_000):
        with pytest.raises(BadOffer):
            await plane.whep.open(session, query(session), offer)
    await until(lambda: session.readers == 0)
    assert plane.whep.viewers == 0


async def test_places_are_limited_and_h265_is_refused_in_words(
    make_plane: MakePlane, sender: socket.socket, player: Player
) -> None:
    plane = await make_plane(webrtc_viewers_max=1)
    session = await streaming(plane, sender, PretendCamera(codec=VideoCodec.H265))
    with pytest.raises(NotPlayable, match="H265"):
        await plane.whep.open(session, query(session), "v=0")
    assert plane.whep.viewers == 0
    other = await streaming(plane, sender, PretendCamera())
    await player.play(plane, other, query(other))
    with pytest.raises(NoSlotFree, match="1 viewers"):
        await plane.whep.open(other, query(other), "v=0")


@pytest.mark.parametrize("seen_from", ["127.0.0.1", "::ffff:127.0.0.1", "127.0.0.9"])
async def test_a_browser_that_hides_its_addresses_is_reached_where_it_is_seen_from(
    plane: MediaPlane, sender: socket.socket, player: Player, seen_from: str
) -> None:
    """Also behind a NAT, whose address is not that of its candidates: its own checks show the way."""
    camera = PretendCamera(ssrc=7)
    session = await streaming(plane, sender, camera)
    await player.play_hidden(plane, session, query(session), seen_from)
    playing = asyncio.create_task(_send_for_ever(camera, sender, session.port))
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert isinstance(await player.tracks["video"].recv(), av.VideoFrame)
    finally:
        playing.cancel()


def test_only_names_of_multicast_dns_are_replaced() -> None:
    offer = (
        "a=candidate:1 1 udp 2113937151 0b7a.local 50000 typ host\r\n"
        "a=candidate:2 1 udp 1677729535 198.51.100.3 50001 typ srflx raddr 0.0.0.0 rport 0\r\n"
        "a=msid:x.local y.local\r\n"
    )
    assert with_hosts_named(offer, "2001:db8::9") == offer.replace("0b7a.local", "2001:db8::9")
    assert with_hosts_named(offer, "fe80::1%eth0") == offer.replace("0b7a.local", "fe80::1")
    assert with_hosts_named(offer, "testclient") == offer
