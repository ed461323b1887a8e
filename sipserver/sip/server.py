"""Server transactions: requests of the peer, and our answers to them.

A request is recognised as a repetition by branch, sent-by and method (RFC 3261 section 17.2.3),
and also by Call-ID, CSeq number and source host: cameras with one firmware behind different NATs
count the same branches on the same private address, and some never change the branch at all.
"""

from __future__ import annotations

from itertools import count
from typing import ClassVar, Final, cast

from sipserver.sip.events import (
    AckReceived,
    AnswerUnacknowledged,
    InviteCancelled,
    RequestReceived,
    ServerKey,
)
from sipserver.sip.fields import MAGIC_COOKIE
from sipserver.sip.flow import Flow, OutgoingPacket, Transport
from sipserver.sip.message import METHODS, SipRequest, SipResponse, has_tag, make_response
from sipserver.sip.outbox import Outbox
from sipserver.sip.settings import ANSWER_KEPT_S, GIVE_UP_S, RINGING_LIMIT_S, T1, T2, T4, TRYING_DELAY_S
from sipserver.sip.timers import FORGET_SLACK_S
from sipserver.sip.transaction import (
    INVITE_SERVER,
    NON_INVITE_SERVER,
    Action,
    Input,
    State,
    Table,
    Transaction,
)
from sipserver.sip.via import stamp_source

# An answered transaction may make room for a new one when it is older than this: its client has
# repeated the request at least three times by then, so the answer has most likely arrived.
MIN_EVICTION_AGE_S: Final = T4
RETRY_AFTER_S: Final = 10
_UNANSWERED: Final = frozenset((State.TRYING, State.PROCEEDING))
_ANSWERED: Final = frozenset((State.COMPLETED,))
_DIALOG_METHODS: Final = frozenset(("INVITE", "SUBSCRIBE", "NOTIFY"))
# Looking up a member in its enum costs more than the comparison it is for.
_SUCCESS: Final = Input.SUCCESS
_FAILURE: Final = Input.FAILURE
_PROVISIONAL: Final = Input.PROVISIONAL
_SEND: Final = Action.SEND
_UDP: Final = Transport.UDP
# Makes a named tuple in half the time of its class, which matters where every request passes.
_new: Final = tuple.__new__


class ServerTransaction(Transaction):
    """A request of the peer; by itself the machine of any method but INVITE."""

    __slots__ = ("key", "to_tag")

    table: ClassVar[Table] = NON_INVITE_SERVER
    initial: ClassVar[State] = State.TRYING

    def __init__(self, key: ServerKey, flow: Flow) -> None:
        self.state = self.initial
        self.flow = flow
        self.packet = b""
        self.since = 0.0
        self.key = key
        self.to_tag = ""


class InviteServer(ServerTransaction):
    """An INVITE of the peer."""

    __slots__ = ("accepted_as", "interval", "request")

    table: ClassVar[Table] = INVITE_SERVER
    initial: ClassVar[State] = State.PROCEEDING

    def __init__(self, key: ServerKey, flow: Flow, request: SipRequest) -> None:
        super().__init__(key, flow)
        # Kept while an answer may have to be built without the user: before the final answer.
        self.request: SipRequest | None = request
        self.interval = T1
        # Under which (Call-ID, CSeq, To tag) the ACK for our 2xx will come.
        self.accepted_as: tuple[str, int, str] | None = None


