"""A device that says exactly what it is told to, for what a device provokes at a server."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from time import time
from typing import Final, Self, cast

from sipserver.devices.tracing.ladder import LadderStep, ladder
from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.manscdp import Document, Element
from sipserver.simulator.answers import answer_query
from sipserver.simulator.channel import Channel
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.simulator.signalling import Signalling, local_host_towards
from sipserver.sip.digest import DigestClient
from sipserver.sip.flow import Flow, Transport, format_host
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError
from sipserver.transport.trace import SipTrace, TracedPacket

PACKETS_MAX: Final = 4_000
HEARD_MAX: Final = 1_000
ANSWER_PATIENCE_S: Final = 2.0
BUSY_TRIES: Final = 4
BUSY_MAX_S: Final = 15


class Caller:
    """One simulated device's signalling, everything on its wire kept."""

    def __init__(self, settings: SimulatedDeviceSettings, local_host: str) -> None:
        self.settings: Final = settings
        self.signalling: Final = Signalling(settings, local_host)
        self.packets: Final[deque[TracedPacket]] = deque(maxlen=PACKETS_MAX)
        self.heard: Final[deque[Document]] = deque(maxlen=HEARD_MAX)
        """Documents that the server sent."""
        self.responses: Final[list[SipResponse]] = []
        """To REGISTER, oldest first."""
        self.is_registered = False
        self._items = {
            channel_id: Channel(settings, number, channel_id).item
            for number, channel_id in enumerate(settings.all_channel_ids)
        }
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, settings: SimulatedDeviceSettings) -> Self:
        """Raises OSError, TransportError: the server's name or our address cannot be used."""
        host = settings.local_host or await local_host_towards(settings.server_host, settings.server_port)
        caller = cls(settings, host)
        transport = caller.signalling.transport
        transport.trace = SipTrace(0, 65_536)
        transport.trace.sinks.append(caller.packets.append)
        transport.request_handler = caller._receive
        await caller.signalling.open()
        await caller.signalling.connect()
        return caller

    async def close(self) -> None:
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self.signalling.close()

    def digest(self, spoilt: str = "") -> DigestClient:
        """Knows the password, or one that is wrong."""
        settings = self.settings
        username = settings.username or settings.device_id
        return DigestClient(username, settings.password + spoilt, self.signalling.transport.token)

    async def register(self, expires_s: int, digest: DigestClient | None) -> SipResponse:
        """REGISTER, and the answer to the challenge when there is one and ``digest`` can."""
        request = self.signalling.register(expires_s)
        response = await self._ask_register(request)
        if digest is not None and response.status in (401, 407):
            answered = digest.answer(request, response)
            self.signalling.continue_register(answered.cseq.number)
            response = await self._ask_register(answered)
        return response

    async def say(self, document: Element) -> SipResponse:
        return await self.signalling.send_message(document)

    def bare(self, method: str) -> SipRequest:
        """A request outside of dialogs, without a body."""
        settings = self.settings
        token = self.signalling.transport.token
        uri = f"sip:{settings.server_id}@{settings.sip_domain}"
        own = f"<sip:{settings.device_id}@{settings.sip_domain}>"
        return SipRequest(
            method,
            uri,
            Headers(
                [
                    ("From", f"{own};tag={token()}"),
                    ("To", f"<{uri}>"),
                    ("Call-ID", f"{token()}@{self.signalling.local_host}"),
                    ("CSeq", f"1 {method}"),
                    ("Max-Forwards", "70"),
                    ("User-Agent", settings.user_agent),
                ]
            ),
        )

    async def messages(self, since: datetime) -> list[LadderStep]:
        """What was on the wire, oldest first."""
        begin_s = since.timestamp()
        chosen = [packet for packet in self.packets if packet.time_s >= begin_s]
        chosen.sort(key=lambda packet: packet.time_s)
        return await asyncio.to_thread(ladder, chosen)

    # ---------------------------------------------------------------- inside

    async def _ask_register(self, request: SipRequest) -> SipResponse:
        """A server that is busy, and says for how long, is asked again."""
        for _ in range(BUSY_TRIES):
            response = await self.signalling.request(request)
            self.responses.append(response)
            pause = response.headers.get("Retry-After").partition(";")[0].strip()
            if response.status != 503 or not (pause.isdecimal() and 0 < int(pause) <= BUSY_MAX_S):
                break
            await asyncio.sleep(int(pause))
            headers = request.headers.copy()
            headers.remove("Via")
            headers.set("CSeq", f"{request.cseq.number + 1} REGISTER")
            request = SipRequest(request.method, request.uri, headers, request.body)
            self.signalling.continue_register(request.cseq.number)
        return response

    def _receive(self, incoming: IncomingRequest) -> None:
        """Polite, and without sessions: those come in the second part."""
        respond, request = self.signalling.transport.respond, incoming.request
        if request.method == "OPTIONS":
            respond(incoming, 200)
            return
        if request.method != "MESSAGE":
            respond(incoming, 480)
            return
        try:
            document = manscdp.parse_document(request.body)
            self.heard.append(document)
            answers = answer_query(document, self.settings, self._items, datetime.now(UTC))
        except MalformedDocument:
            respond(incoming, 400)
            return
        respond(incoming, 200)
        if answers:
            task = asyncio.get_running_loop().create_task(self._answer(answers))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, answers: list[Element]) -> None:
        for answer in answers:
            try:
                await self.say(answer)
            except TransportError:
                return


class RawSocket(asyncio.DatagramProtocol):
    """A socket of our own for datagrams that no SIP stack would send."""

    def __init__(self, caller: Caller, remote: tuple[str, int]) -> None:
        self._caller = caller
        self._remote = remote
        self._transport: asyncio.DatagramTransport | None = None
        self._came = asyncio.Event()
        self.received: Final[list[bytes]] = []

    @classmethod
    async def open(cls, caller: Caller) -> Self:
        remote = caller.signalling.flow.remote
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(caller, remote), local_addr=(caller.signalling.local_host, 0), remote_addr=remote
        )
        return protocol

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def local(self) -> tuple[str, int]:
        assert self._transport is not None  # noqa: S101 - set by connection_made, before open returns
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def via(self, branch: str) -> str:
        host, port = self.local
        return f"SIP/2.0/UDP {format_host(host)}:{port};rport;branch=z9hG4bK{branch}"

    def send(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - as above
        self._keep(data, is_sent=True)
        self._transport.sendto(data)

    async def answers(self, count: int, timeout_s: float = ANSWER_PATIENCE_S) -> list[bytes]:
        """What came, as soon as it is so many, or when time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.received) < count:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            pass
        return list(self.received)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: the transports of uvloop are no subclasses.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _address: object) -> None:
        self._keep(data, is_sent=False)
        if data.strip() and len(self.received) < HEARD_MAX:
            self.received.append(data)
            self._came.set()

    def error_received(self, error: Exception) -> None:
        """Nothing listens there: the waiting ends by its time."""

    def _keep(self, data: bytes, *, is_sent: bool) -> None:
        flow = Flow(Transport.UDP, self.local, self._remote)
        self._caller.packets.append(TracedPacket(time(), is_sent, flow, data))
