"""WebRTC play: what a browser sends by WHEP (RFC 9725) is answered here.

H.264 and G.711 are passed through; nothing is decoded or coded. A viewer begins with the GOP cache, because
no request for a key frame can be met by pass-through; what it loses it asks for again (NACK). H.265 is
refused (a transcoded stream can be asked for), and sound in AAC is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import ipaddress
import logging
import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import Packet
from av.stream import Stream

from media.errors import BadOffer, NotPlayable
from media.tap import Described, Skipped, StreamTap, TappedUnit

if TYPE_CHECKING:
    from media.facts import StreamInfo

SCOPE: Final = "/whep/{session_id}"
"""What the pass in a WHEP URL opens; the URL itself belongs to who answers HTTP for the platform."""
MAX_OFFER_BYTES: Final = 64 * 1024
ANSWER_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 20.0
"""From the answer to the first connectivity: a browser that never comes is not waited for longer."""
CLOSE_TIMEOUT_S: Final = 5.0
QUEUE_MAX: Final = 2_000
"""Packets of one track that wait for aiortc; more than a GOP."""
_VIDEO_TIME_BASE: Final = fractions.Fraction(1, 90_000)
_SOUND_MIME: Final[Mapping[str, str]] = {"G711A": "audio/PCMA", "G711U": "audio/PCMU"}
# Browsers hide the addresses of their candidates behind names of multicast DNS.
_HIDDEN_HOST: Final = re.compile(r"^(a=candidate:\S+ \d+ \S+ \d+ )[\w-]{1,63}\.local(?= )", re.MULTILINE)
_GONE: Final = frozenset({"failed", "closed", "disconnected"})

logger = logging.getLogger(__name__)


class _Track(MediaStreamTrack):
    """Packets of one track, handed over when aiortc asks."""

    def __init__(self, kind: str, time_base: fractions.Fraction) -> None:
        super().__init__()
        self.kind = kind
        self._time_base: Final = time_base
        self._packets: deque[Packet[Stream]] = deque(maxlen=QUEUE_MAX)
        self._ready: Final = asyncio.Event()

    def give(self, data: bytes, pts: int) -> None:
        packet: Packet[Stream] = Packet(data)
        packet.pts, packet.time_base = pts, self._time_base
        self._packets.append(packet)
        self._ready.set()

    async def recv(self) -> Packet[Stream]:
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        return self._packets.popleft()

    def stop(self) -> None:
        super().stop()
        self._ready.set()


def refusal(info: StreamInfo) -> str | None:
    """Why a stream cannot be sent over WebRTC as it is, or None."""
    if not info.codec:
        return "the stream is sound alone"
    if info.codec != "H264":
        return f"browsers take no {info.codec} over WebRTC: ask for a transcoded stream"
    return None


def with_hosts_named(offer: str, seen_from: str) -> str:
    """The offer with its hidden hosts replaced by the address that the browser is seen from.

    Asking the network for such a name takes seconds, is heard on the same link only, and lets an offer
    make us ask. Where a NAT stands between, the address is wrong; then the browser's own checks show the
    way, for which there must be one candidate at least.
    """
    try:
        address = ipaddress.ip_address(seen_from.partition("%")[0])
    except ValueError:
        return offer
    address = getattr(address, "ipv4_mapped", None) or address
    return _HIDDEN_HOST.sub(rf"\g<1>{address}", offer)


class WhepViewer:
    """One browser. ``close`` ends it; ``on_closed`` is told why it ended, once."""

    def __init__(
        self, tap: StreamTap, info: StreamInfo, on_closed: Callable[[WhepViewer, str], None]
    ) -> None:
        if (reason := refusal(info)) is not None:
            tap.close()
            raise NotPlayable(reason)
        self.viewer_id: Final = secrets.token_hex(16)
        self.sent_bytes = 0
        self.skipped = 0
        self._tap: Final = tap
        self._info = info
        self._on_closed = on_closed
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._video: Final = _Track("video", _VIDEO_TIME_BASE)
        self._sound: _Track | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    async def answer(self, offer: str) -> str:
        """The SDP answer to a browser's offer, with all candidates in it.

        Raises:
            BadOffer: no offer, or none that can be answered with H.264.
        """
        media = re.findall(r"^m=(\w{1,16})", offer, re.MULTILINE)
        if len(offer) > MAX_OFFER_BYTES or "video" not in media or len(media) > 2:
            named = ", ".join(media) or "nothing"
            raise BadOffer(f"{len(offer)} characters that offer {named[:100]}, not one picture")
        self._prefer("video", self._video, "video/H264")
        audio = self._info.audio
        if audio is not None and audio.codec in _SOUND_MIME and "audio" in media:
            self._sound = _Track("audio", fractions.Fraction(1, audio.sample_rate))
            self._prefer("audio", self._sound, _SOUND_MIME[audio.codec])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                answer = await self._peer.createAnswer()
                if "H264/90000" not in answer.sdp:
                    raise BadOffer("the offer holds no H.264, which is what the stream is")
                await self._peer.setLocalDescription(answer)
        except BadOffer:
            await self._close_peer()
            raise
        except Exception as error:
            # aiortc reads descriptions without guarding itself: whatever it trips over is the offer.
            await self._close_peer()
            raise BadOffer(f"the offer cannot be answered: {type(error).__name__} {error}"[:300]) from error
        self._peer.on("connectionstatechange", self._state_changed)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(CONNECT_TIMEOUT_S, self._never_connected)
        self._pumping = loop.create_task(self._pump(), name=f"whep {self.viewer_id}")
        return str(self._peer.localDescription.sdp)

    def close(self, reason: str) -> None:
        """End at once; the rest of the goodbye goes on by itself. Harmless when repeated."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(
                self._end(reason), name=f"end of whep {self.viewer_id}"
            )

    @property
    def is_ending(self) -> bool:
        return self._ending is not None

    async def closed(self) -> None:
        """Wait until nothing of it is left."""
        if self._ending is not None:
            await asyncio.shield(self._ending)

    # -- inside

    def _prefer(self, kind: str, track: _Track, mime_type: str) -> None:
        transceiver = self._peer.addTransceiver(track, "sendonly")
        spoken = RTCRtpSender.getCapabilities(kind).codecs
        wanted = {mime_type, f"{kind}/rtx"}
        transceiver.setCodecPreferences([codec for codec in spoken if codec.mimeType in wanted])

    async def _pump(self) -> None:
        async for item in self._tap:
            if isinstance(item, TappedUnit):
                self._give(item)
            elif isinstance(item, Skipped):
                self.skipped += item.units
            else:
                self._described(item)
        self.close(self._tap.end_reason or "closed")

    def _described(self, item: Described) -> None:
        if (reason := refusal(item.info)) is not None:
            self.close(f"the stream changed: {reason}")

    def _give(self, unit: TappedUnit) -> None:
        if unit.annexb:
            self._video.give(unit.annexb, unit.pts_90k)
            self.sent_bytes += len(unit.annexb)
        if self._sound is not None:
            for piece in unit.sound:
                self._sound.give(piece.data, piece.time)
                self.sent_bytes += len(piece.data)

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        logger.debug("viewer %s is %s", self.viewer_id, state)
        if state == "connected" and self._deadline is not None:
            self._deadline.cancel()
        elif state in _GONE:
            self.close("closed by the viewer")

    def _never_connected(self) -> None:
        if self._peer.connectionState != "connected":
            self.close("never connected")

    async def _end(self, reason: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._tap.close()
        self._video.stop()
        if self._sound is not None:
            self._sound.stop()
        if self._pumping is not None and self._pumping is not asyncio.current_task():
            self._pumping.cancel()
            await asyncio.gather(self._pumping, return_exceptions=True)
        self._on_closed(self, reason)
        await self._close_peer()

    async def _close_peer(self) -> None:
        self._tap.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._peer.close()
