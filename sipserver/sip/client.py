"""Client transactions: our requests, and the peer's answers to them."""

from __future__ import annotations

from typing import ClassVar, Final

from sipserver.sip.errors import EndpointFull, LocalViolation, MalformedMessage
from sipserver.sip.events import ClientKey, FlowFailed, RequestTimedOut, ResponseReceived, StrayAnswer
from sipserver.sip.fields import MAGIC_COOKIE
from sipserver.sip.flow import Flow, OutgoingPacket, Transport
from sipserver.sip.headers import Headers
from sipserver.sip.message import METHODS, SipRequest, SipResponse
from sipserver.sip.outbox import Outbox
from sipserver.sip.settings import GIVE_UP_S, RINGING_LIMIT_S, T1, T2, T4
from sipserver.sip.transaction import (
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    Action,
    Input,
    State,
    Table,
    Transaction,
)
from sipserver.sip.via import make_via, top_branch

MAX_FORWARDS: Final = "70"
# A CANCEL shares the branch of its INVITE.
_CANCEL: Final = " CANCEL"
# Stands for the request of a transaction that is over: timers may hold it for a while longer.
_NOTHING: Final = SipRequest("OPTIONS", "sip:invalid")

# (Call-ID, CSeq number, method): how an answer without Via finds its request.
CallKey = tuple[str, int, str]
# ACKs by To tag; None while the user has not sent one.
Acks = dict[str, OutgoingPacket | None]


class ClientTransaction(Transaction):
    """A request of ours; by itself the machine of any method but INVITE."""

    __slots__ = ("call", "interval", "key", "sent")

    table: ClassVar[Table] = NON_INVITE_CLIENT
    initial: ClassVar[State] = State.TRYING
    repeat_timer: ClassVar[Input] = Input.TIMER_E
    limit_timer: ClassVar[Input] = Input.TIMER_F

    def __init__(self, key: ClientKey, request: SipRequest, flow: Flow) -> None:
        super().__init__(self.initial, flow)
        self.key = key
        self.call: CallKey = (request.call_id, request.cseq.number, request.method)
        # With our Via: ACK and CANCEL are built from it.
        self.sent = request
        self.packet = request.serialize()
        # Current distance of repetitions, seconds.
        self.interval = T1


class InviteClient(ClientTransaction):
    """An INVITE of ours."""

    __slots__ = ("acks", "is_cancelled")

    table: ClassVar[Table] = INVITE_CLIENT
    initial: ClassVar[State] = State.CALLING
    repeat_timer: ClassVar[Input] = Input.TIMER_A
    limit_timer: ClassVar[Input] = Input.TIMER_B

    def __init__(self, key: ClientKey, request: SipRequest, flow: Flow) -> None:
        super().__init__(key, request, flow)
        self.acks: Acks = {}
        self.is_cancelled = False


