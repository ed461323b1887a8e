"""Registration over real sockets: GB-C028 to GB-C038, GB-C042 to GB-C044."""

from __future__ import annotations

import re

import pytest

from catalog.model import Device
from sipserver.devices.events import OwnIdUsed
from sipserver.sip.flow import Transport
from sipserver.transport.tls import client_context
from tests.integration.sipserver.conftest import (
    DEVICE_ID,
    Bench,
    Certificate,
    MakeBench,
    free_port,
    offline,
    until,
)


async def test_a_device_registers_over_udp_with_the_four_messages(bench: Bench) -> None:
    """GB-C028, GB-C035, GB-C037, GB-C038."""
    async with bench.device() as device:
        first = await device.register_once()
        assert first.status == 401
        assert first.get("X-GB-Ver") == "3.0"
        assert first.get("WWW-Authenticate").startswith('Digest realm="3402000000",nonce="')
        second = await device.register_once(headers=device.credentials(first) + "X-GB-Ver: 3.0\r\n")
        assert second.status == 200
        assert second.get("Expires") == "3600"
        assert second.get("Contact") == f"<sip:{DEVICE_ID}@{device.hostport}>;expires=3600"
        assert second.get("X-GB-Ver") == "3.0"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", second.get("Date"))
        presence = bench.service.presence.get(DEVICE_ID)
        assert presence is not None
        assert presence.online
        assert presence.transport is Transport.UDP
        assert presence.remote == device.address
        assert presence.edition == "3.0"


@pytest.mark.parametrize("kind", [Transport.TCP, Transport.TLS])
async def test_a_device_registers_over_its_own_connection_and_is_reached_there(
    make_bench: MakeBench, kind: Transport, certificate: Certificate
) -> None:
    """GB-C014, GB-C015: requests of the platform come on the device's connection."""
    bench = await make_bench(
        tls_port=free_port(), tls_certificate=str(certificate.path), tls_key=str(certificate.key)
    )
    device = bench.device(kind=kind)
    await device.open(client_context(certificate.path) if kind is Transport.TLS else None)
    async with device:
        assert (await device.register()).status == 200
        presence = bench.service.presence.get(DEVICE_ID)
        assert presence is not None
        assert (presence.online, presence.transport) == (True, kind)
        query = await device.query("DeviceInfo")
        assert query.get("Via").startswith(f"SIP/2.0/{kind.value} 127.0.0.1:")


async def test_udp_and_tcp_share_one_port(bench: Bench) -> None:
    """GB-C014."""
    assert bench.address(Transport.UDP) == bench.address(Transport.TCP)


async def test_closing_the_connection_takes_the_device_offline(bench: Bench) -> None:
    """GB-C016."""
    async with bench.device(kind=Transport.TCP) as device:
        await device.register()
        gone = offline(bench)
        await device.close()
        assert await gone == "connection lost"


async def test_a_wrong_password_is_challenged_then_refused_then_met_with_silence(
    make_bench: MakeBench,
) -> None:
    """GB-C031, GB-C037, GB-C043: 401, 403 ..., nothing; and the device was never online."""
    bench = await make_bench(failures_before_403=2, failures_before_silence=4)
    async with bench.device() as device:
        statuses = [(await device.register(password="wrong")).status for _ in range(4)]
        assert statuses == [401, 403, 403, 403]
        before = bench.service.stats.registrations_silenced
        challenge = await device.register_once()
        device.send(
            device.text(
                "REGISTER",
                branch=device.branch(),
                call_id=device.call_id,
                cseq=90,
                headers=device.credentials(challenge, password="wrong"),
            )
        )
        await until(lambda: bench.service.stats.registrations_silenced == before + 1)
        assert bench.service.presence.get(DEVICE_ID) is None


async def test_a_refresh_is_authenticated_like_the_first(bench: Bench) -> None:
    """GB-C032: a known Call-ID proves nothing."""
    async with bench.device() as device:
        assert (await device.register()).status == 200
        expires_at = bench.service.presence.get(DEVICE_ID).expires_at  # type: ignore[union-attr]
        assert (await device.register_once(expires=7200)).status == 401
        assert bench.service.presence.get(DEVICE_ID).expires_at == expires_at  # type: ignore[union-attr]
        assert (await device.register(expires=7200)).status == 200
        assert bench.service.presence.get(DEVICE_ID).expires_at > expires_at  # type: ignore[union-attr]
        assert bench.service.stats.refreshes == 1


