"""A capture of what arrives for one session: a pcap, and the payload as a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class CaptureEnd:
    """How a capture ended.

    ``reason`` is ``stopped``, ``time limit``, ``size limit``, ``session closed``, or what the disk said.
    """

    reason: str
    packets: int
    """Records in the pcap."""
    size_bytes: int
    """Of both files."""
    dropped: int
    """What the disk was too slow for."""
    files: tuple[Path, ...]


class Capture:
    """One capture. Made by :meth:`MediaSession.start_capture`; it ends by itself at its bounds."""

    def __init__(self, capture_id: str, directory: Path, stop: Callable[[], None]) -> None:
        self.capture_id: Final = capture_id
        self.directory: Final = directory
        self.end: CaptureEnd | None = None
        self.on_ended: Callable[[CaptureEnd], None] | None = None
        """Called once, on the event loop; may come after the session's end."""
        self._stop = stop

    @property
    def is_running(self) -> bool:
        return self.end is None

    def stop(self) -> None:
        """End it; :attr:`on_ended` follows. Nothing happens when it has ended."""
        if self.is_running:
            self._stop()

    def take_end(self, values: Mapping[str, Any]) -> None:
        """The data plane says that it is over."""
        self.end = CaptureEnd(
            reason=values["reason"],
            packets=values["packets"],
            size_bytes=values["size_bytes"],
            dropped=values["dropped"],
            files=tuple(Path(file) for file in values["files"]),
        )
        if self.on_ended is not None:
            self.on_ended(self.end)
