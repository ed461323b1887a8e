"""Joins the sans-IO endpoint to sockets, one timer and the tasks that wait for answers."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from sipserver.sip.endpoint import Endpoint
from sipserver.sip.errors import EndpointFull, LocalViolation
from sipserver.sip.events import (
    AckReceived,
    AnswerUnacknowledged,
    ClientKey,
    FlowFailed,
    InviteCancelled,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    ServerKey,
    StrayAnswer,
)
from sipserver.sip.flow import Flow, ReceivedPacket, Transport
from sipserver.sip.message import SipRequest, SipResponse, make_response
from sipserver.transport.addresses import AdvertisedAddresses
from sipserver.transport.answers import AnswerDesk
from sipserver.transport.calls import InviteCall, dialog_of_answer
from sipserver.transport.errors import FlowClosed, NoAnswer, TransportFull
from sipserver.transport.network import Network
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.stats import TransportStats
from sipserver.transport.tls import TlsTrust
from sipserver.transport.tokens import TokenSource
from sipserver.transport.trace import SipTrace

TRANSACTION_TIMEOUT_S: Final = 32.0

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class IncomingRequest:
    """A request as its handler gets it; ``received_at`` is on the monotonic clock."""

    request: SipRequest
    flow: Flow
    key: ServerKey
    received_at: float


def _ignore(*_: object) -> None:
    """The handler of events that nobody asked for."""


class SipTransport:
    """SIP for one process: an endpoint, its sockets, and who waits for what.

    Handlers are plain functions called on the event loop; they must not block, and they answer with
    ``respond`` at once or later. Everything here runs on one loop and has no lock.
    """

    def __init__(
        self,
        settings: SipTransportSettings,
        *,
        clock: Callable[[], float] = monotonic,
        token: Callable[[], str] | None = None,
    ) -> None:
        self.stats: Final = TransportStats()
        self.token: Final = token or TokenSource()
        self.clock: Final = clock
        self.request_handler: Callable[[IncomingRequest], None] = _ignore
        self.cancelled_handler: Callable[[ServerKey], None] = _ignore
        self.ack_handler: Callable[[ServerKey, SipRequest, Flow], None] = _ignore
        self.unacknowledged_handler: Callable[[ServerKey], None] = _ignore
        self.flow_closed_handler: Callable[[Flow], None] = _ignore
        self.trace: SipTrace | None = None
        """Sees every packet when it is set."""
        self._endpoint: Final = Endpoint(self.token)
        self._network: Final = Network(self, settings, self.stats, clock)
        self._answers: Final = AnswerDesk()
        self._advertised = AdvertisedAddresses(settings.advertised)
        self._sampled_log = SampledLog(logger)
        self._is_draining = False
        self._now = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        """Open every configured address.

        Raises:
            ListenFailed: one of them cannot be opened; none stays open then.
        """
        self._network.open()
        logger.info("sip transport open on %s", ", ".join(map(str, self.addresses)))

    async def close(self) -> None:
        """Close sockets and connections; whoever waits for an answer gets FlowClosed."""
        if not self._network.is_open:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._answers.fail_all(FlowClosed("the transport is closing"))
        await self._network.close()
        logger.info("sip transport closed: %s", self.stats)

    @property
    def addresses(self) -> list[ListenAddress]:
        """What is listened on, with the real port numbers."""
        return self._network.addresses

    @property
    def endpoint(self) -> Endpoint:
        """For its statistics; nobody else may feed it."""
        return self._endpoint

    @property
    def connection_count(self) -> int:
        return self._network.connection_count

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return len(self._answers)

    # ---------------------------------------------------------------- flows

    def flow_to(self, remote: tuple[str, int], *, local: tuple[str, int] | None = None) -> Flow:
        """The UDP flow to a peer, from ``local`` when that is one of our sockets.

        Raises:
            FlowClosed: no UDP socket of the peer's address family is open.
        """
        return self._network.flow_to(remote, local)

    async def connect(
        self,
        kind: Transport,
        remote: tuple[str, int],
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
    ) -> Flow:
        """Open a connection of our own, as a device or a subordinate platform does.

        Args:
            server_name: what a certificate has to be for, where ``tls`` looks at it; empty: the host.

        Raises:
            ConnectFailed: refused, unreachable, not within ``connect_timeout_s``, or not whom we look for.
        """
        return await self._network.connect(kind, remote, tls, server_name)

    def tls_towards(self, trust: TlsTrust) -> ssl.SSLContext:
        """The context for ``connect`` over TLS.

        Raises:
            ConnectFailed: a file does not hold what it should.
        """
        return self._network.tls_towards(trust)

    def close_flow(self, flow: Flow, reason: str) -> None:
        """Close the connection of a flow; nothing happens on UDP."""
        self._network.close_flow(flow, reason)

    def is_flow_open(self, flow: Flow) -> bool:
        return self._network.is_flow_open(flow)

    def queue_fraction(self) -> float:
        """How full the fullest of the kernel's queues of unread datagrams is, 0 to 1."""
        return self._network.queue_fraction() if self._network.is_open else 0.0

    def advertised(self, flow: Flow) -> tuple[str, int]:
        """Our host and port as the peer of this flow can reach them; never a wildcard."""
        return self._advertised.for_flow(flow)

    def advertise(self, peer: str, address: str) -> None:
        """Print ``address`` to the peer at this host: ``host`` or ``host:port``; empty: as configured.

        Raises:
            ValueError: the address is a wildcard.
        """
        self._advertised.set_for(peer, address)

    def sweep(self) -> None:
        """Close connections that have outstayed their time; runs by itself every few seconds."""
        self._network.sweep()

    # ---------------------------------------------------------------- requests

    async def request(
        self,
        request: SipRequest,
        flow: Flow,
        *,
        timeout_s: float = TRANSACTION_TIMEOUT_S,
        abandon: bool = False,
    ) -> SipResponse:
        """Send any request but INVITE and ACK, and wait for its final response.

        Args:
            abandon: repeat it no more once nobody waits (time-out, cancelled task). Without, it is repeated
                for its full 32 s, so that it arrives if it can: wrong for what a newer request replaces.

        Raises:
            NoAnswer: nothing final within ``timeout_s``; a later answer is dropped.
            FlowClosed: the connection is gone, or closed while waiting.
            TransportFull: too many requests are under way.
        """
        if request.method in ("INVITE", "ACK", "CANCEL"):
            raise LocalViolation(f"{request.method} does not go through request()")
        key = self._send(request, flow)
        future = self._answers.expect(key)
        self._flush()
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise NoAnswer(f"no answer to {request.method} within {timeout_s:g} s") from None
        finally:
            self._answers.forget(key)
            if abandon:
                self._endpoint.abandon(key)

    def invite(self, request: SipRequest, flow: Flow) -> InviteCall:
        """Send an INVITE.

        Raises:
            FlowClosed: the connection is gone.
            TransportFull: too many requests are under way.
        """
        key = self._send(request, flow)
        call = InviteCall(
            request,
            flow,
            cancel=partial(self._cancel, key),
            acknowledge=partial(self._acknowledge, flow=flow),
            end_unwanted=self._end_unwanted,
        )
        self._answers.add_call(key, call)
        self._flush()
        return call

    def respond(
        self,
        incoming: IncomingRequest,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> SipResponse:
        """Answer a request; the answer goes where the request came from."""
        response = make_response(
            incoming.request,
            status,
            reason,
            to_tag=to_tag,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        self._endpoint.respond(incoming.key, response, self._time())
        self._flush()
        return response

    def dismiss(
        self, incoming: IncomingRequest, status: int, *, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Answer a peer that nobody vouches for: once, and forget its request."""
        self._endpoint.dismiss(incoming.key, make_response(incoming.request, status, headers=headers))
        self._flush()

    # ---------------------------------------------------------------- what the sockets report

    def packets_received(self, packets: list[ReceivedPacket]) -> None:
        """Take in a burst: everything first, then events, then packets out."""
        endpoint = self._endpoint
        now = self.clock()
        receive = endpoint.receive
        malformed = endpoint.stats.malformed
        trace = self.trace
        if trace is not None:
            trace.received(packets)
        for packet in packets:
            receive(packet, now)
        if endpoint.stats.malformed != malformed:
            self._log_malformed(endpoint.stats.malformed - malformed, packets)
        self._drain(now)
        if trace is not None:
            trace.handled()

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone."""
        now = self.clock()
        self._endpoint.flow_closed(flow, now)
        self._guarded(self.flow_closed_handler, flow)
        self._drain(now)

    # ---------------------------------------------------------------- inside

    def _send(self, request: SipRequest, flow: Flow) -> ClientKey:
        if not self._network.is_open or not self._network.is_flow_open(flow):
            raise FlowClosed(f"no way to {flow.remote[0]}:{flow.remote[1]} over {flow.transport.value}")
        try:
            return self._endpoint.send(request, flow, self.advertised(flow), self._time())
        except EndpointFull as error:
            raise TransportFull(str(error)) from error

    def _acknowledge(self, ack: SipRequest, flow: Flow) -> None:
        if self._network.is_flow_open(flow):
            self._endpoint.send_ack(ack, flow, self.advertised(flow), self._time())
            self._flush()

    def _cancel(self, key: ClientKey) -> None:
        self._endpoint.cancel(key, self._time())
        self._flush()

    def _end_unwanted(self, response: SipResponse, flow: Flow) -> None:
        """A 2xx that nobody wants any more: ACK, then BYE, with the endpoint's own repetition."""
        self.stats.stray_answers += 1
        dialog = dialog_of_answer(response)
        self._acknowledge(dialog.make_ack(), flow)
        try:
            self._send(dialog.make_request("BYE"), flow)
        except (FlowClosed, TransportFull) as error:
            logger.debug("an unwanted answer could not be ended: %s", error)
        self._flush()

    def _time(self) -> float:
        return self._now if self._is_draining else self.clock()

    def _flush(self) -> None:
        if not self._is_draining:
            self._drain(self.clock())

    def _drain(self, now: float) -> None:
        """Pass events up and packets down until the endpoint has neither."""
        endpoint, send = self._endpoint, self._network.send
        self._now = now
        self._is_draining = True
        try:
            while True:
                events = endpoint.events()
                for event in events:
                    if type(event) is RequestReceived:
                        key, request, flow = event
                        incoming = IncomingRequest(request, flow, key, now)
                        try:
                            self.request_handler(incoming)
                        except Exception:
                            self._handler_failed()
                            self.respond(incoming, 500)
                    else:
                        self._dispatch(event)
                packets = endpoint.packets_to_send()
                if packets and self.trace is not None:
                    self.trace.sent(packets)
                for packet in packets:
                    send(packet)
                if not events and not packets:
                    break
        finally:
            self._is_draining = False
        self._arm()

    def _dispatch(self, event: object) -> None:
        match event:
            case ResponseReceived():
                self._answers.answered(event)
            case RequestTimedOut():
                self._answers.failed(event.key, NoAnswer("no answer within 32 s"))
            case FlowFailed():
                self._answers.failed(event.key, FlowClosed("the connection closed before an answer came"))
            case StrayAnswer():
                self._end_unwanted(event.response, event.flow)
            case AckReceived():
                self._guarded(self.ack_handler, event.key, event.request, event.flow)
            case InviteCancelled():
                self._guarded(self.cancelled_handler, event.key)
            case AnswerUnacknowledged():
                self._guarded(self.unacknowledged_handler, event.key)
            case _:
                raise LocalViolation(f"the endpoint reported {event!r}, which the driver does not know")

    def _guarded(self, handler: Callable[..., None], *arguments: object) -> None:
        """A handler that fails is a bug of ours: loud, but the other requests of the burst go on."""
        try:
            handler(*arguments)
        except Exception:
            self._handler_failed()

    def _handler_failed(self) -> None:
        self.stats.handler_failures += 1
        logger.exception("a SIP handler failed")

    def _log_malformed(self, count: int, packets: list[ReceivedPacket]) -> None:
        self.stats.malformed += count
        sources = {f"{packet.flow.remote[0]}:{packet.flow.remote[1]}" for packet in packets}
        some = ", ".join(sorted(sources)[:3])
        self._sampled_log.warning("dropped %d malformed packets in a burst from %s", count, some)

    def _arm(self) -> None:
        """One timer for all transactions; one that fires early only looks again."""
        due = self._endpoint.next_timer()
        if due is None or due >= self._timer_at or not self._network.is_open:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, due - self.clock()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        now = self.clock()
        self._endpoint.handle_timer(now)
        self._drain(now)