class ClientSide:
    """All client transactions of an endpoint."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._stats = outbox.stats
        self._timers = outbox.timers
        self._transactions: dict[ClientKey, ClientTransaction] = {}
        self._by_call: dict[CallKey, ClientTransaction] = {}
        self._by_flow: dict[Flow, dict[ClientKey, ClientTransaction]] = {}
        # INVITEs that are over, oldest first: their late 2xx must not go unanswered.
        self._ended: dict[CallKey, Acks] = {}

    def __len__(self) -> int:
        return len(self._transactions)

    def send(self, request: SipRequest, flow: Flow, sent_by: tuple[str, int], now: float) -> ClientKey:
        _check_sendable(request)
        if len(self._transactions) >= self._outbox.settings.max_client_transactions:
            raise EndpointFull(f"{len(self._transactions)} client transactions are under way")
        branch = MAGIC_COOKIE + self._outbox.token()
        outgoing = _with_via(request, make_via(flow.transport, sent_by, branch))
        kind = InviteClient if request.method == "INVITE" else ClientTransaction
        transaction = kind(ClientKey(branch), outgoing, flow)
        self._open(transaction, now)
        return transaction.key

    def send_ack(self, ack: SipRequest, flow: Flow, sent_by: tuple[str, int]) -> None:
        if ack.method != "ACK":
            raise LocalViolation(f"send_ack was given a {ack.method}")
        branch = MAGIC_COOKIE + self._outbox.token()
        packet = OutgoingPacket(_with_via(ack, make_via(flow.transport, sent_by, branch)).serialize(), flow)
        call = (ack.call_id, ack.cseq.number, "INVITE")
        transaction = self._by_call.get(call)
        acks = transaction.acks if isinstance(transaction, InviteClient) else self._ended.get(call)
        if acks is not None:
            acks[ack.to.tag or ""] = packet
        self._stats.requests_sent["ACK"] += 1
        self._outbox.packets.append(packet)

    def cancel(self, key: ClientKey, now: float) -> None:
        """Ask the peer to give up an INVITE: at once if it has answered provisionally, else when it does."""
        transaction = self._transactions.get(key)
        if not isinstance(transaction, InviteClient) or transaction.is_cancelled:
            return
        transaction.is_cancelled = True
        if transaction.state is State.PROCEEDING:
            self._send_cancel(transaction, now)

    def abandon(self, key: ClientKey) -> None:
        """Repeat a request no more and ignore its answer; INVITEs are cancelled instead."""
        transaction = self._transactions.get(key)
        if transaction is None or isinstance(transaction, InviteClient):
            return
        if transaction.state in (State.TRYING, State.PROCEEDING):
            transaction.step(Input.TRANSPORT_ERROR)
            self._forget(transaction)

    def receive(self, response: SipResponse, flow: Flow, now: float) -> None:
        response.read_addresses()
        method = response.cseq.method
        status = response.status
        self._stats.responses_received[method if method in METHODS else "OTHER", status] += 1
        transaction = self._match(response, flow)
        if transaction is None:
            self._receive_stray(response, flow)
            return
        happened = Input.PROVISIONAL if status < 200 else Input.SUCCESS if status < 300 else Input.FAILURE
        action = transaction.step(happened)
        if action is Action.PASS_UP:
            self._pass_up(transaction, response, flow, now)
        elif action is Action.PASS_UP_AND_ACK:
            self._acknowledge_failure(transaction, response)
            self._pass_up(transaction, response, flow, now)
        elif action is Action.REPEAT_ACK:
            self._stats.repetitions_received += 1
            self._resend(transaction)
        elif action is Action.ANOTHER_SUCCESS and isinstance(transaction, InviteClient):
            self._another_success(transaction.acks, response, flow)
        else:
            self._stats.repetitions_received += 1

    def handle_timer(self, transaction: ClientTransaction, timer: Input, now: float) -> None:
        if timer is Input.TIMER_C and transaction.state is State.PROCEEDING:
            # RFC 3261 section 16.8: the peer is told before we stop listening.
            self.cancel(transaction.key, now)
        action = transaction.step(timer)
        if action is Action.RESEND:
            self._repeat(transaction, timer, now)
        elif action is Action.FORGET:
            self._forget(transaction)
        elif action is Action.TIME_OUT:
            self._stats.client_timeouts += 1
            self._forget(transaction)
            if transaction.call[2] != "CANCEL":
                self._outbox.events.append(RequestTimedOut(transaction.key))

    def close_flow(self, flow: Flow) -> None:
        for transaction in list(self._by_flow.get(flow, {}).values()):
            action = transaction.step(Input.TRANSPORT_ERROR)
            self._forget(transaction)
            if action is Action.FAIL and transaction.call[2] != "CANCEL":
                self._outbox.events.append(FlowFailed(transaction.key))

    def _open(self, transaction: ClientTransaction, now: float) -> None:
        self._transactions[transaction.key] = transaction
        self._by_call[transaction.call] = transaction
        self._by_flow.setdefault(transaction.flow, {})[transaction.key] = transaction
        if transaction.flow.transport is Transport.UDP:
            self._timers.arm(T1, now, transaction, transaction.repeat_timer)
        self._timers.arm(GIVE_UP_S, now, transaction, transaction.limit_timer)
        method = transaction.call[2]
        self._stats.requests_sent[method if method in METHODS else "OTHER"] += 1
        self._outbox.packets.append(OutgoingPacket(transaction.packet, transaction.flow))

    def _match(self, response: SipResponse, flow: Flow) -> ClientTransaction | None:
        """RFC 3261 section 17.1.3, and by Call-ID and CSeq for devices that send no Via back."""
        cseq = response.cseq
        branch = top_branch(response)
        if branch is None:
            found = self._by_call.get((response.call_id, cseq.number, cseq.method))
            # Without a branch the source must speak for the answer.
            return found if found is not None and found.flow.remote[0] == flow.remote[0] else None
        suffix = _CANCEL if cseq.method == "CANCEL" else ""
        found = self._transactions.get(ClientKey(branch + suffix))
        return found if found is not None and found.call[2] == cseq.method else None

    def _pass_up(self, transaction: ClientTransaction, response: SipResponse, flow: Flow, now: float) -> None:
        self._after_response(transaction, response, now)
        if transaction.call[2] != "CANCEL":
            self._outbox.events.append(ResponseReceived(transaction.key, response, flow))

    def _after_response(self, transaction: ClientTransaction, response: SipResponse, now: float) -> None:
        """Arm what the new state needs."""
        is_udp = transaction.flow.transport is Transport.UDP
        if isinstance(transaction, InviteClient):
            self._after_invite(transaction, response, is_udp, now)
        elif transaction.state is State.PROCEEDING:
            transaction.interval = T2
        elif is_udp:
            transaction.packet = b""
            self._timers.arm(T4, now, transaction, Input.TIMER_K)
        else:
            transaction.step(Input.TIMER_K)
            self._forget(transaction)

    def _after_invite(self, invite: InviteClient, response: SipResponse, is_udp: bool, now: float) -> None:
        if invite.state is State.PROCEEDING:
            if invite.interval:  # the first provisional answer: no repetition from here on
                invite.interval = 0.0
                self._timers.arm(RINGING_LIMIT_S, now, invite, Input.TIMER_C)
                if invite.is_cancelled:
                    self._send_cancel(invite, now)
        elif invite.state is State.ACCEPTED:
            invite.packet = b""
            invite.acks[response.to.tag or ""] = None
            self._timers.arm(GIVE_UP_S, now, invite, Input.TIMER_M)
        elif is_udp:
            self._timers.arm(GIVE_UP_S, now, invite, Input.TIMER_D)
        else:
            invite.step(Input.TIMER_D)
            self._forget(invite)

    def _acknowledge_failure(self, transaction: ClientTransaction, response: SipResponse) -> None:
        """RFC 3261 section 17.1.1.3: same Request-URI, top Via, From, Call-ID, CSeq number and Route."""
        ack = _echo(transaction.sent, "ACK")
        ack.headers.fields["To"] = response.headers.get_all("To")
        transaction.packet = ack.serialize()
        self._stats.requests_sent["ACK"] += 1
        self._outbox.packets.append(OutgoingPacket(transaction.packet, transaction.flow))

    def _send_cancel(self, invite: InviteClient, now: float) -> None:
        """RFC 3261 section 9.1. The answer to it tells nothing that the INVITE's will not."""
        cancel = _echo(invite.sent, "CANCEL")
        self._open(ClientTransaction(ClientKey(invite.key + _CANCEL), cancel, invite.flow), now)
        # Section 9.1: an INVITE that does not end within 64*T1 after CANCEL is given up.
        self._timers.arm(GIVE_UP_S, now, invite, Input.TIMER_C)

    def _repeat(self, transaction: ClientTransaction, timer: Input, now: float) -> None:
        if timer is Input.TIMER_A:
            transaction.interval *= 2
        elif transaction.state is State.PROCEEDING:
            transaction.interval = T2
        else:
            transaction.interval = min(2 * transaction.interval, T2)
        self._resend(transaction)
        self._timers.arm(transaction.interval, now, transaction, timer)

    def _resend(self, transaction: ClientTransaction) -> None:
        self._stats.retransmissions_sent += 1
        self._outbox.packets.append(OutgoingPacket(transaction.packet, transaction.flow))

    def _receive_stray(self, response: SipResponse, flow: Flow) -> None:
        """Never act on what belongs to nothing of ours, except a late 2xx to an INVITE."""
        cseq = response.cseq
        acks = self._ended.get((response.call_id, cseq.number, cseq.method))
        if acks is not None and 200 <= response.status < 300:
            self._another_success(acks, response, flow)
        else:
            self._stats.stray_responses += 1

    def _another_success(self, acks: Acks, response: SipResponse, flow: Flow) -> None:
        """A 2xx seen before gets its ACK again; one from another branch is a call nobody wants."""
        tag = response.to.tag or ""
        if tag not in acks:
            acks[tag] = None
            self._outbox.events.append(StrayAnswer(response, flow))
            return
        self._stats.repetitions_received += 1
        ack = acks[tag]
        if ack is not None:
            self._stats.retransmissions_sent += 1
            self._outbox.packets.append(ack)

    def _forget(self, transaction: ClientTransaction) -> None:
        del self._transactions[transaction.key]
        if self._by_call.get(transaction.call) is transaction:
            del self._by_call[transaction.call]
        peers = self._by_flow[transaction.flow]
        del peers[transaction.key]
        if not peers:
            del self._by_flow[transaction.flow]
        transaction.packet = b""
        transaction.sent = _NOTHING
        if isinstance(transaction, InviteClient):
            self._ended[transaction.call] = transaction.acks
            if len(self._ended) > self._outbox.settings.max_ended_invites:
                del self._ended[next(iter(self._ended))]