async def test_an_unregister_is_challenged_and_then_ends_the_registration(bench: Bench) -> None:
    """GB-C033."""
    async with bench.device() as device:
        await device.register()
        assert (await device.register_once(expires=0)).status == 401
        assert bench.service.presence.is_online(DEVICE_ID)
        answer = await device.register(expires=0)
        assert (answer.status, answer.get("Expires")) == (200, "0")
        assert not bench.service.presence.is_online(DEVICE_ID)


async def test_a_registration_that_is_not_refreshed_expires(make_bench: MakeBench) -> None:
    """GB-C034."""
    bench = await make_bench(keepalive_interval_s=600.0)
    async with bench.device() as device:
        await device.register(expires=100)
        gone = offline(bench)
        bench.clock.ahead_s = 99.0
        await bench.service.presence.tick()
        assert bench.service.presence.is_online(DEVICE_ID)
        bench.clock.ahead_s = 101.0
        await bench.service.presence.tick()
        assert await gone == "registration expired"


async def test_requests_go_to_the_source_and_not_to_a_contact_that_lies(bench: Bench) -> None:
    """GB-C020, Q1: the Contact names an address of another network."""
    async with bench.device() as device:
        challenge = await device.register_once()
        contact = f"Contact: <sip:{device.id}@10.0.0.9:5060>\r\nExpires: 3600\r\n"
        headers = contact + device.credentials(challenge)
        assert (await device.ask("REGISTER", call_id=device.call_id, headers=headers)).status == 200
        assert (await device.query("DeviceInfo")).is_request
        presence = bench.service.presence.get(DEVICE_ID)
        assert presence is not None
        assert presence.remote == device.address


async def test_the_contact_parameter_wins_over_the_expires_header(bench: Bench) -> None:
    async with bench.device() as device:
        challenge = await device.register_once()
        answer = await device.ask(
            "REGISTER",
            call_id=device.call_id,
            headers=f"Contact: <sip:{device.id}@10.0.0.9:5060>;expires=120\r\nExpires: 3600\r\n"
            + device.credentials(challenge),
        )
        assert answer.get("Expires") == "120"
        assert answer.get("Contact") == f"<sip:{device.id}@10.0.0.9:5060>;expires=120"


async def test_the_date_can_be_switched_off_for_one_device(make_bench: MakeBench) -> None:
    """GB-C036."""
    bench = await make_bench(date_off_ids=(DEVICE_ID,))
    async with bench.device() as device:
        assert (await device.register()).get("Date") == ""


async def test_the_platforms_own_id_is_refused_with_an_event(bench: Bench) -> None:
    """GB-C044."""
    events: list[object] = []
    bench.service.presence.subscribe(events.append)
    async with bench.device(bench.settings.id) as device:
        answer = await device.register_once()
        assert (answer.status, answer.get("X-GB-Ver")) == (403, "3.0")
    assert events == [OwnIdUsed("127.0.0.1")]


async def test_a_used_nonce_gets_a_stale_challenge(bench: Bench) -> None:
    """GB-C042."""
    async with bench.device() as device:
        challenge = await device.register_once()
        assert (await device.register_once(headers=device.credentials(challenge))).status == 200
        again = await device.register_once(headers=device.credentials(challenge))
        assert again.status == 401
        assert "stale=true" in again.get("WWW-Authenticate")


async def test_the_digest_is_computed_with_the_uri_of_the_authorization(bench: Bench) -> None:
    """GB-C030, Q13."""
    async with bench.device() as device:
        challenge = await device.register_once()
        credentials = device.credentials(challenge, uri="sip:34020000002000000001@10.9.9.9:5060")
        assert (await device.register_once(headers=credentials)).status == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"blocked_ids": (DEVICE_ID,)},
        {"blocked_networks": ("127.0.0.0/8",)},
        {"blocked_user_agents": ("badcam",)},
        {"allow_list": True},
        {"password": ""},
    ],
    ids=lambda settings: next(iter(settings)),
)
async def test_who_may_not_register_gets_403_with_the_version(
    make_bench: MakeBench, settings: dict[str, object]
) -> None:
    """GB-C037."""
    bench = await make_bench(**settings)
    async with bench.device() as device:
        answer = await device.register(headers="User-Agent: BadCam 1.0\r\n")
        assert (answer.status, answer.get("X-GB-Ver")) == (403, "3.0")
        assert not bench.service.presence.is_online(DEVICE_ID)


async def test_a_device_without_password_is_admitted_only_by_explicit_choice(make_bench: MakeBench) -> None:
    bench = await make_bench(password="", allow_empty_password=True)
    async with bench.device() as device:
        assert (await device.register_once()).status == 200


