"""Dialogs: what two sides share from INVITE to BYE, or from SUBSCRIBE to its end.

Source: RFC 3261 section 12, RFC 6665 section 4.4; gb28181 5.1 and 6.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sipserver.sip.errors import LocalViolation, MalformedMessage, RemoteViolation
from sipserver.sip.fields import NameAddr, split_list
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse

# Requests and answers to them that move the remote target (RFC 3261 section 12.2, RFC 6665).
TARGET_REFRESH = frozenset(("INVITE", "SUBSCRIBE", "NOTIFY"))
# RFC 3261 section 12.2.1.2: the peer has no such dialog, or is gone.
ENDING_STATUSES = frozenset((408, 481))


class DialogId(NamedTuple):
    """A tag that the peer never sent is an empty text."""

    call_id: str
    local_tag: str
    remote_tag: str


@dataclass(slots=True)
class Dialog:
    """One dialog, seen from one side.

    ``local`` and ``remote`` are header values as they stood in From and To, tags included: peers
    compare them literally.
    """

    call_id: str
    local: str
    remote: str
    # Request-URI of what we send; where it goes is the flow's business (gb28181 2.3).
    remote_target: str
    route_set: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int | None = None
    # CSeq number of the INVITE of ours that the next ACK acknowledges; None without one.
    invite_cseq: int | None = None
    is_ended: bool = False

    @classmethod
    def from_answer(cls, request: SipRequest, response: SipResponse) -> Dialog:
        """Our side after sending ``request`` and receiving a 101 to 299 answer."""
        if not 100 < response.status < 300:
            raise LocalViolation(f"status {response.status} makes no dialog")
        routes = _list_header(response.headers, "Record-Route")
        return cls(
            call_id=request.call_id,
            local=request.headers.get("From"),
            remote=response.headers.get("To"),
            remote_target=_contact_uri(response) or request.uri,
            route_set=tuple(reversed(routes)),
            local_cseq=request.cseq.number,
            invite_cseq=request.cseq.number if request.method == "INVITE" else None,
        )

    @classmethod
    def from_request(cls, request: SipRequest, response: SipResponse) -> Dialog:
        """Our side after receiving ``request`` and sending a 101 to 299 answer with a To tag."""
        if not 100 < response.status < 300 or response.to.tag is None:
            raise LocalViolation(f"{response.status} with To {response.headers.get('To')!r} makes no dialog")
        return cls(
            call_id=request.call_id,
            local=response.headers.get("To"),
            remote=request.headers.get("From"),
            remote_target=_contact_uri(request) or request.from_.uri.serialize(),
            route_set=_list_header(request.headers, "Record-Route"),
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def from_notify(cls, subscribe: SipRequest, notify: SipRequest) -> Dialog:
        """Our side of a subscription whose first NOTIFY overtook the 200 (RFC 6665 section 4.4.1)."""
        return cls(
            call_id=subscribe.call_id,
            local=subscribe.headers.get("From"),
            remote=notify.headers.get("From"),
            remote_target=_contact_uri(notify) or subscribe.uri,
            route_set=_list_header(notify.headers, "Record-Route"),
            local_cseq=subscribe.cseq.number,
            remote_cseq=notify.cseq.number,
        )

    @property
    def id(self) -> DialogId:
        local, remote = NameAddr.parse(self.local).tag, NameAddr.parse(self.remote).tag
        return DialogId(self.call_id, local or "", remote or "")

    def make_request(
        self,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> SipRequest:
        """The next request of our side. The endpoint adds Via."""
        if method in ("ACK", "CANCEL"):
            raise LocalViolation(f"{method} does not advance CSeq, it has its own call")
        self.local_cseq += 1
        if method == "INVITE":
            self.invite_cseq = self.local_cseq
        elif method == "BYE":
            self.is_ended = True
        return self._build(method, self.local_cseq, headers, body, content_type)

    def make_ack(
        self,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> SipRequest:
        """The ACK for the 2xx to our last INVITE: its CSeq number again (section 13.2.2.4)."""
        if self.invite_cseq is None:
            raise LocalViolation("this dialog has no INVITE of ours to acknowledge")
        return self._build("ACK", self.invite_cseq, headers, body, content_type)

    def receive(self, request: SipRequest) -> None:
        """Take in a request of the peer inside this dialog.

        Raises:
            RemoteViolation: 500 for a CSeq that goes back, 481 when the tags are of another dialog.
        """
        if not self.matches(request):
            raise RemoteViolation(481, f"request is not of dialog {self.call_id}")
        number = request.cseq.number
        if request.method != "ACK":
            if self.remote_cseq is not None and number < self.remote_cseq:
                raise RemoteViolation(500, f"CSeq {number} after {self.remote_cseq}")
            self.remote_cseq = number
        if request.method in TARGET_REFRESH:
            self.remote_target = _contact_uri(request) or self.remote_target
        if request.method == "BYE" or _ends_subscription(request):
            self.is_ended = True

    def receive_response(self, request: SipRequest, response: SipResponse) -> None:
        """Take in the answer to a request of ours inside this dialog."""
        if response.status in ENDING_STATUSES:
            self.is_ended = True
        elif 200 <= response.status < 300 and request.method in TARGET_REFRESH:
            self.remote_target = _contact_uri(response) or self.remote_target

    def matches(self, request: SipRequest) -> bool:
        """Whether a request of the peer belongs here. A tag that one side never sent is not compared."""
        theirs, ours = dialog_id(request), self.id
        return (
            theirs.call_id == ours.call_id
            and theirs.local_tag in (ours.local_tag, "")
            and (theirs.remote_tag == ours.remote_tag or not theirs.remote_tag or not ours.remote_tag)
        )

    def _build(
        self,
        method: str,
        number: int,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> SipRequest:
        uri, routes = self._route()
        request = SipRequest(method, uri, (), body)
        for route in routes:
            request.headers.add("Route", route)
        request.headers.set("From", self.local)
        request.headers.set("To", self.remote)
        request.headers.set("Call-ID", self.call_id)
        request.headers.set("CSeq", f"{number} {method}")
        request.headers.set("Max-Forwards", "70")
        for name, value in headers:
            request.headers.add(name, value)
        if content_type is not None:
            request.headers.set("Content-Type", content_type)
        return request

    def _route(self) -> tuple[str, tuple[str, ...]]:
        """RFC 3261 section 12.2.1.1: loose routers keep the target in the Request-URI."""
        if not self.route_set:
            return self.remote_target, ()
        first = NameAddr.parse(self.route_set[0]).uri
        if "lr" in first.params:
            return self.remote_target, self.route_set
        return first.serialize(), (*self.route_set[1:], f"<{self.remote_target}>")


def dialog_id(request: SipRequest) -> DialogId:
    """The dialog that a request of the peer names: its To tag is ours."""
    return DialogId(request.call_id, request.to.tag or "", request.from_.tag or "")


def _contact_uri(message: SipRequest | SipResponse) -> str:
    try:
        contact = message.contact
    except MalformedMessage:
        return ""
    return contact.uri.serialize() if contact is not None and contact.uri.host != "*" else ""


def _list_header(headers: Headers, name: str) -> tuple[str, ...]:
    values = (value.strip(" \t") for line in headers.get_all(name) for value in split_list(line))
    return tuple(value for value in values if value)


def _ends_subscription(request: SipRequest) -> bool:
    if request.method != "NOTIFY":
        return False
    state = request.headers.get("Subscription-State").partition(";")[0]
    return state.strip(" \t").lower() == "terminated"
