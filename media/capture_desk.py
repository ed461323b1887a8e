"""Captures that operators ask for, by stream: they wait for it to open, and their files are kept a while."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from media.capture import Capture, CaptureEnd
from media.errors import MediaError, UnknownCapture
from media.settings import MediaSettings

if TYPE_CHECKING:
    from media.reception import MediaSession

logger = logging.getLogger(__name__)


class CaptureState(StrEnum):
    """Where an order stands."""

    WAITING = "waiting"
    """The stream is not open; its next opening is captured from the first packet on."""
    RUNNING = "running"
    ENDED = "ended"


@dataclass(eq=False)
class CaptureOrder:
    """One capture that was asked for."""

    order_id: str
    label: str
    """Of the media session: which stream."""
    requested_by: str
    max_bytes: int
    max_s: float
    asked_time: datetime
    state: CaptureState = CaptureState.WAITING
    reason: str = ""
    """Why it ended."""
    end: CaptureEnd | None = None
    capture: Capture | None = field(default=None, repr=False)
    expiry: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """What was written, when it has ended."""
        return () if self.end is None else self.end.files


class CaptureDesk:
    """Orders of this process; those of a former one are deleted when the room opens.

    At most ``captures_kept`` are kept; the oldest that has ended makes place for a new one.
    """

    def __init__(self, settings: MediaSettings, sessions: Callable[[], list[MediaSession]]) -> None:
        self._settings: Final = settings
        self._sessions = sessions
        self._orders: Final[dict[str, CaptureOrder]] = {}
        self._is_clean = False

    @property
    def directory(self) -> Path:
        return Path(self._settings.capture_directory)

    def orders(self) -> list[CaptureOrder]:
        """The oldest first."""
        return list(self._orders.values())

    def order(self, order_id: str) -> CaptureOrder:
        """Raises UnknownCapture."""
        try:
            return self._orders[order_id]
        except KeyError:
            raise UnknownCapture(f"there is no capture {order_id}") from None

    def start(self, label: str, max_bytes: int, max_s: float, requested_by: str) -> CaptureOrder:
        """Capture a stream that is open, or its next opening; it waits for that ``max_s`` at most.

        Raises:
            OSError: the directory cannot be made.
            MediaError: the stream cannot be captured now.
        """
        self._make_directory()
        self._make_place()
        order = CaptureOrder(
            order_id=secrets.token_hex(8),
            label=label,
            requested_by=requested_by,
            max_bytes=min(max_bytes, self._settings.capture_max_bytes),
            max_s=min(max_s, self._settings.capture_max_s),
            asked_time=datetime.now(UTC),
        )
        running = next((session for session in self._sessions() if session.label == label), None)
        if running is not None:
            self._begin(order, running)
        else:
            loop = asyncio.get_running_loop()
            order.expiry = loop.call_later(order.max_s, self._finish, order, "no stream was opened")
        self._orders[order.order_id] = order
        return order

    def session_opened(self, session: MediaSession) -> None:
        """A stream begins; called before its device is asked for it."""
        for order in self._orders.values():
            if order.state is CaptureState.WAITING and order.label == session.label:
                try:
                    self._begin(order, session)
                except (MediaError, OSError) as error:
                    logger.warning("capture %s of %s cannot begin: %s", order.order_id, order.label, error)
                    self._finish(order, str(error))

    def delete(self, order_id: str) -> None:
        """End it, if it runs, and delete its files. Raises UnknownCapture."""
        order = self.order(order_id)
        if order.capture is not None and order.capture.is_running:
            order.capture.on_ended = lambda end: _remove(end.files)
            order.capture.stop()
        self._finish(order, "deleted")
        _remove(order.files)
        del self._orders[order_id]

    def close(self) -> None:
        """The room closes: nothing is waited for any more."""
        for order in self._orders.values():
            if order.state is CaptureState.WAITING:
                self._finish(order, "server stopping")

    def _begin(self, order: CaptureOrder, session: MediaSession) -> None:
        capture = session.start_capture(self.directory, order.max_bytes, order.max_s)
        capture.on_ended = lambda end: self._ended(order, end)
        order.capture, order.state = capture, CaptureState.RUNNING
        _cancel(order)

    def _ended(self, order: CaptureOrder, end: CaptureEnd) -> None:
        order.end = end
        self._finish(order, end.reason)

    def _finish(self, order: CaptureOrder, reason: str) -> None:
        _cancel(order)
        if order.state is not CaptureState.ENDED:
            order.state, order.reason = CaptureState.ENDED, reason
            logger.info("capture %s of %s ended: %s", order.order_id, order.label, reason)

    def _make_directory(self) -> None:
        if not self._is_clean:
            # Nobody knows any more what these were of.
            shutil.rmtree(self.directory, ignore_errors=True)
            self._is_clean = True
        self.directory.mkdir(parents=True, exist_ok=True)

    def _make_place(self) -> None:
        excess = len(self._orders) + 1 - self._settings.captures_kept
        ended = [order for order in self._orders.values() if order.state is CaptureState.ENDED]
        for order in ended[: max(0, excess)]:
            self.delete(order.order_id)


def _cancel(order: CaptureOrder) -> None:
    if order.expiry is not None:
        order.expiry.cancel()
        order.expiry = None


def _remove(files: tuple[Path, ...]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
