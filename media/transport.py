"""How media comes into a session, or goes out of one."""

from __future__ import annotations

from enum import StrEnum


class MediaTransport(StrEnum):
    """How media comes: RTP over UDP or TCP, frames that are given, or our own recordings."""

    UDP = "UDP"
    TCP_PASSIVE = "TCP_PASSIVE"  # the other side connects to us
    TCP_ACTIVE = "TCP_ACTIVE"  # we connect to the other side
    FED = "FED"  # no port: a program, or a push over another protocol, gives frames
    RECORDED = "RECORDED"  # no port: our own recordings are played

    @property
    def is_tcp(self) -> bool:
        """RTP over TCP."""
        return self in {MediaTransport.TCP_PASSIVE, MediaTransport.TCP_ACTIVE}

    @property
    def is_received(self) -> bool:
        """RTP from somebody else; false where this platform gives the frames itself."""
        return self not in {MediaTransport.FED, MediaTransport.RECORDED}