class ServerSide:
    """All server transactions of an endpoint."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._stats = outbox.stats
        self._timers = outbox.timers
        self._limit = outbox.settings.max_server_transactions
        self._transactions: dict[ServerKey, ServerTransaction] = {}
        self._accepted: dict[tuple[str, int, str], InviteServer] = {}
        # Only for connections: a datagram flow does not end.
        self._by_flow: dict[Flow, dict[ServerKey, ServerTransaction]] = {}
        self._unanswered = outbox.timers.waiting_lane(GIVE_UP_S, Input.TIMER_F, _UNANSWERED)
        self._answered = outbox.timers.waiting_lane(ANSWER_KEPT_S, Input.TIMER_J, _ANSWERED, FORGET_SLACK_S)
        self._plain_tag = outbox.token()
        self._plain_tags = count()

    def __len__(self) -> int:
        return len(self._transactions)

    def receive(self, request: SipRequest, flow: Flow, now: float) -> None:
        branch, sent_by = stamp_source(request, flow)
        method = request.method
        origin = flow.remote[0]
        if branch[:7] != MAGIC_COOKIE:
            # RFC 3261 section 17.2.3, the rules for RFC 2543 clients.
            origin = f"{origin} {request.from_.tag}"
        kind = "INVITE" if method == "ACK" else method
        key = (branch, sent_by, request.headers.fields["Call-ID"][0], request.cseq.number, kind, origin)
        self._stats.requests_received[method if method in METHODS else "OTHER"] += 1
        known = self._transactions.get(key)
        if method == "ACK":
            self._receive_ack(known, request, flow, now)
        elif known is not None:
            self._receive_again(known, flow)
        elif len(self._transactions) >= self._limit and not self._evict(now):
            self._refuse_full(request, flow)
        elif method == "CANCEL":
            self._receive_cancel(self._open(key, request, flow, now), request, now)
        else:
            request.read_addresses()
            self._open(key, request, flow, now)
            self._outbox.events.append(_new(RequestReceived, (key, request, flow)))

    def respond(self, key: ServerKey, response: SipResponse, now: float) -> None:
        """Send an answer, or drop it when its transaction is over or has its final answer."""
        transaction = self._transactions.get(key)
        status = response.status
        happened = _SUCCESS if 200 <= status < 300 else _FAILURE if status >= 300 else _PROVISIONAL
        if transaction is None or transaction.step(happened) is not _SEND:
            self._stats.late_answers += 1
            return
        if status > 100:
            self._tag(transaction, response)
        transaction.packet = packet = response.serialize()
        self._outbox.packets.append(_new(OutgoingPacket, (packet, transaction.flow)))
        method = key[4]
        self._stats.responses_sent[method if method in METHODS else "OTHER", status] += 1
        if status < 200:
            return
        if isinstance(transaction, InviteServer):
            self._finish_invite(transaction, response, now)
        else:
            self._finish(transaction, now)

    def dismiss(self, key: ServerKey, response: SipResponse) -> None:
        """Answer once and forget the request, as a stateless server does (RFC 3261 section 8.2.7).

        For peers that nobody vouches for: an INVITE's refusal is not repeated until an ACK that a forged
        source never sends, and each repetition is judged anew instead of being answered from memory.
        """
        transaction = self._transactions.get(key)
        if transaction is None or transaction.state not in _UNANSWERED:
            self._stats.late_answers += 1
            return
        self._tag(transaction, response)
        self._outbox.packets.append(_new(OutgoingPacket, (response.serialize(), transaction.flow)))
        method = key[4]
        self._stats.responses_sent[method if method in METHODS else "OTHER", response.status] += 1
        transaction.state = State.TERMINATED
        self._forget(transaction)

    def handle_timer(self, transaction: ServerTransaction, timer: Input, now: float) -> None:
        action = transaction.step(timer)
        if action is Action.FORGET:
            self._forget(transaction)
        elif action is Action.GIVE_UP:
            self._stats.unanswered += 1
            self._finish(transaction, now)
        else:
            self._handle_invite_timer(cast(InviteServer, transaction), action, now)

    def close_flow(self, flow: Flow) -> None:
        """End what waits on a closed connection: no answer and no ACK can pass it any more."""
        for transaction in list(self._by_flow.get(flow, {}).values()):
            action = transaction.step(Input.TRANSPORT_ERROR)
            self._forget(transaction)
            if action is Action.FAIL:
                self._outbox.events.append(InviteCancelled(transaction.key))
            elif action is Action.UNACKNOWLEDGED:
                self._outbox.events.append(AnswerUnacknowledged(transaction.key))

    def refuse_malformed(self, request: SipRequest, flow: Flow, status: int) -> None:
        """Tell the peer that its request cannot be used, without keeping anything about it."""
        stamp_source(request, flow)
        self._refuse(request, flow, status)

    def _receive_again(self, known: ServerTransaction, flow: Flow) -> None:
        self._stats.repetitions_received += 1
        if known.flow.transport is flow.transport is Transport.UDP:
            known.flow = flow  # a NAT may have moved the peer since
        if known.step(Input.REQUEST) is Action.RESEND and known.packet:
            self._stats.retransmissions_sent += 1
            self._outbox.packets.append(OutgoingPacket(known.packet, flow))

    def _handle_invite_timer(self, invite: InviteServer, action: Action, now: float) -> None:
        request = invite.request
        if action is Action.RESEND:
            self._stats.retransmissions_sent += 1
            self._outbox.packets.append(OutgoingPacket(invite.packet, invite.flow))
            invite.interval = min(2 * invite.interval, T2)
            self._timers.arm(invite.interval, now, invite, Input.TIMER_G)
        elif action is Action.LINGER:
            self._linger(invite, now)
        elif action is Action.UNACKNOWLEDGED:
            self._linger(invite, now)
            self._outbox.events.append(AnswerUnacknowledged(invite.key))
        elif action is Action.SEND_TRYING and request is not None and not invite.packet:
            self.respond(invite.key, make_response(request, 100), now)
        elif action is Action.REFUSE and request is not None:
            self._stats.unanswered += 1
            self.respond(invite.key, make_response(request, 408), now)
            self._outbox.events.append(InviteCancelled(invite.key))

    def _open(self, key: ServerKey, request: SipRequest, flow: Flow, now: float) -> ServerTransaction:
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServer(key, flow, request)
            self._timers.arm(TRYING_DELAY_S, now, transaction, Input.TIMER_TRYING)
            self._timers.arm(RINGING_LIMIT_S, now, transaction, Input.TIMER_C)
        else:
            transaction = ServerTransaction(key, flow)
            self._unanswered.wait(now, transaction)
        self._transactions[key] = transaction
        if flow.transport is not _UDP:
            self._by_flow.setdefault(flow, {})[key] = transaction
        return transaction

    def _receive_ack(
        self, known: ServerTransaction | None, request: SipRequest, flow: Flow, now: float
    ) -> None:
        if known is None:
            known = self._accepted.get((request.call_id, request.cseq.number, request.to.tag or ""))
        if known is None:
            self._stats.stray_acks += 1
            return
        action = known.step(Input.ACK)
        if action is Action.PASS_UP_ACK:
            self._outbox.events.append(AckReceived(known.key, request, flow))
        elif action is Action.ACKNOWLEDGED:
            self._linger(known, now)
        else:
            self._stats.repetitions_received += 1

    def _receive_cancel(self, cancel: ServerTransaction, request: SipRequest, now: float) -> None:
        """RFC 3261 section 9.2: 200 for the CANCEL and, if it is in time, 487 for the INVITE."""
        branch, sent_by, call_id, number, _, origin = cancel.key
        invite = self._transactions.get((branch, sent_by, call_id, number, "INVITE", origin))
        if not isinstance(invite, InviteServer):
            self.respond(cancel.key, make_response(request, 481), now)
            return
        cancel.to_tag = invite.to_tag = invite.to_tag or self._outbox.token()
        self.respond(cancel.key, make_response(request, 200), now)
        if invite.request is not None:
            self.respond(invite.key, make_response(invite.request, 487), now)
            self._outbox.events.append(InviteCancelled(invite.key))

    def _tag(self, transaction: ServerTransaction, response: SipResponse) -> None:
        """Give the answer a To tag, the same for all answers to one request (section 8.2.6.2)."""
        values = response.headers.fields["To"]
        to = values[0]
        if to[-1:] != ">" and has_tag(to):
            transaction.to_tag = response.to.tag or ""
            return
        if not transaction.to_tag:
            # Only tags that name a dialog have to be unguessable (section 19.3).
            makes_dialog = transaction.key[4] in _DIALOG_METHODS
            transaction.to_tag = (
                self._outbox.token() if makes_dialog else f"{self._plain_tag}{next(self._plain_tags)}"
            )
        values[0] = f"{to};tag={transaction.to_tag}"

    def _finish(self, transaction: ServerTransaction, now: float) -> None:
        """Keep the answer for repetitions: 64*T1 for datagrams, not at all for connections."""
        if transaction.flow.transport is _UDP:
            self._answered.wait(now, transaction)
        else:
            transaction.step(Input.TIMER_J)
            self._forget(transaction)

    def _linger(self, invite: ServerTransaction, now: float) -> None:
        """Absorb what is still under way, if anything can be."""
        if invite.flow.transport is Transport.UDP:
            self._timers.arm(T4, now, invite, Input.TIMER_I)
        else:
            invite.step(Input.TIMER_I)
            self._forget(invite)

    def _finish_invite(self, invite: InviteServer, response: SipResponse, now: float) -> None:
        invite.request = None
        if invite.state is State.ACCEPTED:
            invite.accepted_as = (response.call_id, response.cseq.number, invite.to_tag)
            self._accepted[invite.accepted_as] = invite
            # A 2xx is repeated over TCP too: RFC 3261 section 13.3.1.4.
            self._timers.arm(T1, now, invite, Input.TIMER_G)
            self._timers.arm(GIVE_UP_S, now, invite, Input.TIMER_L)
            return
        if invite.flow.transport is Transport.UDP:
            self._timers.arm(T1, now, invite, Input.TIMER_G)
        self._timers.arm(GIVE_UP_S, now, invite, Input.TIMER_H)

    def _forget(self, transaction: ServerTransaction) -> None:
        del self._transactions[transaction.key]
        transaction.packet = b""
        if isinstance(transaction, InviteServer) and transaction.accepted_as is not None:
            self._accepted.pop(transaction.accepted_as, None)
        if transaction.flow.transport is not Transport.UDP:
            peers = self._by_flow[transaction.flow]
            del peers[transaction.key]
            if not peers:
                del self._by_flow[transaction.flow]

    def _evict(self, now: float) -> bool:
        """Make room at the cost of the oldest answered transaction, when that is old enough."""
        waiting = self._answered.waiting
        if not waiting or now < waiting[0].since + MIN_EVICTION_AGE_S:
            return False
        self._stats.evicted += 1
        self.handle_timer(cast(ServerTransaction, waiting.popleft()), Input.TIMER_J, now)
        return True

    def _refuse_full(self, request: SipRequest, flow: Flow) -> None:
        self._stats.refused_full += 1
        if request.method != "CANCEL":
            self._refuse(request, flow, 503, (("Retry-After", str(RETRY_AFTER_S)),))

    def _refuse(
        self, request: SipRequest, flow: Flow, status: int, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer without a transaction: a repetition is answered anew."""
        response = make_response(request, status, to_tag=self._outbox.token(), headers=headers)
        self._outbox.packets.append(OutgoingPacket(response.serialize(), flow))
        method = request.method
        self._stats.responses_sent[method if method in METHODS else "OTHER", status] += 1
