"""How FFmpeg is told to open a source, and what its errors mean."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import av
import av.error

from media.sources.address import SourceAddress
from media.sources.errors import (
    SourceEnded,
    SourceFailed,
    SourceForbidden,
    SourceNotFound,
    SourceProtocol,
    SourceRefused,
    SourceRejected,
    SourceTimedOut,
    SourceUnauthorised,
    SourceUnreachable,
)

PROTOCOLS: Final = "rtsp,rtp,srtp,rtcp,udp,tcp,tls,rtmp,rtmps"
"""What FFmpeg may use on behalf of a source; a redirect to a file is refused."""
NEARLY: Final = 0.95
UDP_REORDER_S: Final = 0.5
UDP_BUFFER_BYTES: Final = 1 << 20
PROBE_BYTES: Final = 1 << 20
NO_ROUTE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
RESET: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})


class RtspTransport(StrEnum):
    """How a source sends its RTP. AUTO: over the RTSP connection, over UDP where that is refused."""

    AUTO = "auto"
    TCP = "tcp"
    UDP = "udp"


def options_of(
    address: SourceAddress, transport: RtspTransport, silence_s: float, analyze_s: float
) -> dict[str, str]:
    """FFmpeg's options: little delay, bounded analysis, no protocol that was not meant."""
    options = {
        "protocol_whitelist": PROTOCOLS,
        "analyzeduration": str(round(analyze_s * 1e6)),
        "probesize": str(PROBE_BYTES),
        "fpsprobesize": "0",
    }
    if not address.is_rtsp:
        return options | {"rtmp_live": "live", "rtmp_buffer": "0"}
    options |= {
        "timeout": str(round(silence_s * 1e6)),
        "allowed_media_types": "video+audio",
        "max_delay": str(round(UDP_REORDER_S * 1e6)),
        "buffer_size": str(UDP_BUFFER_BYTES),
        "user_agent": "Tongshi",
    }
    if transport is RtspTransport.AUTO:
        return options | {"rtsp_flags": "prefer_tcp"}
    return options | {"rtsp_transport": transport.value}


_BY_CLASS: Final[Mapping[type[BaseException], type[SourceFailed]]] = {
    av.error.HTTPUnauthorizedError: SourceUnauthorised,
    av.error.HTTPForbiddenError: SourceForbidden,
    av.error.HTTPNotFoundError: SourceNotFound,
    av.error.HTTPError: SourceRejected,
    av.error.ConnectionRefusedError: SourceRefused,
    av.error.ExitError: SourceTimedOut,
    av.error.TimeoutError: SourceTimedOut,
    av.error.EOFError: SourceEnded,
    av.error.InvalidDataError: SourceProtocol,
}

_WORDS: Final[Mapping[type[SourceFailed], str]] = {
    SourceUnauthorised: "refused the credentials (401)",
    SourceForbidden: "forbids this stream to these credentials (403)",
    SourceNotFound: "has no such stream (404): check the path",
    SourceRefused: "answered that nothing listens at this port",
    SourceEnded: "ended the stream",
    SourceProtocol: "sent something that is not the protocol",
    SourceUnreachable: "cannot be reached",
}


def failure_of(
    error: BaseException, address: SourceAddress, *, limit_s: float, waited_s: float
) -> SourceFailed:
    """A typed error from one of FFmpeg's; its text names no secret.

    Args:
        limit_s: how long a source may be silent.
        waited_s: how long it was. FFmpeg calls an answer that never came invalid.
    """
    kind = _kind_of(error)
    if kind is SourceProtocol and waited_s >= limit_s * NEARLY:
        kind = SourceTimedOut
    if kind is SourceTimedOut:
        return SourceTimedOut(f"source {address.shown}: nothing came within {limit_s:g} s")
    text = _WORDS.get(kind)
    if text is None:
        text = f"refused: {address.mask(str(getattr(error, 'strerror', None) or error))}"
    return kind(f"source {address.shown} {text}")


def _kind_of(error: BaseException) -> type[SourceFailed]:
    for kind, failure in _BY_CLASS.items():
        if isinstance(error, kind):
            return failure
    number = getattr(error, "errno", None)
    if number in NO_ROUTE:
        return SourceUnreachable
    if number in RESET:
        return SourceEnded
    return SourceFailed if not isinstance(error, ValueError) else SourceProtocol
