"""A browser's microphone and loudspeaker over WebRTC: one peer connection, one PCMA stream each way.

PCMA is what every browser must speak (RFC 7874) and what devices speak, so nothing is transcoded. aiortc
takes the first codec that both sides name; ours are limited to PCMA before it sees the offer, else it takes
Opus.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import logging
import re
import secrets
from collections.abc import Callable
from typing import Final

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, Packet
from av.stream import Stream

from media.audio.g711 import FRAME_BYTES, FRAME_S, SAMPLE_RATE, encode_alaw
from media.audio.sources import PushedSource
from media.errors import BadOffer

MAX_OFFER_BYTES: Final = 32 * 1024
ANSWER_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 5.0
MIME_TYPE: Final = "audio/PCMA"
_TIME_BASE: Final = fractions.Fraction(1, SAMPLE_RATE)
_GONE: Final = frozenset({"failed", "closed", "disconnected"})

logger = logging.getLogger(__name__)


class LoudspeakerTrack(MediaStreamTrack):
    """What the browser hears: frames of A-law, passed on as they are."""

    kind = "audio"

    def __init__(self, source: PushedSource) -> None:
        super().__init__()
        self._source = source
        self._began_at: float | None = None
        self._frames = 0

    async def recv(self) -> Packet[Stream]:
        """The next 20 ms, when they are due."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._began_at is None:
            self._began_at = loop.time()
        await asyncio.sleep(max(0.0, self._began_at + self._frames * FRAME_S - loop.time()))
        frame = self._source.next_frame()
        if frame is None:
            self.stop()
            raise MediaStreamError
        packet = Packet(frame)
        packet.pts = self._frames * FRAME_BYTES
        packet.time_base = _TIME_BASE
        self._frames += 1
        return packet


class BrowserAudio:
    """One browser.

    ``microphone`` is a source for a line; what is pushed into ``loudspeaker`` is heard in the browser.
    """

    def __init__(self) -> None:
        self.microphone: Final = PushedSource()
        self.loudspeaker: Final = PushedSource()
        self.connection_id: Final = secrets.token_hex(16)
        self.connected: Final = asyncio.Event()
        self.gone: Final = asyncio.Event()
        self.on_frame: Callable[[bytes], None] | None = None
        """Gets what the microphone hears beside ``microphone``, for a loopback."""
        # No ICE servers: aiortc would ask one on the Internet by default.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._listening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._peer.on("track", self._track_added)
        self._peer.on("connectionstatechange", self._state_changed)

    async def answer(self, offer: str) -> str:
        """The SDP answer to a browser's SDP offer, with all candidates in it.

        Raises:
            BadOffer: no offer, or none with PCMA sound in it.
        """
        media = re.findall(r"^m=(\w{1,16})", offer, re.MULTILINE)
        if len(offer) > MAX_OFFER_BYTES or media != ["audio"]:
            # Nothing else may be negotiated: a picture would be decoded here.
            raise BadOffer(
                f"{len(offer)} characters that offer {', '.join(media) or 'nothing'}, not one sound"
            )
        transceiver = self._peer.addTransceiver(LoudspeakerTrack(self.loudspeaker), "sendrecv")
        known = RTCRtpReceiver.getCapabilities("audio")
        spoken = known.codecs if known is not None else []
        transceiver.setCodecPreferences([codec for codec in spoken if codec.mimeType == MIME_TYPE])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                answer = await self._peer.createAnswer()
                if "PCMA/8000" not in answer.sdp:
                    raise BadOffer("the offer holds no PCMA, which devices need")
                await self._peer.setLocalDescription(answer)
        except BadOffer:
            raise
        except Exception as error:
            # aiortc reads descriptions without guarding itself: whatever it trips over is the offer.
            raise BadOffer(f"the offer cannot be answered: {type(error).__name__} {error}"[:300]) from error
        return str(self._peer.localDescription.sdp)

    async def close(self) -> None:
        """End both directions; harmless when repeated."""
        self.microphone.end()
        self.loudspeaker.end()
        self.gone.set()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._peer.close()

    # ---------------------------------------------------------------- what aiortc reports

    def _track_added(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(
                self._listen(track), name=f"microphone {self.connection_id}"
            )

    def _state_changed(self) -> None:
        state = self._peer.connectionState
        logger.debug("browser %s is %s", self.connection_id, state)
        if state == "connected":
            self.connected.set()
        elif state in _GONE:
            self.microphone.end()
            self.gone.set()

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                if isinstance(frame, AudioFrame):
                    alaw = encode_alaw(frame.to_ndarray().reshape(-1).astype(np.int16))
                    self.microphone.push(alaw)
                    if self.on_frame is not None:
                        self.on_frame(alaw)
        except MediaStreamError:
            self.microphone.end()
            self.gone.set()
