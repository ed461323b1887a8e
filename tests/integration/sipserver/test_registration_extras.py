"""Redirects and overload over real sockets: GB-C040, C041."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from catalog.model import Device
from sipserver.devices.features import FeatureSettings
from sipserver.devices.registration.overload import LATE_IN_A_ROW
from sipserver.devices.registration.settings import RegistrationSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import DEVICE_ID, PASSWORD, Bench, MakeBench, until

TARGET_ID = "34020000002000000002"


def registration(**settings: Any) -> FeatureSettings:
    return FeatureSettings(registration=RegistrationSettings(**settings))


def redirecting_to(*benches: Bench, **settings: Any) -> FeatureSettings:
    targets = {
        "{}@{}:{}".format(bench.settings.id, *bench.address()): weight
        for weight, bench in enumerate(benches, start=1)
    }
    return registration(redirect_targets=targets, **settings)


async def test_in_redirect_mode_a_device_that_proved_its_password_is_sent_away(make_bench: MakeBench) -> None:
    """GB-C040, GB-C037: 302 with Contact, Expires and X-GB-Ver; a wrong password learns nothing."""
    bench = await make_bench(features=registration(redirect_targets={f"{TARGET_ID}@198.51.100.7:5062": 1}))
    async with bench.device() as device:
        first = await device.register_once()
        assert (first.status, first.get("X-GB-Ver")) == (401, "3.0")
        assert (await device.register(password="wrong")).status == 401
        answer = await device.register()
        assert answer.status == 302
        assert answer.get("Contact") == f"<sip:{TARGET_ID}@198.51.100.7:5062>"
        assert answer.get("Expires") == "3600"
        assert answer.get("X-GB-Ver") == "3.0"
        assert not bench.service.presence.is_online(DEVICE_ID)
        assert bench.service.stats.registrations_redirected == 1
        assert (await device.register(expires=0)).status == 200


async def test_a_redirect_server_may_answer_without_a_challenge(make_bench: MakeBench) -> None:
    """GB-C040: the 401 round is optional."""
    features = registration(
        redirect_targets={f"{TARGET_ID}@198.51.100.7:5062": 1}, redirect_before_password=True
    )
    bench = await make_bench(features=features, attempts_burst=3, attempts_per_second=0.01)
    async with bench.device() as device:
        for _ in range(3):
            assert (await device.register_once()).status == 302
        device.send(device.text("REGISTER", branch=device.branch(), call_id="x", cseq=99))
        await until(lambda: bench.service.stats.registrations_silenced == 1)


async def test_a_device_that_is_kept_is_served_here(make_bench: MakeBench) -> None:
    features = registration(
        redirect_targets={f"{TARGET_ID}@198.51.100.7:5062": 1}, redirect_kept_ids=(DEVICE_ID,)
    )
    bench = await make_bench(features=features)
    async with bench.device() as device:
        assert (await device.register()).status == 200


@pytest.fixture
async def fleet() -> AsyncIterator[list[SimulatedDevice]]:
    devices: list[SimulatedDevice] = []
    yield devices
    await asyncio.gather(*(device.stop() for device in devices))


async def started(bench: Bench, fleet: list[SimulatedDevice], **changes: Any) -> SimulatedDevice:
    host, port = bench.address(changes.get("transport", Transport.UDP))
    values = {"register_retry_s": 0.05, "keepalive_interval_s": 0.05, "answer_timeout_s": 0.3, "channels": 0}
    device = SimulatedDevice(
        SimulatedDeviceSettings(
            DEVICE_ID, bench.settings.id, host, port, password=PASSWORD, **(values | changes)
        )
    )
    fleet.append(device)
    await device.start()
    return device


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_a_device_follows_the_redirect_and_lives_at_the_other_server(
    make_bench: MakeBench, fleet: list[SimulatedDevice], transport: Transport
) -> None:
    """GB-C041: registered where it was sent, its keepalives too."""
    target = await make_bench(id=TARGET_ID)
    home = await make_bench(features=redirecting_to(target))
    device = await started(home, fleet, transport=transport)
    await device.wait_registered(5.0)
    await until(lambda: target.service.stats.keepalives >= 2)
    assert target.service.presence.is_online(DEVICE_ID)
    assert not home.service.presence.is_online(DEVICE_ID)
    assert device.stats.redirects_followed == 1
    assert home.service.stats.keepalives == 0


async def test_a_device_returns_to_the_redirect_server_when_its_server_dies(
    make_bench: MakeBench, fleet: list[SimulatedDevice]
) -> None:
    """GB-C041: and is sent to the next server, because it came back so soon."""
    first, second = await make_bench(id=TARGET_ID), await make_bench(id="34020000002000000003")
    home = await make_bench(features=redirecting_to(first, second))
    device = await started(home, fleet, keepalive_misses=2)
    await device.wait_registered(5.0)
    dead, living = (first, second) if first.service.presence.is_online(DEVICE_ID) else (second, first)
    dead.service.presence.forget(DEVICE_ID)
    await dead.transport.close()
    await until(lambda: living.service.presence.is_online(DEVICE_ID), 10.0)
    assert home.service.stats.registrations_redirected == 2
    assert device.stats.redirects_followed == 2


async def test_a_device_that_its_new_server_refuses_comes_home_and_is_served_when_home_serves(
    make_bench: MakeBench, fleet: list[SimulatedDevice]
) -> None:
    """GB-C041: 403 leads back."""
    target = await make_bench(id=TARGET_ID, blocked_ids=(DEVICE_ID,))
    home = await make_bench(features=redirecting_to(target))
    device = await started(home, fleet)
    await until(lambda: home.service.stats.registrations_redirected >= 2)
    assert not device.is_registered
    assert target.service.stats.registrations_refused["blocked id"] >= 1


def fall_behind(bench: Bench) -> None:
    for _ in range(LATE_IN_A_ROW):
        bench.service.overload.sample(1.0, bench.clock())


async def test_while_the_platform_is_behind_new_devices_are_put_off_and_known_ones_served(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(features=registration(retry_after_min_s=7))
    async with bench.device() as known, bench.device("34020000001180000006") as other:
        assert (await known.register()).status == 200
        challenge = await other.register_once()
        fall_behind(bench)
        answer = await other.register_once()
        assert (answer.status, answer.get("Retry-After")) == (503, "7")
        assert answer.get("X-GB-Ver") == "3.0"
        # Who answers a challenge is served, and so is who is registered.
        assert (await other.register_once(headers=other.credentials(challenge))).status == 200
        assert (await known.register()).status == 200
        assert bench.service.stats.registrations_put_off == 1


async def test_a_simulated_device_waits_as_long_as_it_is_told(
    make_bench: MakeBench, fleet: list[SimulatedDevice]
) -> None:
    bench = await make_bench(features=registration(retry_after_min_s=1))
    fall_behind(bench)
    device = await started(bench, fleet)
    await until(lambda: bench.service.stats.registrations_put_off == 1)
    assert not device.is_registered
    bench.service.overload.is_behind = False
    await device.wait_registered(5.0)


async def test_many_at_once_are_granted_different_times_so_that_they_do_not_return_together(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(features=registration(paced_per_second=1, expires_spread=0.2))
    granted = set()
    for number in range(8):
        async with bench.device(f"3402000000118000000{number}") as device:
            granted.add(int((await device.register()).get("Expires")))
    assert len(granted) > 2
    assert all(3600 * 0.8 <= expires <= 3600 for expires in granted)


async def test_the_date_is_left_out_for_a_device_that_an_operator_chose(bench: Bench) -> None:
    """GB-C036: by the column of the catalogue."""
    bench.service.device_changed(Device(device_id=DEVICE_ID, send_date=False))
    async with bench.device() as device, bench.device("34020000001180000006") as other:
        assert (await device.register()).get("Date") == ""
        assert (await other.register()).get("Date")
    bench.service.device_changed(Device(device_id=DEVICE_ID, send_date=True))
    async with bench.device() as device:
        assert (await device.register()).get("Date")


@pytest.mark.parametrize("fault", ["lan-contact", "no-from-tag", "odd-digest-uri", "empty-keepalive"])
async def test_oddities_of_registering_devices_do_no_harm(
    make_bench: MakeBench, fleet: list[SimulatedDevice], fault: str
) -> None:
    """Q1, Q19, Q13, Q3; GB-C020, GB-C030, GB-C048."""
    bench = await make_bench()
    device = await started(bench, fleet, faults=(fault,))
    await device.wait_registered(5.0)
    alive = bench.service.stats
    await until(lambda: alive.keepalives + alive.empty_keepalives >= 2)
    assert (alive.empty_keepalives >= 2) == (fault == "empty-keepalive")
    assert (await bench.service.query_info(DEVICE_ID)).manufacturer == "Tongshi"


async def test_a_refresh_with_used_credentials_is_challenged_as_stale_and_succeeds(
    make_bench: MakeBench, fleet: list[SimulatedDevice]
) -> None:
    """Q12, GB-C042."""
    bench = await make_bench(expires_min_s=1)
    device = await started(bench, fleet, faults=("old-nonce",), expires_s=1)
    await device.wait_registered(5.0)
    await until(lambda: bench.service.stats.refreshes >= 1)
    assert bench.service.stats.challenges >= 2
    assert not bench.service.stats.registrations_refused


async def test_a_device_with_the_factory_setting_of_its_id_is_refused(
    make_bench: MakeBench, fleet: list[SimulatedDevice]
) -> None:
    """Q4, GB-C044."""
    bench = await make_bench()
    device = await started(bench, fleet, faults=("platform-id",))
    await until(lambda: bench.service.stats.registrations_refused["own id"] >= 1)
    assert not device.is_registered
