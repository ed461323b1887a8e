"""Registration upward over real sockets. GB-C128."""

from __future__ import annotations

import pytest

from cascade.errors import SuperiorOffline, SuperiorRefused
from cascade.link import BUSY_MISSES, SuperiorLink
from cascade.model import LinkState
from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.sip.flow import Transport
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.unit.cascade.conftest import OWN_ID, states_of, superior_at
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform


@pytest.mark.parametrize("kind", [Transport.UDP, Transport.TCP])
async def test_we_register_with_digest_and_stay_alive(
    above: SmallPlatform, transport: SipTransport, kind: Transport
) -> None:
    link = SuperiorLink(superior_at(above.port, transport=kind, expires_s=60), transport)
    seen = states_of(link)
    link.open()
    await above.until(lambda: len(above.of_type("Keepalive")) >= 3)
    first, *_ = above.accepted_registrations
    assert first.headers.get("X-GB-Ver") == "3.0"
    assert first.headers.get("Expires") == "60"
    assert first.uri == "sip:34020000002000000001@3402000000"
    assert f"<sip:{OWN_ID}@3401000000>" in first.headers.get("From")
    assert above.of_type("Keepalive")[0].element.findtext("DeviceID") == OWN_ID
    assert seen == [LinkState.WAITING, LinkState.REGISTERING, LinkState.ONLINE]
    assert (link.view.registrations, link.view.losses) == (1, 0)
    assert link.view.remote == ("127.0.0.1", above.port)
    await link.close()
    assert above.accepted_registrations[-1].headers.get("Expires") == "0"
    assert link.view.state is LinkState.OFF


async def test_a_registration_is_refreshed_in_time_under_one_call_id(
    above: SmallPlatform, transport: SipTransport
) -> None:
    above.granted_s = "1"
    link = SuperiorLink(superior_at(above.port), transport)
    seen = states_of(link)
    link.open()
    await above.until(lambda: link.view.registrations >= 3)
    assert len({request.headers.get("Call-ID") for request in above.accepted_registrations}) == 1
    numbers = [request.cseq.number for request in above.requests if request.method == "REGISTER"]
    assert numbers == sorted(set(numbers))
    assert seen.count(LinkState.WAITING) == 1, "never offline in between"
    await link.close()


