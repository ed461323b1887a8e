"""Captures that operators ask for, by stream: they wait for it to open, and their files are kept a while."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from media.capture import Capture, CaptureEnd
from media.endings import Ended, Endings
from media.errors import CaptureRefused, EngineError, MediaError, UnknownCapture
from media.settings import MediaSettings

if TYPE_CHECKING:
    from media.reception import MediaSession

logger = logging.getLogger(__name__)

SESSION_CLOSED: Final = "session closed"
_OURS: Final = re.compile(r"[0-9a-f]{16}\.(pcap|ps|ts|es)")
"""Files that a capture writes: nothing else in the directory is touched."""


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
    waits_until: float
    """Monotonic: when a stream that did not open, or brought nothing, is not waited for any more."""
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
    """Orders of this process; the files of a former one are deleted when the room opens.

    At most ``captures_kept`` are kept; the oldest that has ended makes place for a new one.
    """

    def __init__(
        self, settings: MediaSettings, sessions: Callable[[], list[MediaSession]], endings: Endings
    ) -> None:
        self._settings: Final = settings
        self._sessions = sessions
        self._endings = endings
        self._orders: Final[dict[str, CaptureOrder]] = {}

    @property
    def directory(self) -> Path:
        return Path(self._settings.capture_directory)

    def clean(self) -> None:
        """Delete what a former run left: nobody knows any more what it is of. Waits for the disk."""
        try:
            left = [file for file in self.directory.iterdir() if _OURS.fullmatch(file.name)]
            _remove(tuple(left))
        except FileNotFoundError:
            return
        except OSError as error:
            logger.warning("captures of a former run cannot be deleted: %s", error)

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
            OSError: the directory, or the files in it, cannot be made.
            CaptureRefused: the stream cannot be captured now.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._make_place()
        max_s = min(max_s, self._settings.capture_max_s)
        order = CaptureOrder(
            order_id=secrets.token_hex(8),
            label=label,
            requested_by=requested_by,
            max_bytes=min(max_bytes, self._settings.capture_max_bytes),
            max_s=max_s,
            asked_time=datetime.now(UTC),
            waits_until=time.monotonic() + max_s,
        )
        running = next((session for session in self._sessions() if session.label == label), None)
        if running is not None:
            try:
                self._begin(order, running)
            except EngineError as error:
                raise _refused(error) from error
        else:
            self._wait(order)
        self._orders[order.order_id] = order
        logger.info("capture %s of %s %s", order.order_id, label, order.state.value)
        return order

    def session_opened(self, session: MediaSession) -> None:
        """A stream begins; called before its device is asked for it."""
        for order in self._orders.values():
            if order.state is CaptureState.WAITING and order.label == session.label:
                try:
                    self.directory.mkdir(parents=True, exist_ok=True)
                    self._begin(order, session)
                except (MediaError, OSError) as error:
                    logger.warning("capture %s of %s cannot begin: %s", order.order_id, order.label, error)
                    self._finish(order, str(error))

    def stop(self, order_id: str) -> CaptureOrder:
        """End it and keep what it has, which comes a moment later. Raises UnknownCapture."""
        order = self.order(order_id)
        if order.capture is not None:
            order.capture.stop()
        elif order.state is CaptureState.WAITING:
            self._finish(order, "stopped")
        return order

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

    def _wait(self, order: CaptureOrder) -> None:
        order.state, order.capture = CaptureState.WAITING, None
        left_s = max(0.0, order.waits_until - time.monotonic())
        loop = asyncio.get_running_loop()
        order.expiry = loop.call_later(left_s, self._finish, order, "no stream was opened")

    def _ended(self, order: CaptureOrder, end: CaptureEnd) -> None:
        is_empty = end.reason == SESSION_CLOSED and end.packets == 0
        if is_empty and time.monotonic() < order.waits_until:
            # Nothing came over one transport: the device is asked for the other one.
            _remove(end.files)
            self._wait(order)
            return
        order.end = end
        self._finish(order, end.reason)

    def _finish(self, order: CaptureOrder, reason: str) -> None:
        _cancel(order)
        if order.state is not CaptureState.ENDED:
            order.state, order.reason = CaptureState.ENDED, reason
            figures = (
                {} if order.end is None else {"packets": order.end.packets, "dropped": order.end.dropped}
            )
            self._endings.add(Ended.CAPTURE, "", order.label, reason, who=order.order_id, **figures)
            logger.info("capture %s of %s ended: %s", order.order_id, order.label, reason)

    def _make_place(self) -> None:
        kept = self._settings.captures_kept
        excess = max(0, len(self._orders) + 1 - kept)
        ended = [order for order in self._orders.values() if order.state is CaptureState.ENDED]
        if len(ended) < excess:
            raise CaptureRefused(f"{kept} captures run or wait (media.captures_kept)")
        for order in ended[:excess]:
            self.delete(order.order_id)


def _refused(error: EngineError) -> Exception:
    return OSError(error.errno, str(error)) if error.errno else CaptureRefused(str(error))


def _cancel(order: CaptureOrder) -> None:
    if order.expiry is not None:
        order.expiry.cancel()
        order.expiry = None


def _remove(files: tuple[Path, ...]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
