"""RTP to other platforms: a session's stream as a program stream, to any number of receivers.

```text
attach_sender ──▶ the port is bound: the answer can be sent ──▶ start (the ACK has come) ──▶ RTP ──▶ on_closed
```

Payloads of a program stream are passed on as they came, under our own header; everything else is packed
by us, and so is the start, which comes from the GOP cache. Over UDP a sender reports every 5 s (RTCP) and
says goodbye; what the receiver reports is in the statistics.

Source: GB/T 28181-2022 annexes C and D, RFC 3550, RFC 4571; 7.6 and 8.5 of the protocol notes.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from media.errors import EngineError, LocalViolation, PlaneClosed, SessionClosed
from media.rtp import PS_PAYLOAD_TYPE
from media.transport import MediaTransport

if TYPE_CHECKING:
    from media import _native  # noqa: TID251  (types alone)
    from media.session import MediaPlane

logger = logging.getLogger(__name__)

ALL_AUDIO: Final = frozenset({"G711A", "G711U", "AAC"})
"""Every codec of sound that a stream may have."""


class SenderEnd(StrEnum):
    """Why a sender ended."""

    CLOSED = "closed"  # by its owner
    SOURCE_ENDED = "source_ended"  # the session has ended, and what there was has been sent
    NEVER_STARTED = "never_started"  # start() was not called in time: the ACK never came
    NOT_CONNECTED = "not_connected"  # the receiver accepted none of our connections
    NOBODY_CONNECTED = "nobody_connected"  # the receiver did not connect in time
    REFUSED = "refused"  # nobody listens at the receiver's UDP port
    CONNECTION_LOST = "connection_lost"
    STUCK = "stuck"  # the receiver has read nothing for too long
    REPORTS_STOPPED = "reports_stopped"  # it had sent RTCP reports, and they stopped
    SEND_FAILED = "send_failed"  # the system refuses to send
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class SenderRequest:
    """To whom a stream goes, and how."""

    transport: MediaTransport
    """``UDP``, ``TCP_ACTIVE`` (we connect) or ``TCP_PASSIVE`` (the receiver connects to us)."""
    ssrc: int
    """The agreed ``y=``."""
    host: str | None = None
    """IP address of the receiver. With ``TCP_PASSIVE``, None lets anybody be the one receiver."""
    port: int = 0
    """Its RTP port; 0 only with ``TCP_PASSIVE``."""
    rtcp_port: int | None = None
    """Its RTCP port; None: the one after ``port``. Of UDP alone."""
    payload_type: int = PS_PAYLOAD_TYPE
    label: str = ""
    """For logs and statistics."""
    audio: frozenset[str] = ALL_AUDIO
    """Codecs of sound that the receiver knows: a stream with another one goes out without sound."""
    pass_through: bool = True
    """Pass a program stream on as it came; off: always pack it anew."""
    from_cache: bool = True
    """Begin with the newest key frame that there was; off: with the next one."""


@dataclass(frozen=True, slots=True)
class SenderStats:
    """One sender at one moment. Counters only rise."""

    sender_id: str
    label: str
    transport: str
    ssrc: int
    local_port: int
    peer: str | None
    """``host:port`` once the link is open."""
    state: str
    """``waiting`` (for start), ``opening``, ``sending``, ``draining`` or ``ended``."""
    form: str
    """``passed`` as it came, ``remuxed``, ``waiting_for_keyframe`` or ``none``."""
    age_s: float
    sending_s: float | None
    """Since the first packet went."""
    packets: int
    payload_bytes: int
    frames: int
    """Packs of the program stream, most of them pictures."""
    passed_frames: int
    """Those of them that went as they came."""
    dropped_frames: int
    """Left out because the receiver was too slow."""
    drops: int
    """Times that this happened; each ends at a key frame."""
    queued_bytes: int
    refusals: int
    """Datagrams that the receiver's host, or the system, refused."""
    strangers: int
    """Connections and reports from elsewhere."""
    connect_attempts: int
    reports: int
    """RTCP reports of the receiver about this stream; the four below are from its newest one."""
    fraction_lost: float
    lost: int
    jitter_ms: float
    round_trip_ms: float | None

    @classmethod
    def from_native(cls, values: _native.SenderSnapshot, label: str) -> SenderStats:
        round_trip = values["round_trip_us"]
        return cls(
            sender_id=values["sender_id"],
            label=label,
            transport=values["transport"].upper(),
            ssrc=values["ssrc"],
            local_port=values["port"],
            peer=values["peer"],
            state=values["state"],
            form=values["form"],
            age_s=values["age_s"],
            sending_s=values["sending_s"],
            packets=values["packets"],
            payload_bytes=values["payload_bytes"],
            frames=values["frames"],
            passed_frames=values["passed_frames"],
            dropped_frames=values["dropped_frames"],
            drops=values["drops"],
            queued_bytes=values["queued_bytes"],
            refusals=values["refusals"],
            strangers=values["strangers"],
            connect_attempts=values["connect_attempts"],
            reports=values["reports"],
            fraction_lost=values["fraction_lost"],
            lost=values["lost"],
            jitter_ms=values["jitter_us"] / 1000,
            round_trip_ms=None if round_trip is None else round_trip / 1000,
        )