async def test_an_allow_listed_device_registers_with_its_own_password(make_bench: MakeBench) -> None:
    bench = await make_bench(allow_list=True)
    bench.service.device_changed(Device(device_id=DEVICE_ID, allowed=True))
    async with bench.device() as device:
        assert (await device.register()).status == 200
        bench.service.device_changed(Device(device_id=DEVICE_ID, allowed=True, blocked=True))
        assert not bench.service.presence.is_online(DEVICE_ID)


async def test_a_source_that_asks_too_often_gets_no_answer_and_others_do(make_bench: MakeBench) -> None:
    """GB-C043."""
    bench = await make_bench(attempts_burst=5, attempts_per_second=0.01)
    async with bench.device() as flood:
        for _ in range(5):
            assert (await flood.register_once()).status == 401
        flood.send(flood.text("REGISTER", branch=flood.branch(), call_id="x", cseq=99))
        await until(lambda: bench.service.stats.registrations_silenced == 1)
    async with bench.device("34020000001180000006", local=("127.0.0.2", 0)) as honest:
        assert (await honest.register()).status == 200


async def test_a_source_that_guesses_passwords_of_many_devices_gets_few_answers(
    make_bench: MakeBench,
) -> None:
    """However many first REGISTERs a source may send, wrong credentials have a bound of their own."""
    bench = await make_bench(failures_burst=3, failures_per_second=0.01)
    for number in range(4):
        async with bench.device(f"3402000000118000010{number}") as guess:
            challenge = await guess.register_once()
            assert challenge.status == 401
            guess.send(
                guess.text(
                    "REGISTER",
                    branch="z9hG4bKguess",
                    call_id=guess.call_id,
                    cseq=90,
                    headers=guess.credentials(challenge, password="wrong"),
                )
            )
            if number < 3:
                assert (await guess.final("z9hG4bKguess")).status == 401
            else:
                await until(lambda: bench.service.stats.registrations_silenced == 1)
    async with bench.device() as honest:
        assert (await honest.register()).status == 200


async def test_a_county_behind_one_address_may_come_back_at_once(bench: Bench) -> None:
    """The defaults: a first REGISTER is no failed attempt, and thousands of them are answered."""
    assert (bench.settings.attempts_burst, bench.settings.attempts_per_second) == (5000, 200.0)
    async with bench.device() as device:
        for _ in range(500):
            assert (await device.register_once()).status == 401
    assert bench.service.stats.registrations_silenced == 0


async def test_answers_go_to_the_packet_source_with_received_and_rport(bench: Bench) -> None:
    """GB-C019: Via names another host, as behind NAT."""
    async with bench.device() as device:
        text = device.text("REGISTER", branch="z9hG4bKnat1", call_id="nat", cseq=1)
        device.send(text.replace(device.hostport.encode() + b";rport", b"10.0.0.8:5060;rport", 1))
        answer = await device.final("z9hG4bKnat1")
        assert f"rport={device.address[1]}" in answer.get("Via")
        assert "received=127.0.0.1" in answer.get("Via")
        assert answer.get("Via").startswith("SIP/2.0/UDP 10.0.0.8:5060")


@pytest.mark.parametrize("device_id", ["123", "3402000000118000000X", ""])
async def test_an_id_that_is_none_is_refused_unless_rigs_are_welcome(
    make_bench: MakeBench, device_id: str
) -> None:
    strict, relaxed = await make_bench(), await make_bench(accept_any_id=True)
    async with strict.device(device_id) as device:
        assert (await device.register_once()).status == 403
    async with relaxed.device(device_id) as device:
        assert (await device.register()).status == (200 if device_id else 403)


async def test_a_star_removes_and_says_nothing_else(bench: Bench) -> None:
    async with bench.device() as device:
        await device.register()
        for expires, status in ((60, 400), (0, 200)):
            challenge = await device.register_once()
            answer = await device.ask(
                "REGISTER",
                call_id=device.call_id,
                headers=f"Contact: *\r\nExpires: {expires}\r\n" + device.credentials(challenge),
            )
            assert answer.status == status
        assert not bench.service.presence.is_online(DEVICE_ID)


async def test_a_user_name_that_differs_from_the_id_is_taken_unless_forbidden(make_bench: MakeBench) -> None:
    for must_be_id, status in ((False, 200), (True, 403)):
        bench = await make_bench(username_must_be_id=must_be_id)
        async with bench.device() as device:
            challenge = await device.register_once()
            device_id, device.id = device.id, "admin"
            credentials = device.credentials(challenge)
            device.id = device_id
            assert (await device.register_once(headers=credentials)).status == status


async def test_a_removed_device_is_gone_and_may_come_back(bench: Bench) -> None:
    async with bench.device() as device:
        await device.register()
        bench.service.device_removed(DEVICE_ID)
        assert bench.service.presence.get(DEVICE_ID) is None
        assert (await device.register()).status == 200
