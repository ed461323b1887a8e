"""One INVITE of a superior: what it asks for, and what hangs on it while it is served."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from cascade import refusals
from cascade.rights.permits import Permit
from cascade.streams.sources import StreamSource, Wanted
from media.outputs.rtp import RtpSender, SenderEnd, SenderRequest
from media.session import MediaTransport
from sipserver.gb.gb_time import from_unix
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.sdp import PS, Direction, Payload, Protocol, SessionDescription, SessionKind, Setup
from sipserver.gb.ssrc import to_int
from sipserver.sip.dialog import Dialog
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

LONGEST: Final = timedelta(days=7)
"""Longest playback or download; who asks for more is refused with 488."""
MAX_SSRC: Final = 0xFFFFFFFF
RECORD_TYPES: Final = {"0": "all", "1": "manual", "2": "alarm", "3": "time"}
"""The second field of the simple form of ``u=`` (gb28181.md 6.5)."""
RELAYED: Final = {kind.value: kind for kind in (SessionKind.PLAY, SessionKind.PLAYBACK, SessionKind.DOWNLOAD)}
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Unacceptable(Exception):
    """An offer that cannot be served; ``status`` refuses it."""

    def __init__(self, text: str, status: int = refusals.NOT_ACCEPTABLE) -> None:
        super().__init__(text)
        self.status = status


class RelayedStream:
    """One INVITE of a superior and all that hangs on it. ``end`` is harmless when repeated."""

    def __init__(
        self, incoming: IncomingRequest, offer: SessionDescription, route: InviteRoute = DIRECT
    ) -> None:
        self.route: Final = route
        """As it goes on from us."""
        self.incoming: Final = incoming
        self.offer: Final = offer
        self.payload: Final = payload_of(offer)
        self.names: Final = names_of(incoming.request, offer)
        """Ids that may be the channel, the likeliest first."""
        self.presented = self.names[0]
        self.kind: Final = RELAYED[offer.kind]
        self.subject: Final = (self.kind is SessionKind.PLAY, subject_key(incoming.request))
        self.ssrc = ""
        self.allocated = False
        self.permit: Permit | None = None
        self.source: StreamSource | None = None
        self.sender: RtpSender | None = None
        self.dialog: Dialog | None = None
        self.task: asyncio.Task[None] | None = None
        self.over = asyncio.Event()
        self.sender_gone = asyncio.Event()
        """The sender has sent what there was, and its session has ended."""
        self.moved = asyncio.Event()
        """A control sent it back from its end."""
        self.reason = ""
        self.is_answered = False
        """A final answer went out."""
        self.remote_bye = False
        self.awaits_ack = True
        """Off: its absence says nothing about this superior, and ends nothing."""
        self.controls = 0
        """INFOs that are being obeyed."""
        self.obeying = asyncio.Lock()
        self.farewell: asyncio.TimerHandle | None = None

    @property
    def key(self) -> ServerKey:
        return self.incoming.key

    @property
    def flow(self) -> Flow:
        return self.incoming.flow

    def wanted(self, presented: str) -> Wanted:
        """What is asked for, of this channel."""
        offer = self.offer
        owner, _, word = (offer.uri or "").partition(":")
        is_file = "/" in (offer.uri or "")
        is_live = self.kind is SessionKind.PLAY
        return Wanted(
            kind=self.kind,
            presented=presented,
            start=NEVER if is_live else from_unix(offer.start),
            end=NEVER if is_live else from_unix(offer.stop),
            speed=max(offer.download_speed or 1, 1),
            record_type="all" if is_file or not owner else RECORD_TYPES.get(word[:1], "all"),
            uri=offer.uri or "" if is_file else "",
            stream_number=offer.stream_number,
            route=self.route,
        )

    def sender_request(self, label: str) -> SenderRequest:
        """To whom the stream goes."""
        offer = self.offer
        kind = MediaTransport.UDP
        if offer.is_tcp:
            is_ours = (offer.setup or Setup.PASSIVE) is Setup.PASSIVE
            kind = MediaTransport.TCP_ACTIVE if is_ours else MediaTransport.TCP_PASSIVE
        return SenderRequest(
            transport=kind,
            ssrc=to_int(self.ssrc),
            host=offer.host or self.flow.remote[0],
            port=0 if kind is MediaTransport.TCP_PASSIVE else offer.port,
            payload_type=self.payload.number,
            label=label,
        )

    def is_same_invite(self, request: SipRequest) -> bool:
        """Whether a request is this INVITE once more, by another way (RFC 3261 section 8.2.2.2)."""
        own = self.incoming.request
        return (own.call_id, own.from_.tag, own.cseq.number) == (
            request.call_id,
            request.from_.tag,
            request.cseq.number,
        )

    # ---------------------------------------------------------------- what happens to it

    def acknowledged(self, _ack: SipRequest) -> None:
        """Media starts with the ACK (gb28181.md 8.5)."""
        self.start()

    def start(self) -> None:
        if self.sender is not None and self.source is not None and not self.over.is_set():
            self.sender.start()
            self.source.begin()

    def abandoned(self, reason: str) -> None:
        if not self.awaits_ack:
            return
        # A CANCEL that is in time has been answered with 487.
        self.is_answered = True
        self.end(reason)

    def sender_closed(self, end: SenderEnd) -> None:
        if end is SenderEnd.SOURCE_ENDED:
            self.sender_gone.set()
        else:
            self.end(f"the sender ended: {end}")

    def end(self, reason: str) -> None:
        if not self.over.is_set():
            self.reason = reason
            self.over.set()


def late_offer(superior_id: str) -> SessionDescription:
    """What an INVITE without a description is taken for: a live picture, for a receiver that connects to us.

    Our 200 is the offer then, and it names the port that we listen at; the answer in the ACK can say no more
    (gb28181.md 6.2, GB-C101).
    """
    return SessionDescription(
        superior_id,
        "",
        0,
        protocol=Protocol.TCP,
        payloads=(PS,),
        direction=Direction.RECVONLY,
        setup=Setup.ACTIVE,
        connection="new",
    )


def check(offer: SessionDescription) -> None:
    """Whether an offer can be served at all.

    Raises:
        Unacceptable
    """
    if offer.kind not in RELAYED or offer.media != "video":
        raise Unacceptable(f"s={offer.kind} of {offer.media} is not relayed")
    payload_of(offer)
    if not (offer.is_tcp and offer.setup is Setup.ACTIVE):
        _check_receiver(offer)
    if offer.kind != SessionKind.PLAY:
        _check_times(offer)


def payload_of(offer: SessionDescription) -> Payload:
    """The program stream under the number that the offer gives it.

    Raises:
        Unacceptable: it does not take one.
    """
    found = next((each for each in offer.payloads if each.name == PS.name), None)
    if found is None:
        names = ", ".join(each.name for each in offer.payloads)
        raise Unacceptable(f"{names} offered, and program streams are sent")
    return found


def usable_ssrc(offer: SessionDescription) -> str | None:
    """The superior's ``y=``, where it means something and fits 32 bits."""
    asked = offer.ssrc
    if asked is None or not re.fullmatch(r"[0-9]{10}", asked, re.ASCII):
        return None
    return asked if 0 < int(asked) <= MAX_SSRC else None