class RtpSender:
    """One receiver of a session. Made by :meth:`MediaSession.attach_sender`; its port is bound at once."""

    def __init__(
        self, plane: MediaPlane, session_id: str, sender_id: str, request: SenderRequest, port: int
    ) -> None:
        self.sender_id: Final = sender_id
        self.request: Final = request
        self.local_port: Final = port
        self.end: SenderEnd | None = None
        self.close_reason: str | None = None
        """Why it ended: the kind of end and what is known about it."""
        self.on_started: Callable[[], None] | None = None
        """Called when the first packet has gone."""
        self.on_closed: Callable[[SenderEnd], None] | None = None
        """Called once; ``close_reason`` says more."""
        self._plane = plane
        self._session_id = session_id
        self._last_stats: SenderStats | None = None

    @property
    def is_closed(self) -> bool:
        return self.end is not None

    def start(self) -> None:
        """Send: the receiver has sent its ACK. A second call, or one after the end, does nothing."""
        if not self.is_closed:
            self._call(self._plane.engine.start_sender, self._session_id, self.sender_id)

    def close(self, reason: str) -> None:
        """End it; ``on_closed`` follows, and then its port rests. Nothing happens when it has ended."""
        if not self.is_closed:
            self._call(self._plane.engine.close_sender, self._session_id, self.sender_id, reason)

    def stats(self) -> SenderStats:
        """Counters and gauges, at most a fifth of a second old; after the end, those of the end."""
        if not self.is_closed:
            try:
                found = self._plane.engine.sender_snapshot(self._session_id, self.sender_id)
            except (SessionClosed, PlaneClosed):
                found = None
            if found is not None:
                self._last_stats = SenderStats.from_native(found, self.request.label)
        if self._last_stats is None:
            raise SessionClosed(self.close_reason or "the sender is ending")
        return self._last_stats

    def _call(self, call: Callable[..., None], *arguments: str) -> None:
        try:
            call(*arguments)
        except (SessionClosed, PlaneClosed):
            logger.debug("sender %s is ending already", self.sender_id)

    # -- facts of the data plane, on the event loop

    def connected(self, peer: str) -> None:
        logger.info("sender open: port %d to %s", self.local_port, peer, extra=self.fields())

    def started(self) -> None:
        if self.on_started is not None:
            self.on_started()

    def ended(self, values: Mapping[str, Any]) -> None:
        self._last_stats = stats = SenderStats.from_native(values["stats"], self.request.label)
        self.end = SenderEnd(values["reason"])
        self.close_reason = f"{self.end}: {values['detail']}" if values["detail"] else str(self.end)
        logger.info(
            "sender closed: %s; %d packets, %d frames dropped, %.0f s",
            self.close_reason,
            stats.packets,
            stats.dropped_frames,
            stats.age_s,
            extra=self.fields(),
        )
        if self.on_closed is not None:
            self.on_closed(self.end)

    def fields(self) -> dict[str, str]:
        return {"stream": self._session_id, "sender": self.sender_id, "label": self.request.label}


def open_sender(plane: MediaPlane, session_id: str, request: SenderRequest) -> RtpSender:
    """Bind a port of the pool for a new sender; see :meth:`MediaSession.attach_sender`."""
    host = checked_host(request)
    local_host = local_host_for(plane.settings.reception_host, host)
    sender_id = secrets.token_hex(8)

    def bind(port: int) -> int:
        return plane.engine.attach_sender(
            session_id,
            {
                "sender_id": sender_id,
                "transport": _NATIVE[request.transport],
                "local_host": local_host,
                "local_port": port,
                "peer": None if host is None else (host, request.port),
                "rtcp_port": request.rtcp_port,
                "ssrc": request.ssrc,
                "first_sequence": secrets.randbelow(1 << 16),
                "payload_type": request.payload_type,
                "audio": sorted(request.audio),
                "pass_through": request.pass_through,
                "from_cache": request.from_cache,
            },
        )

    sender = RtpSender(plane, session_id, sender_id, request, plane.bind_port(bind))
    sender.stats()  # from now on there always are some
    return sender


_NATIVE: Final[Mapping[MediaTransport, Literal["udp", "tcp_active", "tcp_passive"]]] = {
    MediaTransport.UDP: "udp",
    MediaTransport.TCP_ACTIVE: "tcp_active",
    MediaTransport.TCP_PASSIVE: "tcp_passive",
}


def checked_host(request: SenderRequest) -> str | None:
    """The receiver's address in its plain form.

    Raises:
        LocalViolation: the request makes no sense.
    """
    if request.transport not in _NATIVE:
        raise LocalViolation(f"{request.transport} is no way to a receiver")
    if not 0 <= request.ssrc < 1 << 32:
        raise LocalViolation(f"SSRC {request.ssrc} does not fit in 32 bits")
    if unknown := request.audio - ALL_AUDIO:
        raise LocalViolation(f"{sorted(unknown)} are no codecs of a stream's sound")
    if request.transport is not MediaTransport.TCP_PASSIVE and (request.host is None or not request.port):
        raise LocalViolation(f"{request.transport}: the receiver's address and port are needed")
    if request.host is None:
        return None
    try:
        return str(ipaddress.ip_address(request.host))
    except ValueError:
        raise LocalViolation(f"{request.host!r} is no IP address") from None


def local_host_for(reception_host: str, peer: str | None) -> str:
    """Where a sender binds: where devices send to, or any address of the receiver's family.

    Raises:
        EngineError: devices are received at an address of the other family.
    """
    local = ipaddress.ip_address(reception_host)
    if peer is None or local.version == ipaddress.ip_address(peer).version:
        return str(local)
    if local.is_unspecified:
        return "::" if local.version == 4 else "0.0.0.0"  # noqa: S104
    raise EngineError(f"from {local} there is no way to {peer}: another family", "bad_argument")
