"""Bad input from devices: each reaction as the table in sipserver/devices/README.md states it."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

import pytest

from sipserver.gb.manscdp import MAX_ITEMS
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import ScriptedDevice
from tests.support.valid_bodies import COMMANDS, valid_body

OTHER_ID = "34020000001180000009"
PLATFORM_ID = "34020000002000000001"
CHANNEL = "34020000001310000005"


def document(root: str, cmd_type: str, inside: str = "", device_id: str = DEVICE_ID, sn: str = "1") -> bytes:
    return (
        f"<{root}><CmdType>{cmd_type}</CmdType><SN>{sn}</SN><DeviceID>{device_id}</DeviceID>{inside}</{root}>"
    ).encode()


async def asked_for_catalog(device: ScriptedDevice) -> str:
    """Register; the SN of the Catalog query that follows."""
    await device.register()
    return (await device.query("Catalog")).xml("SN")


async def test_an_unknown_command_gets_200_and_one_line(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """GB-C080: counted each time, logged once for each device and command."""
    caplog.set_level(logging.WARNING, "sipserver.devices.unknown_commands")
    async with bench.device() as device, bench.device(OTHER_ID) as other:
        await device.register()
        await other.register()
        for _ in range(3):
            assert (await device.message(document("Notify", "Weather"))).status == 200
            assert (await device.ask("NOTIFY", body=document("Notify", "Weather"))).status == 200
        assert (await device.message(document("Query", "Weather"))).status == 200
        assert (await other.message(document("Notify", "Weather"))).status == 200
        assert bench.service.stats.unknown_commands == 8
        lines = [record.getMessage() for record in caplog.records if "Weather" in record.getMessage()]
        assert len(lines) == 3, lines


async def test_commands_that_only_a_platform_sends_to_a_device_are_unknown_here(bench: Bench) -> None:
    """A device that asks or commands us gets 200 and nothing else. GB-C080."""
    async with bench.device() as device:
        await device.register()
        before = len(device.seen)
        wrong_way = [command for command in COMMANDS if command[0] in ("Query", "Control")]
        for command in wrong_way:
            body = valid_body(*command, device=PLATFORM_ID, channel=CHANNEL)
            assert (await device.message(body.encode())).status == 200
        assert bench.service.stats.unknown_commands == len(wrong_way)
        asked = [each for each in device.seen[before:] if each.is_request and b"<Response>" in each.body]
        assert asked == []


@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY", "INFO", "SUBSCRIBE", "INVITE", "PUBLISH"])
async def test_a_forged_source_gets_403_and_changes_nothing(bench: Bench, method: str) -> None:
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as forger:
        await device.register()
        answer = await forger.ask(method, body=document("Notify", "Keepalive"))
        assert (answer.status, bench.service.stats.forged_sources) == (403, 1)
        seen = bench.service.presence.get(DEVICE_ID)
        assert seen is not None
        assert seen.remote == device.address
        assert bench.service.stats.keepalives == 0


async def test_a_forged_goodbye_ends_nothing(bench: Bench) -> None:
    """BYE and an unregistering REGISTER in another one's name, from another address."""
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as forger:
        await device.register()
        assert (await forger.ask("BYE")).status == 200
        assert (await forger.register_once(expires=0)).status == 401
        assert (await forger.register(expires=0, password="guessed")).status in (401, 403)
        assert bench.service.presence.is_online(DEVICE_ID)


async def test_a_replayed_registration_is_challenged_again(bench: Bench) -> None:
    """GB-C042: who recorded a REGISTER can neither repeat it nor use it to log the device out."""
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as thief:
        challenge = await device.register_once()
        credentials = device.credentials(challenge)
        assert (await device.register_once(headers=credentials)).status == 200
        for expires in (3600, 0):
            again = await thief.register_once(expires=expires, headers=credentials)
            assert (again.status, "stale=true" in again.get("WWW-Authenticate")) == (401, True)
        seen = bench.service.presence.get(DEVICE_ID)
        assert seen is not None
        assert seen.remote == device.address


@pytest.mark.parametrize("named", [OTHER_ID, PLATFORM_ID], ids=["another device", "ours"])
async def test_a_keepalive_counts_for_its_sender_whatever_id_it_names(bench: Bench, named: str) -> None:
    async with bench.device() as device, bench.device(OTHER_ID) as other:
        await device.register()
        await other.register()
        body = document("Notify", "Keepalive", "<Status>OK</Status>", named)
        assert (await device.message(body)).status == 200
        theirs = bench.service.presence.get(OTHER_ID)
        assert theirs is not None
        assert theirs.last_keepalive_at is None
        mine = bench.service.presence.get(DEVICE_ID)
        assert mine is not None
        assert mine.last_keepalive_at is not None
        assert not bench.service.presence.is_online(PLATFORM_ID)


