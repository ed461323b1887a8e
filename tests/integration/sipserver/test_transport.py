"""Two transports on loopback sockets, and one against a peer made of text."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow, Transport
from sipserver.sip.message import SipRequest
from sipserver.transport.connection import PROBE_AFTER_S
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import ConnectFailed, FlowClosed, ListenFailed, NoAnswer
from sipserver.transport.settings import ListenAddress, SipTransportSettings, listen_pair
from sipserver.transport.tls import client_context
from tests.integration.sipserver.conftest import Certificate, free_port, until
from tests.integration.sipserver.scripted_device import ScriptedDevice

EVERYWHERE = "0.0.0.0"  # noqa: S104

HOST = "127.0.0.1"
MakeTransport = Callable[..., Coroutine[Any, Any, SipTransport]]


@pytest.fixture
async def make_transport() -> AsyncIterator[MakeTransport]:
    opened: list[SipTransport] = []

    async def make(*listens: ListenAddress, **settings: Any) -> SipTransport:
        transport = SipTransport(SipTransportSettings(listens=listens or listen_pair(HOST, 0), **settings))
        await transport.open()
        opened.append(transport)
        return transport

    yield make
    for transport in opened:
        await transport.close()


def options(transport: SipTransport, method: str = "OPTIONS") -> SipRequest:
    token = transport.token
    return SipRequest(
        method,
        "sip:b@3402000000",
        [
            ("From", f"<sip:a@3402000000>;tag={token()}"),
            ("To", "<sip:b@3402000000>"),
            ("Call-ID", token()),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:a@127.0.0.1>"),
        ],
    )


def address(transport: SipTransport, kind: Transport) -> tuple[str, int]:
    return next((each.host, each.port) for each in transport.addresses if each.transport is kind)


def answer_with(transport: SipTransport, status: int) -> list[IncomingRequest]:
    seen: list[IncomingRequest] = []

    def handle(incoming: IncomingRequest) -> None:
        seen.append(incoming)
        transport.respond(incoming, status)

    transport.request_handler = handle
    return seen


async def test_a_request_and_its_answer_over_each_transport(
    make_transport: MakeTransport, certificate: Certificate
) -> None:
    server = await make_transport(
        *listen_pair(HOST, 0),
        ListenAddress(Transport.TLS, HOST, free_port()),
        tls_certificate=certificate.path,
        tls_key=certificate.key,
    )
    client = await make_transport()
    seen = answer_with(server, 200)
    flows = [client.flow_to(address(server, Transport.UDP))]
    flows.append(await client.connect(Transport.TCP, address(server, Transport.TCP)))
    context = client_context(certificate.path)
    flows.append(await client.connect(Transport.TLS, address(server, Transport.TLS), tls=context))
    for flow in flows:
        assert (await client.request(options(client), flow)).status == 200
    assert [incoming.flow.transport for incoming in seen] == [Transport.UDP, Transport.TCP, Transport.TLS]
    assert server.stats.connections_accepted == 2


async def test_ipv6_beside_ipv4(make_transport: MakeTransport) -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    server = await make_transport(*listen_pair("::1", 0), *listen_pair(HOST, 0))
    client = await make_transport(*listen_pair("::1", 0), *listen_pair(HOST, 0))
    seen = answer_with(server, 200)
    for listen in server.addresses:
        if listen.transport is Transport.UDP:
            flow = client.flow_to((listen.host, listen.port))
        else:
            flow = await client.connect(Transport.TCP, (listen.host, listen.port))
        assert (await client.request(options(client), flow)).status == 200
    assert [incoming.flow.remote[0] for incoming in seen] == ["::1", HOST, "::1", HOST]
    assert seen[0].request.top_via.host == "::1"


async def test_a_wildcard_listener_tells_each_peer_a_real_address(make_transport: MakeTransport) -> None:
    server = await make_transport(*listen_pair(EVERYWHERE, 0), advertised={"127.0.0.2/32": "192.0.2.77"})
    port = server.addresses[0].port
    assert server.advertised(server.flow_to((HOST, 5060))) == (HOST, port)
    assert server.advertised(server.flow_to(("127.0.0.2", 5060))) == ("192.0.2.77", port)


async def test_a_request_that_nobody_answers_ends_at_its_deadline(make_transport: MakeTransport) -> None:
    client = await make_transport()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((HOST, 0))
        with pytest.raises(NoAnswer):
            await client.request(options(client), client.flow_to(deaf.getsockname()), timeout_s=0.05)


async def test_a_cancelled_wait_is_forgotten_and_a_late_answer_harms_nobody(
    make_transport: MakeTransport,
) -> None:
    server, client = await make_transport(), await make_transport()
    held: list[IncomingRequest] = []
    server.request_handler = held.append
    task = asyncio.ensure_future(
        client.request(options(client), client.flow_to(address(server, Transport.UDP)))
    )
    await until(lambda: bool(held))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.respond(held[0], 200)
    await until(lambda: client.endpoint.stats.responses_received["OPTIONS", 200] == 1)
    assert client.waiting == 0


async def test_a_closing_connection_fails_what_waits_on_it_and_is_reported(
    make_transport: MakeTransport,
) -> None:
    server, client = await make_transport(), await make_transport()
    closed: list[Flow] = []
    client.flow_closed_handler = closed.append
    server.request_handler = lambda incoming: server.close_flow(incoming.flow, "a test wants it so")
    flow = await client.connect(Transport.TCP, address(server, Transport.TCP))
    with pytest.raises(FlowClosed):
        await client.request(options(client), flow)
    assert closed == [flow]
    assert not client.is_flow_open(flow)
    with pytest.raises(FlowClosed):
        await client.request(options(client), flow)


async def test_closing_the_transport_fails_what_waits(make_transport: MakeTransport) -> None:
    server, client = await make_transport(), await make_transport()
    held: list[IncomingRequest] = []
    server.request_handler = held.append
    flow = client.flow_to(address(server, Transport.UDP))
    request = asyncio.ensure_future(client.request(options(client), flow))
    call = client.invite(options(client, "INVITE"), flow)
    await until(lambda: len(held) == 2)
    await client.close()
    for waiting in (request, call.final()):
        with pytest.raises(FlowClosed):
            await waiting
    await client.close()


async def test_a_refused_connection(make_transport: MakeTransport) -> None:
    client = await make_transport()
    with pytest.raises(ConnectFailed):
        await client.connect(Transport.TCP, (HOST, free_port()))


async def test_a_tls_address_without_certificate_stops_the_start() -> None:
    with pytest.raises(ListenFailed, match="tls_certificate"):
        await SipTransport(SipTransportSettings(listens=(ListenAddress(Transport.TLS, HOST, 0),))).open()


async def test_a_client_that_does_not_speak_tls_is_dropped_and_counted(
    make_transport: MakeTransport, certificate: Certificate
) -> None:
    server = await make_transport(
        ListenAddress(Transport.TLS, HOST, 0), tls_certificate=certificate.path, tls_key=certificate.key
    )
    reader, writer = await asyncio.open_connection(*address(server, Transport.TLS))
    writer.write(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n")
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
    await until(lambda: server.stats.handshakes_failed == 1)


async def test_a_failing_handler_is_loud_answers_500_and_stops_nobody_else(
    make_transport: MakeTransport, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = await make_transport(), await make_transport()

    def fail(incoming: IncomingRequest) -> None:
        raise ZeroDivisionError("a bug")

    server.request_handler = fail
    flow = client.flow_to(address(server, Transport.UDP))
    assert (await client.request(options(client), flow)).status == 500
    assert server.stats.handler_failures == 1
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    answer_with(server, 200)
    assert (await client.request(options(client), flow)).status == 200


async def test_an_invite_is_accepted_acknowledged_and_its_repeated_200_acknowledged_again(
    make_transport: MakeTransport,
) -> None:
    client = await make_transport()
    async with ScriptedDevice("34020000001320000001", address(client, Transport.UDP)) as peer:
        call = client.invite(options(client, "INVITE"), client.flow_to(peer.address))
        invite = await peer.request("INVITE")
        peer.send(peer.response(invite, 100))
        peer.send(peer.response(invite, 200))
        response = await call.final(5.0)
        assert call.provisional is not None
        assert call.is_finished
        dialog = Dialog.from_answer(call.request, response)
        call.ack(dialog.make_ack())
        first = await peer.request("ACK")
        peer.send(peer.response(invite, 200))
        again = await peer.request("ACK")
        assert first.raw == again.raw
        call.cancel()
        assert not call.is_cancelled


async def test_a_second_branch_that_answers_too_is_acknowledged_and_ended(
    make_transport: MakeTransport,
) -> None:
    client = await make_transport()
    async with ScriptedDevice("34020000001320000001", address(client, Transport.UDP)) as peer:
        peer.answers["BYE"] = lambda request: peer.response(request, 200)
        call = client.invite(options(client, "INVITE"), client.flow_to(peer.address))
        invite = await peer.request("INVITE")
        peer.send(peer.response(invite, 200))
        call.ack(Dialog.from_answer(call.request, await call.final(5.0)).make_ack())
        await peer.request("ACK")
        peer.send(peer.response(invite, 200).replace(b"tag=dev", b"tag=fork"))
        ack, bye = await peer.request("ACK"), await peer.request("BYE")
        assert "tag=fork" in ack.get("To")
        assert "tag=fork" in bye.get("To")
        assert client.stats.stray_answers == 1


async def test_a_call_that_runs_out_of_time_is_cancelled(make_transport: MakeTransport) -> None:
    client = await make_transport()
    async with ScriptedDevice("34020000001320000001", address(client, Transport.UDP)) as peer:
        peer.answers["INVITE"] = lambda request: peer.response(request, 180)
        peer.answers["CANCEL"] = lambda request: peer.response(request, 200)
        call = client.invite(options(client, "INVITE"), client.flow_to(peer.address))
        await peer.request("INVITE")
        await until(lambda: call.provisional is not None)
        with pytest.raises(NoAnswer) as raised:
            await call.final(0.01)
        assert raised.value.heard_provisional
        await peer.request("CANCEL")
        assert call.is_cancelled


@pytest.mark.parametrize("kind", [Transport.TCP, Transport.TLS])
async def test_a_connection_that_we_opened_is_watched_over_by_the_kernel(
    make_transport: MakeTransport, certificate: Certificate, kind: Transport
) -> None:
    """A NAT that forgot it would else be noticed with the next keepalive, after a minute or more."""
    server = await make_transport(
        *listen_pair(HOST, 0),
        ListenAddress(Transport.TLS, HOST, free_port()),
        tls_certificate=certificate.path,
        tls_key=certificate.key,
    )
    client = await make_transport()
    tls = client_context(certificate.path) if kind is Transport.TLS else None
    flow = await client.connect(kind, address(server, kind), tls=tls)
    made = client._network._connections[flow.connection]._transport
    assert made is not None
    plain = made.get_extra_info("socket")
    assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == PROBE_AFTER_S
