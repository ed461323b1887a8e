"""Whom a simulated superior lets in, and what it says to those that it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.simulator.superior.desk import MAX_KEPT_NOTICES, SimulatedSuperior
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.settings import SuperiorSettings
from sipserver.sip.digest import DigestClient
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair

COUNTY = "34010200002000000001"
PASSWORD = "a password"


@pytest.fixture
async def desk() -> AsyncIterator[SimulatedSuperior]:
    opened = SimulatedSuperior(SuperiorSettings(listens=listen_pair("127.0.0.1", 0), password=PASSWORD))
    await opened.open()
    yield opened
    await opened.close()


class Below:
    """A platform that says what it is told to."""

    def __init__(self, transport: SipTransport, flow: Flow) -> None:
        self.transport = transport
        self.flow = flow
        self.cseq = 0

    async def say(self, method: str, body: bytes = b"", **headers: str) -> SipResponse:
        return await self.transport.request(self.request(method, body, **headers), self.flow, timeout_s=5.0)

    def request(self, method: str, body: bytes = b"", **headers: str) -> SipRequest:
        self.cseq += 1
        request = SipRequest(method, "sip:34000000002000000001@3400000000", (), body)
        own = f"<sip:{COUNTY}@3401020000>"
        base = {"From": f"{own};tag=a", "To": own, "Call-ID": self.transport.token()}
        for name, value in (base | {"CSeq": f"{self.cseq} {method}"} | headers).items():
            request.headers.set(name, value)
        return request

    async def register(self, password: str, expires_s: int = 3600) -> SipResponse:
        digest = DigestClient(COUNTY, password, self.transport.token)
        request = self.request("REGISTER", Expires=str(expires_s))
        challenged = await self.transport.request(request, self.flow, timeout_s=5.0)
        assert challenged.status == 401
        return await self.transport.request(digest.answer(request, challenged), self.flow, timeout_s=5.0)


@pytest.fixture
async def below(desk: SimulatedSuperior) -> AsyncIterator[Below]:
    transport = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    await transport.open()
    yield Below(transport, transport.flow_to(("127.0.0.1", desk.transport.addresses[0].port)))
    await transport.close()


def keepalive(sn: int) -> bytes:
    return manscdp.serialize_document(Keepalive(str(sn), GbId(COUNTY)).to_xml())


def notice(sn: int) -> bytes:
    return manscdp.serialize_document(manscdp.new_document("Notify", "Alarm", str(sn), COUNTY))


async def test_a_platform_comes_with_the_password_and_leaves_with_expires_0(
    desk: SimulatedSuperior, below: Below
) -> None:
    assert (await below.register("another password")).status == 401
    assert desk.refused_registrations == 1
    with pytest.raises(StepFailed, match="no subordinate is registered"):
        desk.only()
    granted = await below.register(PASSWORD, expires_s=999_999)
    assert (granted.status, granted.headers.get("Expires")) == (200, "86400")
    assert granted.headers.get("Date")
    assert (await below.say("MESSAGE", keepalive(1))).status == 200
    assert desk.only().keepalives == 1
    assert (await below.register(PASSWORD, expires_s=0)).status == 200
    assert desk.subordinates == {}


async def test_strangers_and_odd_requests_are_answered_and_change_nothing(
    desk: SimulatedSuperior, below: Below
) -> None:
    assert (await below.say("MESSAGE", keepalive(1))).status == 403
    assert (await below.say("OPTIONS")).status == 200
    assert (await below.say("PUBLISH")).status == 405
    assert (await below.say("BYE")).status == 481
    await below.register(PASSWORD)
    assert (await below.say("MESSAGE", b"<no document")).status == 400
    assert (await below.say("NOTIFY")).status == 200
    assert desk.unreadable == 1
    assert (await below.say("REGISTER", Expires="-1")).status == 401


async def test_notices_that_nobody_waits_for_are_kept_up_to_a_bound(
    desk: SimulatedSuperior, below: Below
) -> None:
    await below.register(PASSWORD)
    for sn in range(3):
        await below.say("MESSAGE", notice(sn))
    assert [each.document.sn for each in desk.notices] == ["0", "1", "2"]
    assert desk.notices.maxlen == MAX_KEPT_NOTICES
    with desk.listening(lambda heard: heard.document.sn == "7") as queue:
        await below.say("MESSAGE", notice(7))
        assert queue.get_nowait().platform_id == COUNTY
    assert len(desk.notices) == 3