def _check_sendable(request: SipRequest) -> None:
    if request.method in ("ACK", "CANCEL"):
        raise LocalViolation(f"{request.method} has its own call, send() is for other requests")
    if not (request.call_id and request.headers.get("From") and request.headers.get("To")):
        raise LocalViolation(f"{request!r} lacks From, To or Call-ID")
    try:
        method = request.cseq.method
    except MalformedMessage as error:
        raise LocalViolation(f"{request!r}: {error}") from error
    if method != request.method:
        raise LocalViolation(f"CSeq names {method}, the request {request.method}")


def _with_via(request: SipRequest, via: str) -> SipRequest:
    """A copy with our hop on top, and Max-Forwards when it is missing."""
    fields = {"Via": [via]}
    for name, values in request.headers.fields.items():
        fields[name] = [via, *values] if name == "Via" else values.copy()
    fields.setdefault("Max-Forwards", [MAX_FORWARDS])
    return _request(request.method, request.uri, fields, request.body)


def _echo(invite: SipRequest, method: str) -> SipRequest:
    """What ACK (17.1.1.3) and CANCEL (9.1) repeat of the INVITE."""
    source = invite.headers.fields
    fields = {
        "Via": source["Via"][:1],
        "From": source["From"].copy(),
        "To": source["To"].copy(),
        "Call-ID": source["Call-ID"].copy(),
        "CSeq": [f"{invite.cseq.number} {method}"],
        "Max-Forwards": [MAX_FORWARDS],
    }
    if "Route" in source:
        fields["Route"] = source["Route"].copy()
    return _request(method, invite.uri, fields, b"")


def _request(method: str, uri: str, fields: dict[str, list[str]], body: bytes) -> SipRequest:
    headers = Headers()
    headers.fields = fields
    return SipRequest(method, uri, headers, body)
