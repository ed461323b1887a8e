"""Requests of registered devices, of strangers, and of nobody at all."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sipserver.devices.events import DeviceMoved
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>&b;</DeviceID></Notify>"
)


async def test_a_keepalive_gets_200_without_body_and_is_noted(bench: Bench) -> None:
    """GB-C045."""
    async with bench.device() as device:
        await device.register()
        answer = await device.keepalive()
        assert (answer.status, answer.body) == (200, b"")
        assert bench.service.stats.keepalives == 1
        assert bench.service.presence.get(DEVICE_ID).last_keepalive_at is not None  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [Transport.UDP, Transport.TCP])
async def test_a_keepalive_of_an_unregistered_device_is_refused_so_that_it_registers(
    bench: Bench, kind: Transport
) -> None:
    """GB-C047."""
    device = bench.device(kind=kind)
    await device.open()
    async with device:
        assert (await device.keepalive()).status == 403
        assert bench.service.stats.strangers_refused == 1


async def test_a_keepalive_from_a_new_port_moves_the_device(bench: Bench) -> None:
    """GB-C021: NAT gave it another port."""
    events: list[object] = []
    bench.service.presence.subscribe(events.append)
    async with bench.device() as device:
        await device.register()
        old = device.hostport
    async with bench.device() as moved:
        assert (await moved.keepalive()).status == 200
        assert bench.service.presence.get(DEVICE_ID).remote == moved.address  # type: ignore[union-attr]
        assert DeviceMoved(DEVICE_ID, old, moved.hostport) in events


async def test_a_keepalive_from_another_host_is_a_forgery(bench: Bench) -> None:
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as forger:
        await device.register()
        assert (await forger.keepalive()).status == 403
        assert bench.service.presence.get(DEVICE_ID).remote == device.address  # type: ignore[union-attr]
        assert bench.service.stats.forged_sources == 1
        assert bench.service.stats.keepalives == 0


async def test_a_keepalive_from_another_host_moves_the_device_when_that_is_allowed(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench(allow_address_change=True)
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as moved:
        await device.register()
        assert (await moved.keepalive()).status == 200
        assert bench.service.presence.get(DEVICE_ID).remote == moved.address  # type: ignore[union-attr]


async def test_an_empty_message_counts_as_keepalive(bench: Bench) -> None:
    """GB-C048."""
    async with bench.device() as device:
        await device.register()
        assert (await device.ask("MESSAGE")).status == 200
        assert bench.service.stats.empty_keepalives == 1


async def test_a_keepalive_under_a_channel_id_is_mapped_by_its_source(bench: Bench) -> None:
    async with bench.device() as device:
        await device.register()
        from_ = "<sip:34020000001320000077@3402000000>;tag=c"
        assert (await device.keepalive(from_=from_)).status == 200
        assert bench.service.stats.keepalives == 1


async def test_a_message_of_60_kilobytes_over_udp_is_understood(bench: Bench) -> None:
    """GB-C017."""
    async with bench.device() as device:
        await device.register()
        filler = "<Info>" + "x" * 60_000 + "</Info>"
        body = (
            f"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>{device.id}</DeviceID>"
            f"<Status>OK</Status>{filler}</Notify>"
        )
        assert (await device.message(body.encode())).status == 200
        assert bench.service.stats.keepalives == 1


async def test_a_repeated_message_gets_the_same_answer_and_is_executed_once(bench: Bench) -> None:
    """GB-C022."""
    async with bench.device() as device:
        await device.register()
        body = b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>1</DeviceID></Notify>"
        text = device.text("MESSAGE", branch="z9hG4bKtwice", call_id="twice", cseq=7, body=body)
        device.send(text)
        first = await device.final("z9hG4bKtwice")
        device.send(text)
        second = await device.final("z9hG4bKtwice")
        assert first.raw == second.raw
        assert bench.service.stats.keepalives == 1


async def test_options_is_answered_and_an_unknown_method_gets_405_with_allow(bench: Bench) -> None:
    """GB-C025."""
    async with bench.device() as device:
        await device.register()
        assert (await device.ask("OPTIONS")).status == 200
        answer = await device.ask("PUBLISH")
        assert answer.status == 405
        assert {"MESSAGE", "INVITE", "NOTIFY"} <= set(answer.get("Allow").replace(",", " ").split())


@pytest.mark.parametrize(
    ("method", "status"), [("INVITE", 488), ("BYE", 200), ("INFO", 481), ("NOTIFY", 200), ("SUBSCRIBE", 489)]
)
async def test_requests_out_of_any_dialog(bench: Bench, method: str, status: int) -> None:
    async with bench.device() as device:
        await device.register()
        assert (await device.ask(method)).status == status


async def test_an_unknown_command_gets_200_and_is_counted(bench: Bench) -> None:
    """GB-C080."""
    async with bench.device() as device:
        await device.register()
        body = f"<Notify><CmdType>Odd</CmdType><SN>1</SN><DeviceID>{device.id}</DeviceID></Notify>"
        assert (await device.message(body.encode())).status == 200
        assert bench.service.stats.unknown_commands == 1


@pytest.mark.parametrize(
    "body", [BOMB, b"not xml", b"<Notify><SN>1</SN></Notify>"], ids=["bomb", "text", "head"]
)
async def test_a_body_that_cannot_be_read_gets_400_and_changes_nothing(bench: Bench, body: bytes) -> None:
    """GB-C057."""
    async with bench.device() as device:
        await device.register()
        assert (await device.message(body)).status == 400
        assert bench.service.stats.malformed_bodies == 1
        assert bench.service.stats.keepalives == 0


async def test_junk_is_not_answered_and_harms_nobody(bench: Bench) -> None:
    """GB-C026."""
    junk = [b"\r\n\r\n", b"\0\0\0\0", b"hello", b"\xff" * 1400, b"SIP/2.0 200 OK\r\n\r\n", b"INVITE\r\n\r\n"]
    async with bench.device() as device:
        for data in junk:
            device.send(data)
        await until(
            lambda: (
                bench.transport.stats.datagram_pings + bench.transport.endpoint.stats.malformed == len(junk)
            )
        )
        assert device.seen == []
        assert (await device.register()).status == 200


async def test_a_flood_of_strangers_gets_a_bounded_number_of_answers(make_bench: MakeBench) -> None:
    bench = await make_bench(attempts_burst=3, attempts_per_second=0.01)
    async with bench.device() as stranger:
        for number in range(20):
            stranger.send(
                stranger.text("MESSAGE", branch=f"z9hG4bKf{number}", call_id=f"f{number}", cseq=1, body=b"x")
            )
        await until(lambda: bench.service.stats.strangers_refused == 20)
        await stranger.final("z9hG4bKf2")
        assert len(stranger.seen) == 3


async def test_several_messages_in_one_segment_and_one_in_many(bench: Bench) -> None:
    """GB-C027."""
    device = bench.device(kind=Transport.TCP)
    await device.open()
    async with device:
        await device.register()
        texts = [
            device.text("OPTIONS", branch=f"z9hG4bKs{number}", call_id=f"s{number}", cseq=1)
            for number in (1, 2, 3)
        ]
        device.send(b"\r\n\r\n" + texts[0] + texts[1] + texts[2][:40])
        await device.final("z9hG4bKs1")
        await device.final("z9hG4bKs2")
        device.send(texts[2][40:])
        assert (await device.final("z9hG4bKs3")).status == 200


async def test_a_connection_that_sends_rubbish_is_closed_and_counted(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection(*bench.address(Transport.TCP))
    writer.write(b"INVITE x SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n")
    await ended(reader)
    writer.close()
    assert bench.transport.stats.connections_malformed == 1


async def test_connections_beyond_the_limit_of_a_source_are_refused(make_bench: MakeBench) -> None:
    bench = await make_bench(connections_per_source_max=2)
    writers = []
    for _ in range(2):
        _, writer = await asyncio.open_connection(*bench.address(Transport.TCP))
        writers.append(writer)
    await until(lambda: bench.transport.connection_count == 2)
    reader, third = await asyncio.open_connection(*bench.address(Transport.TCP))
    await ended(reader)
    assert bench.transport.stats.connections_refused == 1
    for writer in (*writers, third):
        writer.close()
    await until(lambda: bench.transport.connection_count == 0)


async def test_a_connection_with_half_a_message_is_closed_at_its_deadline(bench: Bench) -> None:
    reader, writer = await asyncio.open_connection(*bench.address(Transport.TCP))
    writer.write(b"REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\nVia: ")
    await until(lambda: bench.transport.connection_count == 1)
    bench.clock.ahead_s = 31.0
    bench.transport.sweep()
    await ended(reader)
    writer.close()
    assert bench.transport.stats.connections_timed_out == 1


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait for the other side to close, politely or not."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""


async def test_a_keepalive_in_another_form_and_its_faulty_devices(bench: Bench) -> None:
    """GB-C049: attributes, another order, faults."""
    async with bench.device() as device:
        await device.register()
        body = (
            "<notify><SN>7</SN><CmdType>keepalive</CmdType><Status>ERROR</Status>"
            f"<DeviceID>{device.id}</DeviceID><Info><DeviceID>34020000001320000001</DeviceID></Info></notify>"
        )
        assert (await device.message(body.encode())).status == 200
        assert bench.service.stats.keepalives == 1
        entry = bench.service.presence.table.get(DEVICE_ID)
        assert entry is not None
        assert entry.faulty == ("34020000001320000001",)
        await device.keepalive()
        assert entry.faulty == ()


async def test_a_notify_with_a_body_is_read_out_of_a_dialog_too(bench: Bench) -> None:
    """Q44."""
    async with bench.device() as device:
        await device.register()
        body = f"<Notify><CmdType>Weather</CmdType><SN>1</SN><DeviceID>{device.id}</DeviceID></Notify>"
        assert (await device.ask("NOTIFY", body=body.encode())).status == 200
        assert bench.service.stats.unknown_commands == 1


async def test_the_status_of_a_device(make_bench: MakeBench) -> None:
    bench = await make_bench(asks_devices=False)
    async with bench.device() as device:
        await device.register()
        task = asyncio.ensure_future(bench.service.query_status(DEVICE_ID))
        sn = (await device.query("DeviceStatus")).xml("SN")
        await device.message(
            f"<Response><CmdType>DeviceStatus</CmdType><SN>{sn}</SN><DeviceID>{device.id}</DeviceID>"
            "<Result>OK</Result><Online>ONLINE</Online><Status>OK</Status></Response>".encode()
        )
        status = await task
        assert (status.ok, status.online, status.healthy) == (True, True, True)
        unexpected = (
            f"<Response><CmdType>Catalog</CmdType><SN>9</SN><DeviceID>{device.id}</DeviceID></Response>"
        )
        await device.message(unexpected.encode())
        assert bench.service.stats.unexpected_responses == 1
