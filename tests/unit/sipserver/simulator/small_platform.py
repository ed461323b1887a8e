"""A small platform on real loopback sockets for simulated devices to play against."""

import asyncio
from collections.abc import Callable, Sequence

from sipserver.gb import manscdp, sdp
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.sdp import SessionDescription
from sipserver.simulator.loops import PictureSettings
from sipserver.sip.dialog import Dialog
from sipserver.sip.digest import DigestServer, Verdict
from sipserver.sip.flow import Flow
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair

PLATFORM_ID = "34020000002000000001"
PASSWORD = "Abc-12345"
# One second of a small picture: encoded once for all tests of this directory.
SMALL = PictureSettings(width=160, height=96, loop_s=1, gop_s=0.4, bitrate_kbps=64)


class SmallPlatform:
    """Registers with digest, answers 200, remembers what came; statuses can be set."""

    def __init__(self) -> None:
        self.transport = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
        self.transport.request_handler = self._receive
        self.requests: list[SipRequest] = []
        self.documents: list[Document] = []
        self.byes: list[SipRequest] = []
        self.flow: Flow | None = None
        self.flows: list[tuple[SipRequest, Flow]] = []
        self.keepalive_statuses: list[int] = []
        self.register_statuses: list[int] = []
        self.granted_s: str | None = None
        self.answers_messages = True
        self.notify_status = 200
        self._digest = DigestServer(PLATFORM_ID[:10], b"a secret of the tests")
        self._changed = asyncio.Event()

    @property
    def port(self) -> int:
        return self.transport.addresses[0].port

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    @property
    def accepted_registrations(self) -> list[SipRequest]:
        return [
            each for each in self.requests if each.method == "REGISTER" and each.headers.get("Authorization")
        ]

    def of_type(self, cmd_type: str) -> list[Document]:
        return [document for document in self.documents if document.cmd_type == cmd_type]

    async def until(self, claim: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something is true; looks again after each request."""
        async with asyncio.timeout(timeout_s):
            while not claim():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def send(self, user: str, document: Element) -> SipResponse:
        body = manscdp.serialize_document(document)
        assert self.flow is not None
        return await self.transport.request(
            self._request("MESSAGE", user, body, manscdp.CONTENT_TYPE), self.flow, timeout_s=5.0
        )

    async def ask(self, method: str, user: str) -> SipResponse:
        assert self.flow is not None
        return await self.transport.request(self._request(method, user), self.flow, timeout_s=5.0)

    async def invite(
        self,
        user: str,
        offer: SessionDescription | bytes,
        subject: str = "",
        timeout_s: float = 5.0,
        *,
        acknowledge: bool = True,
        headers: Sequence[tuple[str, str]] = (),
    ) -> tuple[SipResponse, Dialog | None]:
        """INVITE and, after a 2xx, ACK."""
        body = offer if isinstance(offer, bytes) else offer.serialize()
        request = self._request("INVITE", user, body, sdp.CONTENT_TYPE)
        if subject:
            request.headers.add("Subject", subject)
        for name, value in headers:
            request.headers.set(name, value)
        assert self.flow is not None
        call = self.transport.invite(request, self.flow)
        response = await call.final(timeout_s)
        if response.status >= 300:
            return response, None
        dialog = Dialog.from_answer(request, response)
        if acknowledge:
            call.ack(dialog.make_ack())
        return response, dialog

    async def bye(self, dialog: Dialog) -> SipResponse:
        assert self.flow is not None
        return await self.transport.request(dialog.make_request("BYE"), self.flow, timeout_s=5.0)

    def _request(self, method: str, user: str, body: bytes = b"", content_type: str = "") -> SipRequest:
        fields: Sequence[tuple[str, str]] = [
            ("From", f"<sip:{PLATFORM_ID}@3402000000>;tag={self.transport.token()}"),
            ("To", f"<sip:{user}@3402000000>"),
            ("Call-ID", self.transport.token()),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:{PLATFORM_ID}@127.0.0.1:{self.port}>"),
        ]
        headers = Headers(fields)
        if content_type:
            headers.add("Content-Type", content_type)
        return SipRequest(method, f"sip:{user}@3402000000", headers, body)

    def _receive(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.requests.append(request)
        self.flow = incoming.flow
        self.flows.append((request, incoming.flow))
        self._changed.set()
        if request.method == "REGISTER":
            self._register(incoming)
        elif request.method == "BYE":
            self.byes.append(request)
            self.transport.respond(incoming, 200)
        elif self.answers_messages:
            self._take(incoming)

    def _take(self, incoming: IncomingRequest) -> None:
        if not incoming.request.body:  # a NOTIFY that only says how its subscription stands
            self.transport.respond(incoming, self.notify_status)
            return
        document = manscdp.parse_document(incoming.request.body)
        self.documents.append(document)
        status = 200
        if document.cmd_type == "Keepalive" and self.keepalive_statuses:
            status = self.keepalive_statuses.pop(0)
        self.transport.respond(
            incoming, self.notify_status if incoming.request.method == "NOTIFY" else status
        )

    def _register(self, incoming: IncomingRequest) -> None:
        if self.register_statuses:
            self.transport.respond(incoming, self.register_statuses.pop(0))
            return
        now = self.transport.clock()
        given = self._digest.read(incoming.request)
        if given is None or self._digest.verify(given, "REGISTER", PASSWORD, now) is not Verdict.ACCEPTED:
            challenge = self._digest.challenge(now).serialize()
            self.transport.respond(incoming, 401, headers=[("WWW-Authenticate", challenge)])
            return
        expires = self.granted_s or incoming.request.headers.get("Expires")
        self.transport.respond(incoming, 200, headers=[("Expires", expires)])
