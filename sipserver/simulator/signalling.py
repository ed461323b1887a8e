"""The signalling of a simulated device: its identity in headers, and the flow to its platform."""

import asyncio
import contextlib
import ipaddress
import socket
from itertools import count

from sipserver.gb import manscdp
from sipserver.gb.editions import VERSION_HEADER
from sipserver.gb.manscdp import Element
from sipserver.gb.registration_client import ServerAddress
from sipserver.simulator.faults import Behaviour
from sipserver.simulator.odd_documents import DOCUMENT_FAULTS
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.sip.flow import Flow, Transport, format_host
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import SipTransport
from sipserver.transport.errors import FlowClosed, NoAnswer
from sipserver.transport.settings import ListenAddress, SipTransportSettings

_RECEIVE_BUFFER_BYTES = 262_144
_JUNK = (bytes(4), b"\r\n\r\n", b"\r\n", b"\xff\xff\xff\xff", b"keep alive")


class Signalling:
    """Builds and sends the requests of one device."""

    def __init__(
        self, settings: SimulatedDeviceSettings, local_host: str, behaviour: Behaviour | None = None
    ) -> None:
        self._settings = settings
        self._behaviour = behaviour or Behaviour()
        self.local_host = local_host
        listens: tuple[ListenAddress, ...] = ()
        if settings.transport is Transport.UDP:
            listens = (ListenAddress(Transport.UDP, local_host, settings.local_port),)
            if self._behaviour.changes_port:
                listens += (ListenAddress(Transport.UDP, local_host, _free_port(local_host)),)
        self.transport = SipTransport(
            SipTransportSettings(listens=listens, udp_receive_buffer_bytes=_RECEIVE_BUFFER_BYTES)
        )
        self._flow: Flow | None = None
        self.server = ServerAddress(settings.server_id, settings.server_host, settings.server_port)
        """Where we register: another than we were told when that one redirects us."""
        self._register_call_id = self._call_id()
        self._register_tag = self.transport.token()
        self._register_cseq = count(1)
        self._message_cseq = count(1)
        self._serial_numbers = count(1)

    async def open(self) -> None:
        await self.transport.open()

    async def close(self) -> None:
        await self.transport.close()

    @property
    def flow(self) -> Flow:
        """The way to the platform.

        Raises:
            FlowClosed: there is none, or it closed.
        """
        if self._flow is None or not self.transport.is_flow_open(self._flow):
            raise FlowClosed("not connected to the platform")
        return self._flow

    async def connect(self) -> None:
        """Make the flow, unless it is open: over TCP the device is the one that connects.

        Raises:
            ConnectFailed: the platform does not accept.
        """
        remote = (self.server.host, self.server.port)
        if self._settings.transport is Transport.UDP:
            self._flow = self.transport.flow_to(await _resolve(*remote))
        elif self._flow is None or not self.transport.is_flow_open(self._flow) or self._flow.remote != remote:
            if self._flow is not None:
                self.transport.close_flow(self._flow, "registering elsewhere")
            self._flow = await self.transport.connect(self._settings.transport, remote)

    def change_port(self) -> None:
        """From now on over UDP everything comes from the other of our two ports (Q2)."""
        if self._behaviour.changes_port and self._settings.transport is Transport.UDP:
            other = self.transport.addresses[-1]
            self._flow = self.transport.flow_to(self.flow.remote, local=(other.host, other.port))

    def send_junk(self) -> None:
        """Packets that some devices send to keep a way open (Q20)."""
        family = socket.AF_INET6 if ":" in self.local_host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as spare:
            for junk in _JUNK:
                spare.sendto(junk, self.flow.remote)

    @property
    def contact(self) -> str:
        host, port = self.transport.advertised(self.flow)
        suffix = (
            ""
            if self._settings.transport is Transport.UDP
            else f";transport={self._settings.transport.lower()}"
        )
        return f"<sip:{self._settings.device_id}@{format_host(host)}:{port}{suffix}>"

    def next_sn(self) -> str:
        return str(next(self._serial_numbers))

    def register(self, expires_s: int) -> SipRequest:
        """A REGISTER; all of one life share Call-ID and tag (RFC 3261 section 10.2)."""
        own = f"<sip:{self._settings.device_id}@{self._settings.sip_domain}>"
        headers = Headers(
            [
                ("From", f"{own};tag={self._register_tag}"),
                ("To", own),
                ("Call-ID", self._register_call_id),
                ("CSeq", f"{next(self._register_cseq)} REGISTER"),
                ("Contact", self.contact),
                ("Max-Forwards", "70"),
                ("User-Agent", self._settings.user_agent),
                (VERSION_HEADER, self._settings.edition.value),
                ("Expires", str(expires_s)),
            ]
        )
        return SipRequest("REGISTER", self._server_uri(), headers)

    def continue_register(self, cseq: int) -> None:
        """The digest client has counted on; the next REGISTER follows it."""
        self._register_cseq = count(cseq + 1)

    async def send_message(self, document: Element | None) -> SipResponse:
        """Send a document in a MESSAGE, None: an empty one, and wait for the answer to it.

        Raises:
            NoAnswer, FlowClosed: the platform does not answer, or is out of reach.
        """
        own = f"<sip:{self._settings.device_id}@{self._settings.sip_domain}>"
        headers = Headers(
            [
                ("From", f"{own};tag={self.transport.token()}"),
                ("To", f"<{self._server_uri()}>"),
                ("Call-ID", self._call_id()),
                ("CSeq", f"{next(self._message_cseq)} MESSAGE"),
                ("Max-Forwards", "70"),
                ("User-Agent", self._settings.user_agent),
            ]
        )
        body = b""
        if document is not None:
            headers.add("Content-Type", self._behaviour.content_type or manscdp.CONTENT_TYPE)
            body = self._written(document)
        request = SipRequest("MESSAGE", self._server_uri(), headers, body)
        return await self.request(request)

    def _written(self, document: Element) -> bytes:
        behaviour = self._behaviour
        body = manscdp.serialize_document(document, self._settings.charset)
        if behaviour.document_fault:
            body = DOCUMENT_FAULTS[behaviour.document_fault](body)
        is_datagram = self._settings.transport is Transport.UDP
        if is_datagram and 0 < behaviour.lost_above_bytes < len(body):
            raise NoAnswer(f"{len(body)} bytes are lost on the way")
        return body

    async def request(self, request: SipRequest) -> SipResponse:
        return await self.transport.request(request, self.flow, timeout_s=self._settings.answer_timeout_s)

    def _server_uri(self) -> str:
        return f"sip:{self.server.server_id}@{self._settings.sip_domain}"

    def _call_id(self) -> str:
        return f"{self.transport.token()}@{self.local_host}"


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def local_host_towards(host: str, port: int) -> str:
    """The address of ours from which packets to the platform leave; nothing is sent."""
    remote = await _resolve(host, port)
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        return str(probe.getsockname()[0])


async def _resolve(host: str, port: int) -> tuple[str, int]:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host)), port
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    address = found[0][4]
    return str(address[0]), int(address[1])
