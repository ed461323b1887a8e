"""A browser's side of a WebRTC call, played by aiortc: says a tone, and keeps what it hears."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Sequence
from typing import Any

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from numpy.typing import NDArray

RATE = 48_000
PIECE = 960


class ToneTrack(MediaStreamTrack):
    """A microphone that hears a tone, at the rate that browsers have."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self._hz = hz
        self._pieces = 0
        self._began_at: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._began_at is None:
            self._began_at = loop.time()
        await asyncio.sleep(max(0.0, self._began_at + self._pieces * PIECE / RATE - loop.time()))
        time_s = (self._pieces * PIECE + np.arange(PIECE)) / RATE
        samples = (8_000 * np.sin(2 * np.pi * self._hz * time_s)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._pieces * PIECE
        frame.time_base = fractions.Fraction(1, RATE)
        self._pieces += 1
        return frame


class BrowserVoice:
    """One browser. ``offer`` first, then ``take`` with the platform's answer."""

    def __init__(self, hz: float, codecs: Sequence[str] = ("audio/opus", "audio/PCMU", "audio/PCMA")) -> None:
        self.samples: list[NDArray[np.int16]] = []
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self.peer.addTransceiver(ToneTrack(hz), "sendrecv")
        known = RTCRtpSender.getCapabilities("audio")
        assert known is not None
        transceiver.setCodecPreferences([each for each in known.codecs if each.mimeType in codecs])
        self._listening: asyncio.Task[None] | None = None
        self.peer.on("track", self._heard)

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        await self.peer.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    @property
    def heard(self) -> NDArray[np.int16]:
        """What came since the beginning, 8 kHz."""
        return np.concatenate(self.samples) if self.samples else np.zeros(0, np.int16)

    def _heard(self, track: Any) -> None:
        self._listening = asyncio.get_running_loop().create_task(self._listen(track))

    async def _listen(self, track: Any) -> None:
        try:
            while True:
                frame = await track.recv()
                self.samples.append(frame.to_ndarray().reshape(-1).astype(np.int16))
        except MediaStreamError:
            return
