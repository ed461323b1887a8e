"""What an invite asks of a channel, and the patience that goes with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from media.session import MediaSession
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.gb.ssrc import SsrcKind


class LiveStream(StrEnum):
    """Which of a channel's live pictures (主码流, 子码流)."""

    MAIN = "main"
    SUB = "sub"  # smaller, for walls of many pictures and for narrow lines


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """The lines ``s=``, ``u=``, ``t=`` and ``a=downloadspeed`` of the offer.

    ``start`` and ``stop`` are Unix seconds. A shared stream is kept for a while after its last holder;
    one that is not ends with it.
    """

    kind: SessionKind = SessionKind.PLAY
    uri: str | None = None
    start: int = 0
    stop: int = 0
    download_speed: int | None = None
    stream_number: int | None = None
    is_shared: bool = True
    route: InviteRoute = DIRECT
    """By which platforms it comes to us and is to be passed on, where a platform is asked."""
    invite_timeout_s: float
    keyframe_timeout_s: float
    tcp_keyframe_timeout_s: float
    silence_timeout_s: float | None
    """Silence of the media that ends it; None: its owner watches."""
    on_session: Callable[[MediaSession], None] | None = None
    """Called with the media session before the device is invited; again when the transport is changed."""
    before_ack: Callable[[SessionDescription], Awaitable[None]] | None = None
    """Called with the device's answer, and waited for before that is acknowledged: devices send from the ACK
    on. A ``DeviceError`` that it raises ends the invite."""

    @classmethod
    def live(cls, settings: DeviceSettings, stream: LiveStream = LiveStream.MAIN) -> Self:
        """The main stream is what a device sends when no stream is named."""
        return cls(
            stream_number=1 if stream is LiveStream.SUB else None,
            invite_timeout_s=settings.invite_timeout_s,
            keyframe_timeout_s=settings.keyframe_timeout_s,
            tcp_keyframe_timeout_s=settings.tcp_keyframe_timeout_s,
            silence_timeout_s=settings.silence_timeout_s,
        )

    @property
    def stream(self) -> LiveStream:
        return LiveStream.SUB if self.stream_number else LiveStream.MAIN

    @property
    def ssrc_kind(self) -> SsrcKind:
        return SsrcKind.LIVE if self.kind is SessionKind.PLAY else SsrcKind.HISTORY
