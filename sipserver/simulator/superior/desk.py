"""The signalling of a simulated superior: lets subordinates in, asks them, and hears what they say.

It shares the codec and the sockets with the platform, and no behaviour: what it finds out about a platform,
it finds out from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

from sipserver.gb import manscdp
from sipserver.gb.editions import from_header
from sipserver.gb.errors import MalformedText
from sipserver.gb.gb_time import format_date_header
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.ssrc import SsrcPool
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.settings import SuperiorSettings
from sipserver.simulator.superior.subordinate import Subordinate
from sipserver.sip.dialog import Dialog
from sipserver.sip.digest import DigestServer, Verdict
from sipserver.sip.errors import MalformedMessage, RemoteViolation
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow, format_host
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError
from sipserver.transport.settings import SipTransportSettings

MAX_SUBORDINATES: Final = 1_000
MAX_KEPT_NOTICES: Final = 2_000
MAX_WAITING: Final = 20_000
ALLOW: Final = "REGISTER, MESSAGE, INVITE, ACK, BYE, CANCEL, INFO, OPTIONS, NOTIFY"

logger = logging.getLogger(__name__)

Claim = Callable[["Heard"], bool]


@dataclass(frozen=True, slots=True)
class Heard:
    """A document of a subordinate: by MESSAGE, or by NOTIFY of a subscription."""

    platform_id: str
    method: str
    document: Document
    call_id: str


class SimulatedSuperior:
    """Runs between ``open`` and ``close``."""

    def __init__(self, settings: SuperiorSettings) -> None:
        self.settings: Final = settings
        self.transport: Final = SipTransport(
            SipTransportSettings(
                listens=settings.listens,
                tls_certificate=settings.tls_certificate,
                tls_key=settings.tls_key,
            )
        )
        self.transport.request_handler = self._receive
        self.transport.ack_handler = self._acknowledged
        self.subordinates: dict[str, Subordinate] = {}
        self.notices: deque[Heard] = deque(maxlen=MAX_KEPT_NOTICES)
        """Notifications that nobody has waited for yet."""
        self.received: Counter[str] = Counter()
        """Requests by method."""
        self.refused_registrations = 0
        self.unreadable = 0
        self.bye_handlers: list[Callable[[SipRequest], bool]] = []
        self.invite_handler: Callable[[IncomingRequest], bool] | None = None
        self.ssrcs: Final = SsrcPool(settings.superior_id)
        self.acknowledged: set[ServerKey] = set()
        self.subscriptions: dict[str, Dialog] = {}
        """By event and channel."""
        self._digest = DigestServer(settings.sip_domain, secrets.token_bytes(32))
        self._sns = count(1)
        self._waiting: list[tuple[Claim, asyncio.Queue[Heard]]] = []
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Raises ListenFailed."""
        await self.transport.open()

    async def close(self) -> None:
        await self.transport.close()

    # ---------------------------------------------------------------- what steps ask for

    def next_sn(self) -> str:
        return str(next(self._sns))

    def only(self, platform_id: str = "") -> Subordinate:
        """The subordinate that is meant: the one that is named, else the first that registered.

        Raises:
            StepFailed: it is not registered.
        """
        now = self.transport.clock()
        for each in self.subordinates.values():
            if platform_id in ("", each.platform_id) and each.expires_at > now:
                return each
        who = f"subordinate {platform_id} is not" if platform_id else "no subordinate is"
        raise StepFailed(f"{who} registered")

    async def until(self, claim: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is true; False when it is not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not claim():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self._changed.wait()
        except TimeoutError:
            return claim()
        return True

    @contextlib.contextmanager
    def listening(self, claim: Claim) -> Iterator[asyncio.Queue[Heard]]:
        """Everything that is said from now on and is meant by ``claim``."""
        queue: asyncio.Queue[Heard] = asyncio.Queue(MAX_WAITING)
        entry = (claim, queue)
        self._waiting.append(entry)
        try:
            yield queue
        finally:
            self._waiting.remove(entry)

    def request(
        self,
        method: str,
        below: Subordinate,
        user: str = "",
        *,
        to_user: str = "",
        body: bytes = b"",
        content_type: str = "",
    ) -> SipRequest:
        """A request outside of any dialog. ``to_user`` is named in To where that is another than is asked."""
        settings = self.settings
        user = user or below.platform_id
        host, port = self.transport.advertised(below.flow)
        headers = [
            ("From", f"<sip:{settings.superior_id}@{settings.sip_domain}>;tag={self.transport.token()}"),
            ("To", f"<sip:{to_user or user}@{below.domain}>"),
            ("Call-ID", f"{self.transport.token()}@{format_host(host)}"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:{settings.superior_id}@{format_host(host)}:{port}>"),
            ("Max-Forwards", "70"),
            ("User-Agent", "Tongshi superior"),
        ]
        request = SipRequest(method, f"sip:{user}@{below.domain}", headers, body)
        if content_type:
            request.headers.set("Content-Type", content_type)
        return request

    async def send(self, request: SipRequest, below: Subordinate) -> SipResponse:
        """Send and wait for the final answer.

        Raises:
            StepFailed: there is none.
        """
        try:
            return await self.transport.request(
                request, below.flow, timeout_s=self.settings.answer_timeout_s, abandon=True
            )
        except TransportError as error:
            raise StepFailed(f"{request.method}: {error}") from error

    async def message(self, below: Subordinate, element: Element, user: str = "") -> SipResponse:
        """Send a document.

        Raises:
            StepFailed: no answer, or a refusal.
        """
        body = manscdp.serialize_document(element, self.settings.charset)
        request = self.request("MESSAGE", below, user, body=body, content_type=manscdp.CONTENT_TYPE)
        response = await self.send(request, below)
        if response.status >= 300:
            raise StepFailed(f"the MESSAGE was answered with {response.status} {response.reason}")
        return response

    def media_host(self, below: Subordinate) -> str:
        return self.settings.media_host or self.transport.advertised(below.flow)[0]

    # ---------------------------------------------------------------- what comes

    def _receive(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.received[request.method] += 1
        try:
            self._dispatch(incoming)
        except (MalformedMessage, RemoteViolation):
            self.transport.respond(incoming, 400)
        self._changed.set()

    def _dispatch(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        match request.method:
            case "REGISTER":
                self._register(incoming)
            case "OPTIONS":
                self.transport.respond(incoming, 200, headers=[("Allow", ALLOW)])
            case "MESSAGE" | "NOTIFY":
                self._hear(incoming)
            case "BYE":
                known = any(handler(request) for handler in list(self.bye_handlers))
                self.transport.respond(incoming, 200 if known else 481)
            case "INVITE":
                if self.invite_handler is None or not self.invite_handler(incoming):
                    self.transport.respond(incoming, 486)
            case _:
                self.transport.respond(incoming, 405, headers=[("Allow", ALLOW)])

    def _acknowledged(self, key: ServerKey, _request: SipRequest, _flow: Flow) -> None:
        self.acknowledged.add(key)
        self._changed.set()

    def _register(self, incoming: IncomingRequest) -> None:
        request, now = incoming.request, self.transport.clock()
        if self.settings.password:
            given = self._digest.read(request)
            password = self.settings.password
            verdict = None if given is None else self._digest.verify(given, "REGISTER", password, now)
            if verdict is not Verdict.ACCEPTED:
                self.refused_registrations += verdict is Verdict.WRONG
                challenge = self._digest.challenge(now, stale=verdict is Verdict.STALE).serialize()
                self.transport.respond(incoming, 401, headers=[("WWW-Authenticate", challenge)])
                return
        platform_id = request.to.uri.user
        wanted = request.headers.get("Expires")
        digits = wanted if wanted.isascii() and wanted.isdecimal() and len(wanted) < 9 else "3600"
        expires_s = min(int(digits), self.settings.expires_max_s)
        self._admit(platform_id, incoming, expires_s)
        granted = [("Expires", str(expires_s)), ("Date", format_date_header(datetime.now(UTC)))]
        self.transport.respond(incoming, 200, headers=granted)

    def _admit(self, platform_id: str, incoming: IncomingRequest, expires_s: int) -> None:
        request, known = incoming.request, self.subordinates.get(platform_id)
        if not expires_s:
            self.subordinates.pop(platform_id, None)
            logger.info("%s has left", platform_id)
            return
        expires_at = self.transport.clock() + expires_s
        if known is not None:
            known.flow, known.expires_at = incoming.flow, expires_at
            known.registrations += 1
        elif len(self.subordinates) < MAX_SUBORDINATES:
            edition = from_header(request.headers.get("X-GB-Ver"))
            domain = request.to.uri.host
            self.subordinates[platform_id] = Subordinate(
                platform_id, incoming.flow, domain, edition, expires_at
            )
            logger.info("%s has registered from %s:%d", platform_id, *incoming.flow.remote)

    def _hear(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        below = self._sender(incoming)
        if below is None and request.method == "MESSAGE":
            self.transport.respond(incoming, 403)
            return
        if not request.body:  # a NOTIFY that only says how its subscription stands
            self.transport.respond(incoming, 200)
            return
        try:
            document = manscdp.parse_document(request.body)
        except MalformedText:
            self.unreadable += 1
            self.transport.respond(incoming, 400)
            return
        self.transport.respond(incoming, 200)
        if below is not None and document.cmd_type == "Keepalive":
            below.flow = incoming.flow
            below.keepalives += 1
            return
        platform_id = "" if below is None else below.platform_id
        self._told(Heard(platform_id, request.method, document, request.call_id))

    def _sender(self, incoming: IncomingRequest) -> Subordinate | None:
        """By its id; inside a dialog, where From is a channel, by where it is reached."""
        known = self.subordinates.get(incoming.request.from_.uri.user)
        if known is not None:
            return known
        flow = incoming.flow
        return next((each for each in self.subordinates.values() if each.flow.remote == flow.remote), None)

    def _told(self, heard: Heard) -> None:
        is_wanted = False
        for claim, queue in self._waiting:
            if claim(heard) and not queue.full():
                queue.put_nowait(heard)
                is_wanted = True
        if not is_wanted and heard.document.root == "Notify":
            self.notices.append(heard)
