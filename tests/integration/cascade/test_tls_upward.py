"""Superiors over TLS: whom we trust, what is said when we do not, and what else takes that connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cascade.link import SuperiorLink
from cascade.model import LinkState, Superior
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.run import KINDS, run_steps
from sipserver.simulator.superior.settings import SuperiorSettings
from sipserver.simulator.superior.steps import parse_line
from sipserver.sip.flow import Transport
from sipserver.transport.driver import SipTransport
from sipserver.transport.settings import ListenAddress, SipTransportSettings, listen_pair
from tests.integration.cascade.conftest import Below
from tests.integration.cascade.test_catalogue_upward import EVERYTHING
from tests.support.certificates import Authority, Certificate
from tests.unit.sipserver.simulator.small_platform import PASSWORD, PLATFORM_ID

HOST = "127.0.0.1"
OWN_ID = "34010000002000000001"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "province")


@contextlib.asynccontextmanager
async def superior_with(certificate: Certificate) -> AsyncIterator[SimulatedSuperior]:
    settings = SuperiorSettings(
        superior_id=PLATFORM_ID,
        listens=(ListenAddress(Transport.TLS, HOST, 0),),
        password=PASSWORD,
        tls_certificate=certificate.path,
        tls_key=certificate.key,
    )
    opened = SimulatedSuperior(settings)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@contextlib.asynccontextmanager
async def our_transport(own: Certificate | None = None) -> AsyncIterator[SipTransport]:
    settings = SipTransportSettings(
        listens=listen_pair(HOST, 0),
        tls_certificate=own.path if own else None,
        tls_key=own.key if own else None,
    )
    opened = SipTransport(settings)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


def over_tls(port: int, **values: Any) -> Superior:
    base: dict[str, Any] = {
        "superior_id": PLATFORM_ID,
        "host": HOST,
        "port": port,
        "transport": Transport.TLS,
        "own_id": OWN_ID,
        "password": PASSWORD,
        "retry_s": 0.05,
        "retry_max_s": 0.2,
        "keepalive_s": 0.2,
    }
    return Superior(**base | values)


async def until(claim: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not claim():  # noqa: ASYNC110 - many things may make it true
            await asyncio.sleep(0.01)


async def why_not(superior: Superior, own: Certificate | None = None) -> str:
    """What is said of a superior that cannot be reached."""
    async with our_transport(own) as transport:
        link = SuperiorLink(superior, transport)
        link.open()
        await until(lambda: link.view.state is LinkState.WAITING and link.view.why)
        assert not link.is_online
        why = link.view.why
        await link.close()
        return why


async def test_a_superior_whose_certificate_an_authority_of_ours_signed_is_registered_with(
    authority: Authority,
) -> None:
    """GB-C128: register, keepalive and goodbye over one TLS connection."""
    async with superior_with(authority.issue(HOST)) as above, our_transport() as transport:
        port = above.transport.addresses[0].port
        link = SuperiorLink(over_tls(port, tls_authorities=str(authority.path)), transport)
        link.open()
        await until(lambda: link.is_online)
        (seen,) = above.subordinates.values()
        assert seen.flow.transport is Transport.TLS
        await until(lambda: seen.keepalives >= 2)
        assert above.transport.connection_count == 1
        await link.close()
        assert not above.subordinates


async def test_a_certificate_that_is_not_good_enough_is_told_as_the_reason(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    trusted: dict[str, Any] = {"tls_authorities": str(authority.path)}
    for certificate, settings, said in (
        (stranger.issue(HOST), trusted, "its certificate is not accepted: .*issuer"),
        (authority.issue("192.0.2.9"), trusted, "its certificate is not accepted: IP address mismatch"),
        (
            authority.issue(HOST),
            trusted | {"tls_name": "sip.province.example"},
            "not accepted: Hostname mismatch",
        ),
        (authority.issue(HOST, age=timedelta(days=9)), trusted, "not accepted: certificate has expired"),
        (authority.issue(HOST), {}, "not accepted: unable to get local issuer"),
        (authority.issue(HOST), {"tls_authorities": str(tmp_path / "none.pem")}, "none.pem: .*No such file"),
        (authority.issue(HOST), {"tls_authorities": str(tmp_path / "empty.pem")}, "empty.pem: "),
    ):
        (tmp_path / "empty.pem").write_text("nothing")
        async with superior_with(certificate) as above:
            port = above.transport.addresses[0].port
            why = await why_not(over_tls(port, **settings))
            with pytest.raises(AssertionError, match=said):  # shows the whole text when it is another
                raise AssertionError(why)
            assert not above.subordinates


async def test_a_name_that_is_not_its_address_is_accepted_and_unchecked_is_unchecked(
    authority: Authority,
) -> None:
    for certificate, settings in (
        (
            authority.issue("sip.province.example"),
            {"tls_authorities": str(authority.path), "tls_name": "sip.province.example"},
        ),
        (authority.issue("192.0.2.9", age=timedelta(days=9)), {"tls_verify": False}),
    ):
        async with superior_with(certificate) as above, our_transport() as transport:
            link = SuperiorLink(over_tls(above.transport.addresses[0].port, **settings), transport)
            link.open()
            await until(lambda link=link: link.is_online)  # type: ignore[misc]
            await link.close()


async def test_a_superior_that_speaks_no_tls_and_one_that_refuses_are_told_apart() -> None:
    def answer_plainly(listening: socket.socket) -> None:
        with listening.accept()[0] as made:
            made.recv(100)
            made.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")

    with socket.create_server((HOST, 0)) as listening:
        listening.settimeout(10.0)
        port = listening.getsockname()[1]
        answering = asyncio.create_task(asyncio.to_thread(answer_plainly, listening))
        said = await why_not(over_tls(port, tls_verify=False, retry_s=60.0))
        await answering
        assert "no TLS is spoken there" in said
    assert "cannot connect to" in await why_not(over_tls(port, tls_verify=False))


async def test_a_superior_that_asks_for_our_certificate_is_shown_that_of_the_platform(
    authority: Authority,
) -> None:
    own = authority.issue("county.example")
    server = authority.issue(HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.path, server.key)
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED

    def accept(listening: socket.socket) -> Any:
        """One connection, until its first bytes."""
        with listening.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as made:
            made.recv(100)
            return made.getpeercert()

    with socket.create_server((HOST, 0)) as listening:
        listening.settimeout(10.0)
        port = listening.getsockname()[1]
        accepting = asyncio.create_task(asyncio.to_thread(accept, listening))
        async with our_transport(own) as us:
            link = SuperiorLink(over_tls(port, tls_authorities=str(authority.path), retry_s=60.0), us)
            link.open()
            shown = await accepting
            assert ("DNS", "county.example") in shown["subjectAltName"]
            await link.close()
    assert "with tls_key" in await why_not(over_tls(port), Certificate(own.path, authority.path))


async def test_a_lost_connection_is_made_again_and_a_renewed_certificate_needs_no_restart(
    authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.path.read_bytes())
    async with our_transport() as transport:
        async with superior_with(authority.issue(HOST)) as above:
            port = above.transport.addresses[0].port
            link = SuperiorLink(over_tls(port, tls_authorities=str(trusted)), transport)
            transport.flow_closed_handler = link.flow_closed
            link.open()
            await until(lambda: link.is_online)
        await until(lambda: not link.is_online)
        other = Authority(tmp_path, "other")
        trusted.write_bytes(other.path.read_bytes())
        certificate = other.issue(HOST)
        settings = SuperiorSettings(
            superior_id=PLATFORM_ID,
            listens=(ListenAddress(Transport.TLS, HOST, port),),
            password=PASSWORD,
            tls_certificate=certificate.path,
            tls_key=certificate.key,
        )
        again = SimulatedSuperior(settings)
        await again.open()
        await until(lambda: link.is_online)
        assert link.view.losses == 1
        await link.close()
        await again.close()


async def test_a_superior_asks_over_the_tls_connection(below: Below, authority: Authority) -> None:
    """GB-C129: queries and refusals travel over the connection that we made."""
    await below.cameras(3)
    async with superior_with(authority.issue(HOST)) as above:
        port = above.transport.addresses[0].port
        trusted = str(authority.path)
        await below.superiors.add(over_tls(port, tls_authorities=trusted, shares=EVERYTHING))
        lines = [
            "wait-registered",
            "options",
            "catalogue at_least=4 timeout_s=3",
            "device-info",
            "bad-wrong-to",
        ]
        results = await run_steps(above, [parse_line(KINDS, line) for line in lines])
        assert [str(each) for each in results if not each.passed] == []
        assert above.transport.connection_count == 1
        await below.superiors.remove(PLATFORM_ID)
