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
from sipserver.sip.errors import LocalViolation, MalformedMessage
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
from sipserver.transport.calls import InviteCall, dialog_of_answer
from sipserver.transport.connection import StreamConnection
from sipserver.transport.errors import ConnectFailed, FlowClosed, NoAnswer
from sipserver.transport.limits import ConnectionLimits, ConnectionSlot
from sipserver.transport.listener import StreamListener
from sipserver.transport.sampled_log import SampledLog
from sipserver.transport.settings import ListenAddress, SipTransportSettings
from sipserver.transport.sockets import OpenSocket, open_sockets
from sipserver.transport.stats import TransportStats
from sipserver.transport.tls import server_context
from sipserver.transport.tokens import TokenSource
from sipserver.transport.udp import UdpListener

TRANSACTION_TIMEOUT_S: Final = 32.0
SWEEP_INTERVAL_S: Final = 5.0

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
    """The platform's SIP sockets.

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
        self.stats = TransportStats()
        self.token: Final = token or TokenSource()
        self.clock: Final = clock
        self.request_handler: Callable[[IncomingRequest], None] = _ignore
        self.cancelled_handler: Callable[[ServerKey], None] = _ignore
        self.ack_handler: Callable[[ServerKey, SipRequest, Flow], None] = _ignore
        self.unacknowledged_handler: Callable[[ServerKey], None] = _ignore
        self.flow_closed_handler: Callable[[Flow], None] = _ignore
        self._settings = settings
        self._endpoint = Endpoint(self.token)
        self._advertised = AdvertisedAddresses(settings.advertised)
        self._limits = ConnectionLimits(settings)
        self._sampled_log = SampledLog(logger)
        self._udp: dict[tuple[str, int], UdpListener] = {}
        self._listeners: list[StreamListener] = []
        self._connections: dict[int, StreamConnection] = {}
        self._last_connection = 0
        self._waiting: dict[ClientKey, asyncio.Future[SipResponse]] = {}
        self._calls: dict[ClientKey, InviteCall] = {}
        self._is_draining = False
        self._is_open = False
        self._now = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        """Open every configured address.

        Raises:
            ListenFailed: one of them cannot be opened; none stays open then.
        """
        self._loop = asyncio.get_running_loop()
        tls = None
        if any(address.transport is Transport.TLS for address in self._settings.listens):
            tls = server_context(self._settings.tls_certificate, self._settings.tls_key)
        for opened in open_sockets(self._settings.listens, self._settings.udp_receive_buffer_bytes):
            self._listen(opened, tls)
        self._is_open = True
        self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep_and_rearm)
        logger.info("sip transport open on %s", ", ".join(map(str, self.addresses)))

    async def close(self) -> None:
        """Close sockets and connections; whoever waits for an answer gets FlowClosed."""
        if not self._is_open:
            return
        self._is_open = False
        for timer in (self._timer, self._sweep_timer):
            if timer is not None:
                timer.cancel()
        for future in self._waiting.values():
            _fail(future, FlowClosed("the transport is closing"))
        for call in self._calls.values():
            call.fail(FlowClosed("the transport is closing"))
        self._waiting.clear()
        self._calls.clear()
        for listener in self._listeners:
            await listener.close()
        for connection in list(self._connections.values()):
            connection.close("the platform is closing")
        for udp in self._udp.values():
            udp.close()
        logger.info("sip transport closed: %s", self.stats)

    @property
    def addresses(self) -> list[ListenAddress]:
        """What is listened on, with the real port numbers."""
        udp = [ListenAddress(Transport.UDP, *listener.local) for listener in self._udp.values()]
        return udp + [ListenAddress(listener.kind, *listener.local) for listener in self._listeners]

    @property
    def endpoint(self) -> Endpoint:
        """For its statistics; nobody else may feed it."""
        return self._endpoint

    @property
    def connection_count(self) -> int:
        return len(self._connections)

    # ---------------------------------------------------------------- flows

    def flow_to(self, remote: tuple[str, int], *, local: tuple[str, int] | None = None) -> Flow:
        """The UDP flow to a peer, from ``local`` when that is one of our sockets.

        Raises:
            FlowClosed: no UDP socket of the peer's address family is open.
        """
        if local is not None and local in self._udp:
            return self._udp[local].flow_to(remote)
        is_ipv6 = ":" in remote[0]
        for listener in self._udp.values():
            if listener.is_ipv6 == is_ipv6:
                return listener.flow_to(remote)
        raise FlowClosed(f"no udp socket is open that can reach {remote[0]}:{remote[1]}")

    async def connect(
        self, kind: Transport, remote: tuple[str, int], *, tls: ssl.SSLContext | None = None
    ) -> Flow:
        """Open a connection of our own, as a device or a subordinate platform does.

        Raises:
            ConnectFailed: refused, unreachable or not within ``connect_timeout_s``.
        """
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: self._make_connection(kind, None, None), *remote, ssl=tls
                )
        except (OSError, TimeoutError) as error:
            raise ConnectFailed(f"cannot connect to {remote[0]}:{remote[1]}: {error}") from error
        self.stats.connections_opened += 1
        return connection.flow

    def close_flow(self, flow: Flow, reason: str) -> None:
        """Close the connection of a flow; nothing happens on UDP."""
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.close(reason)

    def is_flow_open(self, flow: Flow) -> bool:
        if flow.transport is Transport.UDP:
            return flow.local in self._udp
        return flow.connection in self._connections

    def advertised(self, flow: Flow) -> tuple[str, int]:
        """Our host and port as the peer of this flow can reach them; never a wildcard."""
        return self._advertised.for_flow(flow)

    # ---------------------------------------------------------------- requests

    async def request(
        self, request: SipRequest, flow: Flow, *, timeout_s: float = TRANSACTION_TIMEOUT_S
    ) -> SipResponse:
        """Send any request but INVITE and ACK, and wait for its final response.

        Raises:
            NoAnswer: nothing final within ``timeout_s``; a later answer is dropped.
            FlowClosed: the connection is gone, or closed while waiting.
        """
        if request.method in ("INVITE", "ACK", "CANCEL"):
            raise LocalViolation(f"{request.method} does not go through request()")
        self._check_flow(flow)
        future: asyncio.Future[SipResponse] = self._loop.create_future()
        key = self._send(request, flow)
        self._waiting[key] = future
        self._flush()
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise NoAnswer(f"no answer to {request.method} within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(key, None)

    def invite(self, request: SipRequest, flow: Flow) -> InviteCall:
        """Send an INVITE.

        Raises:
            FlowClosed: the connection is gone.
        """
        self._check_flow(flow)
        key = self._send(request, flow)
        call = InviteCall(
            request,
            flow,
            cancel=partial(self._cancel, key),
            acknowledge=partial(self._acknowledge, flow=flow),
            end_unwanted=self._end_unwanted,
        )
        self._calls[key] = call
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
        if self._is_draining:
            self._endpoint.respond(incoming.key, response, self._now)
        else:
            self._endpoint.respond(incoming.key, response, self.clock())
            self._flush()
        return response

    # ---------------------------------------------------------------- what connections report

    def connection_opened(self, connection: StreamConnection) -> None:
        self._connections[connection.number] = connection
        logger.debug("connection %d opened: %s", connection.number, connection.flow)

    def packets_received(self, packets: list[ReceivedPacket]) -> None:
        self._now = now = self.clock()
        receive = self._endpoint.receive
        seen = self._endpoint.stats.malformed
        for packet in packets:
            receive(packet, now)
        if self._endpoint.stats.malformed != seen:
            self._log_malformed(self._endpoint.stats.malformed - seen, packets)
        self._drain(now)

    def connection_malformed(self, connection: StreamConnection, error: MalformedMessage) -> None:
        self._sampled_log.warning("closing the connection from %s:%d: %s", *connection.flow.remote, error)

    def connection_closed(self, connection: StreamConnection) -> None:
        if connection.slot is not None:
            connection.slot.release()
        if self._connections.pop(connection.number, None) is None:
            return
        self.stats.connections_closed += 1
        logger.debug("connection %d closed: %s", connection.number, connection.close_reason)
        if not self._is_open:
            return
        self._now = now = self.clock()
        self._endpoint.flow_closed(connection.flow, now)
        self._guarded(self.flow_closed_handler, connection.flow)
        self._drain(now)

    # ---------------------------------------------------------------- inside

    def _log_malformed(self, count: int, packets: list[ReceivedPacket]) -> None:
        self.stats.malformed += count
        sources = {f"{packet.flow.remote[0]}:{packet.flow.remote[1]}" for packet in packets}
        some = ", ".join(sorted(sources)[:3])
        self._sampled_log.warning("dropped %d malformed packets in a burst from %s", count, some)

    def _listen(self, opened: OpenSocket, tls: ssl.SSLContext | None) -> None:
        kind = opened.address.transport
        if kind is Transport.UDP:
            udp = UdpListener(self._loop, opened.sock, self._settings, self.stats, self.packets_received)
            self._udp[udp.local] = udp
            return
        self._listeners.append(
            StreamListener(
                self._loop,
                opened.sock,
                kind,
                self._settings,
                self.stats,
                self._limits,
                self._make_connection,
                tls if kind is Transport.TLS else None,
            )
        )

    def _make_connection(
        self, kind: Transport, listen_port: int | None, slot: ConnectionSlot | None
    ) -> StreamConnection:
        self._last_connection += 1
        return StreamConnection(
            self,
            self._settings,
            self.stats,
            self.clock,
            transport_kind=kind,
            number=self._last_connection,
            listen_port=listen_port,
            slot=slot,
        )

    def _check_flow(self, flow: Flow) -> None:
        if not self._is_open or not self.is_flow_open(flow):
            raise FlowClosed(f"no way to {flow.remote[0]}:{flow.remote[1]} over {flow.transport.value}")

    def _send(self, request: SipRequest, flow: Flow) -> ClientKey:
        return self._endpoint.send(request, flow, self.advertised(flow), self._time())

    def _acknowledge(self, ack: SipRequest, flow: Flow) -> None:
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
        self._send(dialog.make_request("BYE"), flow)
        self._flush()

    def _time(self) -> float:
        return self._now if self._is_draining else self.clock()

    def _flush(self) -> None:
        if not self._is_draining:
            self._now = self.clock()
            self._drain(self._now)

    def _drain(self, now: float) -> None:
        """Pass events up and packets down until the endpoint has neither."""
        endpoint = self._endpoint
        self._is_draining = True
        try:
            while True:
                events = endpoint.events()
                for event in events:
                    if type(event) is RequestReceived:
                        incoming = IncomingRequest(event.request, event.flow, event.key, now)
                        self._guarded(self.request_handler, incoming)
                    else:
                        self._dispatch(event)
                packets = endpoint.packets_to_send()
                for packet in packets:
                    flow = packet.flow
                    if flow.connection:
                        self._send_on_connection(packet.data, flow)
                    else:
                        self._udp[flow.local].send(packet.data, flow.remote)
                if not events and not packets:
                    break
        finally:
            self._is_draining = False
        self._arm()

    def _send_on_connection(self, data: bytes, flow: Flow) -> None:
        connection = self._connections.get(flow.connection)
        if connection is None:
            self.stats.packets_without_flow += 1
        else:
            connection.send(data)

    def _dispatch(self, event: object) -> None:
        match event:
            case ResponseReceived():
                self._answered(event)
            case RequestTimedOut():
                self._failed(event.key, NoAnswer("no answer within 32 s"))
            case FlowFailed():
                self._failed(event.key, FlowClosed("the connection closed before an answer came"))
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

    def _answered(self, event: ResponseReceived) -> None:
        is_final = event.response.status >= 200
        call = self._calls.get(event.key)
        if call is not None:
            if is_final:
                del self._calls[event.key]
            call.receive(event.response, event.flow)
        elif is_final:
            future = self._waiting.pop(event.key, None)
            if future is not None and not future.done():
                future.set_result(event.response)

    def _failed(self, key: ClientKey, error: Exception) -> None:
        call = self._calls.pop(key, None)
        if call is not None:
            call.fail(error)
        future = self._waiting.pop(key, None)
        if future is not None:
            _fail(future, error)

    def _guarded(self, handler: Callable[..., None], *arguments: object) -> None:
        """A handler that fails is a bug of ours: loud, but the other requests of the burst go on."""
        try:
            handler(*arguments)
        except Exception:
            self.stats.handler_failures += 1
            logger.exception("a SIP handler failed")

    def _arm(self) -> None:
        """One timer for all transactions; one that fires early only looks again."""
        due = self._endpoint.next_timer()
        if due is None or due >= self._timer_at or not self._is_open:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(0.0, due - self.clock()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._timer_at = float("inf")
        self._now = now = self.clock()
        self._endpoint.handle_timer(now)
        self._drain(now)

    def sweep(self) -> None:
        """Close connections that have outstayed their time; runs by itself every few seconds."""
        now = self.clock()
        for connection in list(self._connections.values()):
            reason = connection.overdue(now)
            if reason is not None:
                self.stats.connections_timed_out += 1
                connection.abort(reason)

    def _sweep_and_rearm(self) -> None:
        self.sweep()
        self._sweep_timer = self._loop.call_later(SWEEP_INTERVAL_S, self._sweep_and_rearm)


def _fail(future: asyncio.Future[SipResponse], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()