def names_of(request: SipRequest, offer: SessionDescription) -> tuple[str, ...]:
    """Which channel: by the Request-URI, by To, by ``u=``, or by the sender in the Subject."""
    user = request.uri.removeprefix("sip:").partition("@")[0]
    owner = (offer.uri or "").partition(":")[0]
    sender = request.headers.get("Subject").partition(",")[0].partition(":")[0].strip()
    named = (request.to.uri.user or user, user, owner if "/" not in owner else "", sender)
    return tuple(dict.fromkeys(name for name in named if name)) or ("",)


def subject_key(request: SipRequest) -> str:
    """Sender and its sequence, without the receiver's half."""
    return request.headers.get("Subject").partition(",")[0].strip()


def _check_receiver(offer: SessionDescription) -> None:
    if not 0 < offer.port <= 65_535:
        raise Unacceptable(f"nobody can be sent to at port {offer.port}")
    if not offer.host:
        return  # then it is where its signalling comes from
    try:
        address = ipaddress.ip_address(offer.host)
    except ValueError:
        raise Unacceptable(f"{offer.host[:64]!r} is no address") from None
    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":
        raise Unacceptable(f"nobody can be sent to at {address}")


def _check_times(offer: SessionDescription) -> None:
    try:
        start, end = from_unix(offer.start), from_unix(offer.stop)
    except (ValueError, OverflowError, OSError) as error:
        raise Unacceptable(f"t={offer.start} {offer.stop} are no times: {error}") from None
    if not timedelta(0) < end - start <= LONGEST:
        raise Unacceptable(f"t={offer.start} {offer.stop} is not between nothing and {LONGEST.days} days")