async def test_a_superior_that_pictures_go_to_is_asked_more_often_and_lost_sooner(
    above: SmallPlatform, transport: SipTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams to nobody end within a minute, however seldom keepalives are configured."""
    monkeypatch.setattr("cascade.link.BUSY_KEEPALIVE_S", 0.05)
    monkeypatch.setattr("cascade.signalling.ANSWER_TIMEOUT_S", 0.1)
    link = SuperiorLink(superior_at(above.port, keepalive_s=3_600.0, keepalive_misses=50), transport)
    busy = False
    link.is_busy = lambda: busy
    link.open()
    await above.until(lambda: link.is_online)
    assert above.of_type("Keepalive") == []
    busy = True
    await above.until(lambda: len(above.of_type("Keepalive")) >= 3)
    above.answers_messages = False
    await above.until(lambda: link.view.losses == 1)
    assert link.view.why.startswith(f"{BUSY_MISSES} keepalives without an answer")
    await link.close()


@pytest.mark.parametrize("status", [403, 404])
async def test_a_keepalive_that_is_refused_makes_us_register_again(
    above: SmallPlatform, transport: SipTransport, status: int
) -> None:
    link = SuperiorLink(superior_at(above.port), transport, jitter=lambda: 0.0)
    above.keepalive_statuses = [200, status]
    link.open()
    await above.until(lambda: link.view.registrations == 2)
    assert link.view.losses == 1
    await link.close()


async def test_keepalives_without_an_answer_make_us_register_again(
    above: SmallPlatform, transport: SipTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.signalling.ANSWER_TIMEOUT_S", 0.1)
    link = SuperiorLink(superior_at(above.port, keepalive_misses=2), transport)
    seen: list[str] = []
    link.listeners.append(lambda changed: seen.append(changed.view.why))
    link.open()
    await above.until(lambda: link.is_online)
    above.answers_messages = False
    await above.until(lambda: link.view.losses == 1)
    assert any("2 keepalives without an answer" in why for why in seen)
    above.answers_messages = True
    await above.until(lambda: link.view.registrations >= 2)
    await link.close()


async def test_refusals_are_counted_told_and_waited_out(
    above: SmallPlatform, transport: SipTransport
) -> None:
    above.register_statuses = [403, 500]
    link = SuperiorLink(superior_at(above.port), transport)
    whys: list[str] = []
    link.listeners.append(lambda changed: whys.append(changed.view.why))
    link.open()
    await above.until(lambda: link.is_online)
    assert link.view.refusals == 2
    assert any(why.startswith("refused: 403") for why in whys)
    await link.close()


async def test_the_alternate_address_is_tried_when_the_first_does_not_answer(
    above: SmallPlatform, transport: SipTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.link.ANSWER_TIMEOUT_S", 0.2)
    superior = superior_at(9, transport=Transport.TCP, alternate=f"127.0.0.1:{above.port}")
    link = SuperiorLink(superior, transport)
    link.open()
    await above.until(lambda: link.is_online)
    assert link.view.remote == ("127.0.0.1", above.port)
    await link.close()


async def test_we_follow_where_we_are_sent_and_come_back_when_that_one_is_gone(
    above: SmallPlatform, transport: SipTransport
) -> None:
    """302: another server of the superior takes us (gb28181.md 2.6); GB-C041."""
    home = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    asked: list[str] = []

    def send_on(incoming: IncomingRequest) -> None:
        asked.append(incoming.request.method)
        home.respond(incoming, 302, headers=[("Contact", f"<sip:{PLATFORM_ID}@127.0.0.1:{above.port}>")])

    home.request_handler = send_on
    await home.open()
    link = SuperiorLink(superior_at(home.addresses[0].port), transport, jitter=lambda: 0.0)
    link.open()
    await above.until(lambda: link.is_online)
    assert asked == ["REGISTER"]
    assert link.view.remote == ("127.0.0.1", above.port)
    await above.until(lambda: len(above.of_type("Keepalive")) >= 2)
    above.keepalive_statuses = [404]
    await above.until(lambda: link.view.registrations >= 2)
    assert asked == ["REGISTER", "REGISTER"]
    await link.close()
    await home.close()


async def test_pauses_double_up_to_the_longest_and_no_two_superiors_wait_alike(
    above: SmallPlatform, transport: SipTransport
) -> None:
    """Each with a random quarter more, so that those who lost one superior do not come back together."""
    above.register_statuses = [503] * 5
    dice = iter((0.0, 0.0, 1.0, 0.0, 1.0, 0.0))
    link = SuperiorLink(
        superior_at(above.port, retry_s=0.02, retry_max_s=0.05), transport, jitter=lambda: next(dice)
    )
    pauses: list[float] = []

    def note(changed: SuperiorLink) -> None:
        view = changed.view
        if view.state is LinkState.WAITING and view.next_at is None and view.refusals:
            (client,) = changed._clients
            pauses.append(client.next_at - view.since)

    link.listeners.append(note)
    link.open()
    await above.until(lambda: link.is_online)
    await link.close()
    wanted = (0.02, 0.04 * 1.25, 0.05, 0.05 * 1.25, 0.05)
    assert pauses == pytest.approx(wanted, abs=0.005)


async def test_a_connection_that_closes_is_made_again(above: SmallPlatform, transport: SipTransport) -> None:
    link = SuperiorLink(superior_at(above.port, transport=Transport.TCP), transport)
    transport.flow_closed_handler = link.flow_closed
    link.open()
    await above.until(lambda: link.is_online)
    assert above.flow is not None
    above.transport.close_flow(above.flow, "a test")
    await above.until(lambda: link.view.registrations == 2)
    assert link.view.losses == 1
    await link.close()


async def test_a_change_registers_anew_only_where_the_registration_changes(
    above: SmallPlatform, transport: SipTransport
) -> None:
    link = SuperiorLink(superior_at(above.port, keepalive_s=3_600.0), transport)
    link.open()
    await above.until(lambda: link.is_online)
    await link.apply(superior_at(above.port, keepalive_s=0.05, name="the city"))
    await above.until(lambda: len(above.of_type("Keepalive")) >= 2)
    assert (link.view.registrations, link.superior.name) == (1, "the city")
    other = "34010000002000000002"
    await link.apply(superior_at(above.port, own_id=other))
    await above.until(lambda: link.is_online)
    assert other in above.accepted_registrations[-1].headers.get("From")
    expires = [request.headers.get("Expires") for request in above.accepted_registrations]
    assert expires[-2:] == ["0", "3600"], "the old one is left first"
    await link.apply(superior_at(above.port, own_id=other, is_enabled=False))
    assert link.view.state is LinkState.OFF
    await link.close()


async def test_documents_are_sent_only_when_registered(above: SmallPlatform, transport: SipTransport) -> None:
    link = SuperiorLink(superior_at(above.port, keepalive_s=3_600.0, advertised_host="192.0.2.7"), transport)
    element = Keepalive("1", GbId(OWN_ID)).to_xml()
    with pytest.raises(SuperiorOffline):
        await link.send_document(element)
    link.open()
    await above.until(lambda: link.is_online)
    await link.send_document(element)
    assert "192.0.2.7" in above.requests[-1].headers.get("Contact")
    above.keepalive_statuses = [488]
    with pytest.raises(SuperiorRefused) as refused:
        await link.send_document(element)
    assert refused.value.status == 488
    await link.close()
