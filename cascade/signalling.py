"""Requests from us to one superior: identities in headers, and the flow that they take."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from itertools import count
from typing import Final

from cascade.errors import SuperiorRefused, SuperiorSilent
from cascade.model import Superior
from sipserver.gb import manscdp
from sipserver.gb.editions import VERSION_HEADER
from sipserver.gb.registration_client import ServerAddress
from sipserver.sip.flow import Flow, Transport, format_host
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import SipTransport
from sipserver.transport.errors import FlowClosed, TransportError

USER_AGENT: Final = "Tongshi"
MAX_FORWARDS: Final = "70"
ANSWER_TIMEOUT_S: Final = 10.0


class SuperiorSignalling:
    """Builds requests as a subordinate platform prints them (gb28181.md 8.1) and sends them."""

    def __init__(self, superior: Superior, transport: SipTransport) -> None:
        self.superior = superior
        self.transport: Final = transport
        self._flow: Flow | None = None
        self._sns = count(1)
        self._register_call_id = ""
        self._register_tag = transport.token()
        self._register_cseq = 0

    @property
    def flow(self) -> Flow:
        """Raises FlowClosed: there is none, or it closed."""
        if self._flow is None or not self.transport.is_flow_open(self._flow):
            raise FlowClosed("not connected to the superior")
        return self._flow

    @property
    def is_connected(self) -> bool:
        return self._flow is not None and self.transport.is_flow_open(self._flow)

    def has_flow(self, flow: Flow) -> bool:
        """Whether what came over this flow came from where we are connected to."""
        known = self._flow
        if known is None:
            return False
        if known.transport is Transport.UDP:
            return flow.transport is Transport.UDP and flow.remote[0] == known.remote[0]
        return flow == known

    async def connect(self, server: ServerAddress) -> None:
        """Make the way to a server, unless it is there.

        Raises:
            ConnectFailed, FlowClosed: it does not accept, or there is no socket of its family.
            OSError: its name is not known.
        """
        remote = await _resolve(server.host, server.port)
        superior = self.superior
        if superior.advertised_host:
            self.transport.advertise(remote[0], superior.advertised_host)
        if superior.transport is Transport.UDP:
            self._flow = self.transport.flow_to(remote)
        elif self._flow is None or not self.transport.is_flow_open(self._flow) or self._flow.remote != remote:
            self.disconnect("registering elsewhere")
            self._flow = await self._connected(remote, server.host)

    async def _connected(self, remote: tuple[str, int], host: str) -> Flow:
        superior = self.superior
        if superior.transport is not Transport.TLS:
            return await self.transport.connect(superior.transport, remote)
        trust = superior.tls_trust
        # Its files are read at each attempt: a certificate that was renewed needs no restart.
        return await self.transport.connect(
            Transport.TLS, remote, tls=self.transport.tls_towards(trust), server_name=trust.name or host
        )

    def disconnect(self, reason: str) -> None:
        if self._flow is not None:
            self.transport.close_flow(self._flow, reason)
            self._flow = None

    def next_sn(self) -> str:
        return str(next(self._sns) % manscdp.MAX_SN or next(self._sns))

    @property
    def contact(self) -> str:
        host, port = self.transport.advertised(self.flow)
        kind = self.superior.transport
        suffix = "" if kind is Transport.UDP else f";transport={kind.lower()}"
        return f"<sip:{self.superior.own_id}@{format_host(host)}:{port}{suffix}>"

    def register(self, expires_s: int) -> SipRequest:
        """A REGISTER; all of one life share Call-ID and tag (RFC 3261 section 10.2)."""
        superior = self.superior
        own = f"<sip:{superior.own_id}@{superior.own_sip_domain}>"
        self._register_call_id = self._register_call_id or self._call_id()
        self._register_cseq += 1
        headers = [
            ("From", f"{own};tag={self._register_tag}"),
            ("To", own),
            ("Call-ID", self._register_call_id),
            ("CSeq", f"{self._register_cseq} REGISTER"),
            ("Contact", self.contact),
            ("Max-Forwards", MAX_FORWARDS),
            ("User-Agent", USER_AGENT),
            (VERSION_HEADER, superior.edition.value),
            ("Expires", str(expires_s)),
        ]
        return SipRequest("REGISTER", f"sip:{superior.superior_id}@{superior.sip_domain}", headers)

    def continue_register(self, cseq: int) -> None:
        """The digest client has counted on; the next REGISTER follows it."""
        self._register_cseq = cseq

    def request(self, method: str) -> SipRequest:
        """A request outside of any dialog."""
        superior, token = self.superior, self.transport.token
        return SipRequest(
            method,
            f"sip:{superior.superior_id}@{superior.sip_domain}",
            [
                ("From", f"<sip:{superior.own_id}@{superior.own_sip_domain}>;tag={token()}"),
                ("To", f"<sip:{superior.superior_id}@{superior.sip_domain}>"),
                ("Call-ID", self._call_id()),
                ("CSeq", f"1 {method}"),
                ("Contact", self.contact),
                ("Max-Forwards", MAX_FORWARDS),
                ("User-Agent", USER_AGENT),
            ],
        )

    async def send_document(self, element: manscdp.Element) -> SipResponse:
        """Send a MANSCDP document as MESSAGE and wait for the answer to the MESSAGE.

        Raises:
            SuperiorSilent, SuperiorRefused
        """
        try:
            request = self.request("MESSAGE")
            request.headers.set("Content-Type", manscdp.CONTENT_TYPE)
            request.body = manscdp.serialize_document(element, self.superior.charset)
            response = await self.transport.request(
                request, self.flow, timeout_s=ANSWER_TIMEOUT_S, abandon=True
            )
        except TransportError as error:
            raise SuperiorSilent(f"superior {self.superior.superior_id}: {error}") from error
        if response.status >= 300:
            raise SuperiorRefused(
                f"superior {self.superior.superior_id} answered {response.status} {response.reason}",
                response.status,
            )
        return response

    def _call_id(self) -> str:
        host, _ = self.transport.advertised(self.flow)
        return f"{self.transport.token()}@{format_host(host)}"


async def _resolve(host: str, port: int) -> tuple[str, int]:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host)), port
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    address = found[0][4]
    return str(address[0]), int(address[1])
