"""One live picture of a source while it runs, and who holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from catalog.model import ChannelKey
from media.facts import StreamInfo
from media.session import MediaSession


class SourceHold:
    """One holder's share of a live picture; as long as somebody holds it, it is kept.

    It has the face of the hold of a device's picture: whoever wants one need not care which it is.
    """

    def __init__(self, picture: LivePicture, purpose: str, tag: str) -> None:
        self._picture = picture
        self.key: Final = picture.key
        self.is_sub: Final = picture.is_sub
        self.purpose: Final = purpose
        self.tag: Final = tag
        self.session: Final = picture.session
        self.lost: Final = asyncio.Event()
        self.lost_reason = ""
        self.route_path: Final[tuple[str, ...]] = ()
        """It comes by no other platform."""

    @property
    def info(self) -> StreamInfo:
        return self._picture.session.info or self._picture.first_info

    async def release(self) -> None:
        """Let go. Harmless when repeated or after the loss."""
        self._picture.detach(self)

    def lose(self, reason: str) -> None:
        """The picture ended; called by its owner."""
        self.lost_reason = reason
        self.lost.set()


class LivePicture:
    """A session that is fed, from its first key frame to its end."""

    def __init__(
        self,
        key: ChannelKey,
        is_sub: bool,
        session: MediaSession,
        info: StreamInfo,
        on_released: Callable[[], None],
    ) -> None:
        self.key: Final = key
        self.is_sub: Final = is_sub
        self.session: Final = session
        self.first_info: Final = info
        self.holders: Final[set[SourceHold]] = set()
        self.is_over = False
        self._on_released = on_released

    @property
    def is_wanted(self) -> bool:
        """Whether somebody holds it, or still reads it through an address that was given out."""
        return bool(self.holders) or self.session.readers > 0

    def attach(self, purpose: str, tag: str) -> SourceHold:
        hold = SourceHold(self, purpose, tag)
        self.holders.add(hold)
        return hold

    def detach(self, hold: SourceHold) -> None:
        if hold in self.holders:
            self.holders.discard(hold)
            if not self.holders:
                self._on_released()

    def end(self, reason: str) -> None:
        """Tell every holder; the session is closed by whoever feeds it."""
        self.is_over = True
        for hold in list(self.holders):
            hold.lose(reason)
