"""What the owner of a running session asks of it: why it stands, what arrives, what damage means."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from media.capture import Capture
from media.errors import PlaneClosed, SessionClosed
from media.facts import Stall, StallReason
from media.payloads import label_of
from media.session_core import Place, SessionCore
from media.settings import OnLoss


class Supervision(SessionCore):
    """A part of :class:`media.reception.MediaSession`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.stall: Stall | None = None
        """Why the stream stands still now; None while it moves, and before its first packet."""
        self.on_stall: Callable[[Stall | None], None] | None = None
        """Called with the reason when a running stream stands still for ``stall_s``, again when the reason
        changes, and with None when it moves. What is to be done, a new INVITE for example, is the owner's."""
        self._captures: Final[dict[str, Capture]] = {}

    @property
    def captures(self) -> Mapping[str, Capture]:
        """Captures that run, by id."""
        return self._captures

    def set_on_loss(self, on_loss: OnLoss) -> None:
        """What happens to damaged pictures from now on (default: the setting)."""
        self._plane.engine.pass_damaged(self.session_id, on_loss is OnLoss.PASS_MARKED)

    def describe_payload(self, payload_type: int, encoding: str, clock_rate: int = 0, fmtp: str = "") -> None:
        """The session description says what a payload type is (``a=rtpmap``, ``a=fmtp``).

        It is where reading begins; what the bytes prove wins.
        """
        self._plane.engine.name_payload(self.session_id, payload_type, label_of(encoding, clock_rate, fmtp))

    def start_capture(self, directory: Path, max_bytes: int, max_s: float) -> Capture:
        """Write what arrives into ``directory`` (it exists): ``<capture_id>.pcap`` with heads that Wireshark
        reads, and the payload as ``<capture_id>.ps``, ``.ts`` or ``.es``.

        A capture that runs for this session ends. The stream is never slowed: what the disk cannot follow is
        counted.

        Raises:
            EngineError: the files cannot be made, too many captures run, or this session receives no packets.
        """
        capture_id = secrets.token_hex(8)
        self._plane.engine.start_capture(self.session_id, capture_id, directory, (max_bytes, max_s))
        capture = Capture(capture_id, directory, lambda: self._stop_capture(capture_id))
        self._captures[capture_id] = capture
        return capture

    def _stop_capture(self, capture_id: str) -> None:
        if next(reversed(self._captures), None) != capture_id:
            return  # another one has taken its place, and its end is on the way
        with contextlib.suppress(SessionClosed, PlaneClosed):  # nor has one that has ended anything to stop
            self._plane.engine.stop_capture(self.session_id)

    # -- facts of the data plane

    def take_stalled(self, values: Mapping[str, Any]) -> None:
        self._set_stall(Stall(StallReason(values["reason"]), values["lasted_us"] / 1e6))

    def take_resumed(self, _values: Mapping[str, Any]) -> None:
        self._set_stall(None)

    def take_capture_end(self, values: Mapping[str, Any]) -> None:
        capture = self._captures.pop(values["capture_id"], None)
        if capture is not None:
            capture.take_end(values)

    def _set_stall(self, stall: Stall | None) -> None:
        self.stall = stall
        if self.on_stall is not None:
            self.on_stall(stall)
