"""What the system grants of socket buffers: key frames come in bursts (field lesson 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.engine import buffer_grant
from media.settings import MediaSettings

SEND_BUFFER_BYTES: Final = 1 << 20
"""Wanted for what is sent to superiors: about two key frames."""


@dataclass(frozen=True, slots=True)
class BufferCheck:
    """One kind of buffer: what is wanted of the system, and what it grants."""

    name: str
    wanted_bytes: int
    granted_bytes: int
    sysctl: str

    @property
    def is_enough(self) -> bool:
        return self.granted_bytes >= self.wanted_bytes

    @property
    def advice(self) -> str:
        """The command that raises the limit."""
        return f"sysctl -w {self.sysctl}={self.wanted_bytes}"

    def __str__(self) -> str:
        text = f"{self.granted_bytes // 1024} KiB of {self.wanted_bytes // 1024} KiB"
        return text if self.is_enough else f"{text}: bursts may be lost; {self.advice}"


def check_buffers(settings: MediaSettings) -> tuple[BufferCheck, BufferCheck]:
    """Ask for the largest buffers that these settings want, on a socket that is thrown away.

    Raises:
        EngineError: no socket could be made at all.
    """
    wanted = settings.receive_buffer_bytes
    if settings.shared_udp_port:
        wanted = max(wanted, settings.shared_buffer_bytes)
    received, _ = buffer_grant(wanted)
    _, sent = buffer_grant(SEND_BUFFER_BYTES)
    return (
        BufferCheck("udp receive buffer", wanted, received, "net.core.rmem_max"),
        BufferCheck("udp send buffer", SEND_BUFFER_BYTES, sent, "net.core.wmem_max"),
    )