@pytest.mark.parametrize("named", [OTHER_ID, PLATFORM_ID], ids=["another device", "ours"])
async def test_an_answer_counts_for_its_sender_whatever_id_it_names(
    make_bench: MakeBench, named: str
) -> None:
    """A device cannot answer what another one was asked, and its items are stored under its own name."""
    bench = await make_bench(query_timeout_s=0.5, catalog_quiet_s=5.0)
    async with bench.device() as device, bench.device(OTHER_ID) as other:
        await asked_for_catalog(device)
        others_sn = await asked_for_catalog(other)
        item = f"<SumNum>1</SumNum><DeviceList Num='1'><Item><DeviceID>{named}</DeviceID></Item></DeviceList>"
        forged = document("Response", "Catalog", item, OTHER_ID, others_sn)
        assert (await device.message(forged)).status == 200
        # Taken for its own answer with a changed SN (Q28): the other one is still waited for.
        await until(lambda: bench.service.stats.catalogs_complete == 1)
        assert bench.service.catalog_sync.running == [OTHER_ID]
        assert [(key.device_id, key.channel_id) for key in bench.catalog.channels] == [(DEVICE_ID, named)]


async def test_a_sender_with_our_own_id_is_nobody(bench: Bench) -> None:
    """GB-C044: it cannot register, so nothing it sends counts."""
    async with bench.device(PLATFORM_ID) as device:
        assert (await device.register_once()).status == 403
        assert (await device.keepalive()).status == 403
        assert bench.service.stats.keepalives == 0


async def test_ten_thousand_items_in_60_kilobytes_cost_one_fragment(make_bench: MakeBench) -> None:
    """GB-C017: no item has an id; the catalogue stays what it was, and others are served meanwhile."""
    bench = await make_bench(query_timeout_s=0.2, catalog_quiet_s=5.0)
    device = await bench.device(kind=Transport.TCP).open()
    async with device, bench.device(OTHER_ID) as other:
        await other.register()
        sn = await asked_for_catalog(device)
        items = "<Item/>" * MAX_ITEMS
        body = document(
            "Response", "Catalog", f"<SumNum>{MAX_ITEMS}</SumNum><DeviceList>{items}</DeviceList>", sn=sn
        )
        assert 60_000 < len(body) < 75_000
        began = monotonic()
        sending = asyncio.ensure_future(device.message(body))
        assert (await other.keepalive()).status == 200
        assert (await sending).status == 200
        assert monotonic() - began < 5.0
        await until(lambda: bench.service.catalog_sync.running == [])
        assert bench.catalog.channels == {}
        assert bench.service.stats.catalogs_complete == 0
        too_long = document("Response", "Catalog", f"<DeviceList>{items}<Item/></DeviceList>", sn=sn)
        assert (await device.message(too_long)).status == 400
        assert bench.service.stats.malformed_bodies == 1


@pytest.mark.parametrize(
    ("cmd_type", "status"),
    [
        ("Catalog", 481),
        ("PTZPosition", 481),
        ("Alarm", 200),
        ("MobilePosition", 200),
        ("VideoUploadNotify", 200),
        ("MediaStatus", 200),
        ("Weather", 200),
    ],
)
async def test_a_notify_without_a_subscription(bench: Bench, cmd_type: str, status: int) -> None:
    """GB-C095: a report is taken from anybody who is registered, a change of state is not."""
    async with bench.device() as device:
        await device.register()
        if ("Notify", cmd_type) in COMMANDS:
            body = valid_body("Notify", cmd_type, device=DEVICE_ID, channel=CHANNEL).encode("gb18030")
        else:
            body = document("Notify", cmd_type)
        assert (await device.ask("NOTIFY", body=body)).status == status
        assert bench.catalog.notified == []
        assert bench.service.presence.is_online(DEVICE_ID)


@pytest.mark.parametrize("status", [200, 400])
async def test_what_cannot_be_read_is_still_a_sign_of_life(bench: Bench, status: int) -> None:
    """GB-C057: 400 for what is no document, 200 for a command whose fields are missing."""
    async with bench.device() as device:
        await device.register()
        body = b"<Notify><CmdType>" if status == 400 else b"<Notify><CmdType>Alarm</CmdType></Notify>"
        assert (await device.message(body)).status == status
        assert bench.service.stats.malformed_bodies == 1
        assert bench.service.presence.is_online(DEVICE_ID)
