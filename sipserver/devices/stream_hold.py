"""What a viewer, a recorder or a snapshot holds of a live picture."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from media.session import MediaSession, StreamInfo
from sipserver.devices.errors import InviteEnded
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.stream_request import LiveStream
from sipserver.gb.route_path import Path

if TYPE_CHECKING:
    from sipserver.devices.invite import Invite


class StreamHold:
    """One holder's share of a live picture; as long as somebody holds it, it is kept."""

    def __init__(self, invite: Invite, purpose: str, tag: str, now: float) -> None:
        self._invite = invite
        self.key: Final = invite.key
        self.purpose: Final = purpose
        self.tag: Final = tag
        self.held_at: Final = now
        self.lost: Final = asyncio.Event()
        self.lost_reason = ""
        self._is_released = False

    @property
    def stream(self) -> LiveStream:
        """Which stream it is: the main one where there is no other."""
        return self._invite.request.stream

    @property
    def session(self) -> MediaSession:
        session = self._invite.session
        if session is None:
            raise InviteEnded(
                "the invite is over", device_id=self.key.device_id, channel_id=self.key.channel_id
            )
        return session

    @property
    def evidence(self) -> InviteEvidence:
        """What the invite behind it showed of itself."""
        return self._invite.evidence

    @property
    def route_path(self) -> Path:
        """The platforms below us that the picture comes by, the nearest first; empty: none."""
        return self._invite.evidence.route_path

    @property
    def info(self) -> StreamInfo:
        info = self._invite.info
        if info is None:
            raise InviteEnded("no picture yet", device_id=self.key.device_id, channel_id=self.key.channel_id)
        return info

    async def release(self) -> None:
        """Let go; the last one starts the linger. Harmless when repeated or after the loss."""
        if not self._is_released:
            self._is_released = True
            self._invite.detach(self)

    def lose(self, reason: str) -> None:
        """The picture ended; called by its owner."""
        self.lost_reason = reason
        self.lost.set()
