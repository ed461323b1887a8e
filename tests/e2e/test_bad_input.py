"""A hostile network against the real platform: counted, sampled in the log, no crash, no amplification."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from console.client import LiveSession, ProblemError
from media.settings import parse_port_range
from sipserver.sip.flow import Transport
from tests.support.hostile import (
    STRANGER,
    DatagramPeer,
    answerable,
    hostile_documents,
    hostile_rtp,
    keepalive,
    register_with_wrong_password,
    rtp,
    sip,
    smallest,
    unanswerable,
    xml,
)
from tests.support.hostile_peers import (
    connect,
    drop,
    exchange,
    held,
    watching,
)
from tests.support.platform_process import ADMIN_PASSWORD, SIP_PASSWORD, PlatformProcess, eventually
from tests.support.platform_scene import camera, cameras, known_channel, logged_in, metric

# The 401 of a REGISTER carries a challenge; a request can hardly be shorter than a hundred bytes.
AMPLIFICATION_MAX = 3.0
FLOOD_REGISTERS = 9_000
FLOOD_MEMORY_MAX_BYTES = 40_000_000
# 64 MiB of half messages are held in all, and buffers grow by doubling.
HALF_MESSAGES_MEMORY_MAX_BYTES = 110_000_000
LOG_LINES_MAX = 40


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    yield process
    process.kill()


def own(platform: PlatformProcess) -> psutil.Process:
    assert platform.process is not None
    return psutil.Process(platform.process.pid)


def memory(platform: PlatformProcess) -> int:
    return int(own(platform).memory_info().rss)


def sip_address(platform: PlatformProcess) -> tuple[str, int]:
    return "127.0.0.1", platform.sip_port


_markers = iter(f"127.9.{high}.{low}" for high in range(256) for low in range(1, 255))


async def settled(platform: PlatformProcess) -> None:
    """Everything sent before is dealt with: a socket is read in order, and this has an answer."""
    with DatagramPeer(sip_address(platform), next(_markers)) as peer:
        for _ in range(20):
            peer.send(sip("OPTIONS"))
            try:
                assert (await peer.next(1.0)).startswith(b"SIP/2.0 200 ")
            except TimeoutError:
                continue  # lost in a full socket buffer
            return
    raise AssertionError("the platform does not answer SIP any more")


async def is_sound(platform: PlatformProcess) -> None:
    """The process lives, nothing was left to a handler's last resort, and no secret reached the log."""
    assert await metric(platform, "gb28181_transport_handler_failures_total") == 0
    assert await platform.stop() == 0
    text = platform.log()
    assert "Traceback" not in text
    assert " ERROR " not in text
    assert SIP_PASSWORD not in text
    assert ADMIN_PASSWORD not in text


# ------------------------------------------------------------------ SIP


async def test_sip_datagrams_of_strangers(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, keepalive_interval_s=0.2)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        malformed = await metric(platform, "gb28181_sip_malformed_total")
        lines = len(platform.log().splitlines())

        garbage = list(unanswerable())
        with DatagramPeer(sip_address(platform)) as stranger:
            for data in garbage * 20:
                stranger.send(data)
                if stranger.sent_packets % 20 == 0:
                    await settled(platform)
            for ping in (b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\0"):
                stranger.send(ping)
            await settled(platform)
            assert stranger.take() == []
        assert await metric(platform, "gb28181_sip_malformed_total") >= malformed + 10 * len(garbage)
        assert await metric(platform, "gb28181_transport_datagram_pings_total") >= 4

        with DatagramPeer(sip_address(platform)) as stranger:
            requests = [
                *answerable(made.device_id),
                *map(smallest, ("REGISTER", "OPTIONS", "MESSAGE", "BYE", "CANCEL", "SUBSCRIBE", "NOTIFY")),
            ]
            worst = 0.0
            for data in requests:
                before = stranger.received_bytes
                stranger.send(data)
                await settled(platform)
                worst = max(worst, (stranger.received_bytes - before) / len(data))
            assert len(stranger.take()) <= len(requests)
            print(
                f"amplification: worst {worst:.2f}, all {stranger.received_bytes / stranger.sent_bytes:.2f}"
            )
            assert worst <= AMPLIFICATION_MAX

        assert await metric(platform, "gb28181_devices_strangers_refused_total") > 10
        assert await metric(platform, "gb28181_devices_forged_sources_total") > 2
        # Documents of the camera's own address reach the XML parser; each has one answer.
        with DatagramPeer(sip_address(platform), "127.0.0.1") as camera_host:
            bodies = list(hostile_documents(made.device_id))
            for body in bodies:
                kind = ("Content-Type: Application/MANSCDP+xml",)
                camera_host.send(sip(sender=made.device_id, headers=kind, body=body))
            await settled(platform)
            answers = [data[:12] for data in camera_host.take()]
            assert len(answers) == len(bodies)
            assert set(answers) <= {b"SIP/2.0 200 ", b"SIP/2.0 400 "}
        assert await metric(platform, "gb28181_devices_malformed_bodies_total") >= 5

        assert len(platform.log().splitlines()) - lines < LOG_LINES_MAX
        heard = await metric(platform, "gb28181_devices_keepalives_total")

        async def still_heard() -> bool:
            return await metric(platform, "gb28181_devices_keepalives_total") > heard + 3

        await eventually(still_heard, "the camera is heard and answered as before")
        assert (await client.device(made.device_id)).online
        assert "root:" not in str((await client.device(made.device_id)).model_dump())
    await is_sound(platform)


async def test_a_flood_of_registers_is_silenced_and_takes_little_memory(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, keepalive_interval_s=0.5)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        await metric(platform, "gb28181_sip_malformed_total")
        before, lines = memory(platform), len(platform.log().splitlines())
        answered = sent = 0
        for number in range(FLOOD_REGISTERS // 900):
            with DatagramPeer(sip_address(platform), f"127.7.0.{number + 1}") as stranger:
                for index in range(900):
                    stranger.send(register_with_wrong_password(f"3402000000132{index % 300:07d}"))
                    if index % 150 == 149:
                        await settled(platform)
                answered += len(stranger.take())
                sent += stranger.sent_packets
        grown = memory(platform) - before
        print(f"flood: {sent} REGISTERs, {answered} answers, {grown / 1e6:.1f} MB")
        assert grown < FLOOD_MEMORY_MAX_BYTES
        assert answered < sent * 0.6
        assert await metric(platform, "gb28181_devices_registrations_silenced_total") > sent * 0.2
        assert len(platform.log().splitlines()) - lines < LOG_LINES_MAX
        assert [device.device_id async for device in client.all_devices()] == [made.device_id]
        # A wrong password of a stranger does not lock the camera out: it comes in again.
        with DatagramPeer(sip_address(platform)) as stranger:
            for _ in range(20):
                stranger.send(register_with_wrong_password(made.device_id))
            await settled(platform)
        newcomer = camera(platform, 1)
        async with cameras(newcomer):
            await known_channel(client, newcomer.all_channel_ids[0])
        assert (await client.device(made.device_id)).online
    await is_sound(platform)


async def test_sip_connections_of_strangers(platform: PlatformProcess) -> None:
    platform.environment["TONGSHI_SIP__CONNECTIONS_PER_SOURCE_MAX"] = "100"
    await platform.start()
    made = camera(platform, transport=Transport.TCP, keepalive_interval_s=0.3)
    address = sip_address(platform)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        before = memory(platform)
        wrong_lengths = [("-1",), ("5", "6"), ("99999999",), ("x" * 100,)]
        streams = [
            sip(headers=tuple(f"Content-Length: {each}" for each in lengths), length=False, transport="TCP")
            for lengths in wrong_lengths
        ]
        streams += [b"x" * 70_000, b"\0" * 70_000 + b"x" * 70_000, b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000]
        streams += [sip(headers=("X: " + "y" * 70_000,), transport="TCP"), b"\x16\x03\x01" + b"\xff" * 70_000]
        for answer in await asyncio.gather(*(exchange(address, data) for data in streams)):
            assert answer == b"" or answer.startswith(b"SIP/2.0 400 ")
        assert await metric(platform, "gb28181_transport_connections_malformed_total") >= len(streams) - 1

        # What comes in single bytes is one request; garbage before a length that is right is not.
        reader, writer = await connect(address)
        for byte in sip("OPTIONS", transport="TCP"):
            writer.write(bytes((byte,)))
            await writer.drain()
        assert (await reader.readline()).startswith(b"SIP/2.0 200 ")
        await drop(writer)

        half = sip(transport="TCP", headers=("Content-Length: 7999999",), length=False) + b"x" * 2_000_000
        async with held(address, 60, "127.0.0.68") as begun, held(address, 150, "127.0.0.69"):
            for _, writer in begun:
                writer.write(half)

            async def bounded() -> bool:
                refused = await metric(platform, "gb28181_transport_connections_refused_total")
                dropped = await metric(platform, "gb28181_transport_connections_overflowed_total")
                return refused >= 50 and dropped > 20

            await eventually(bounded, "connections above the limit and too many half messages are refused")
            grown = memory(platform) - before
            print(f"half messages: 60 of 2 MB each, {grown / 1e6:.1f} MB")
            assert grown < HALF_MESSAGES_MEMORY_MAX_BYTES
            heard = await metric(platform, "gb28181_devices_keepalives_total")

            async def still_heard() -> bool:
                return await metric(platform, "gb28181_devices_keepalives_total") > heard + 3

            await eventually(still_heard, "the camera's own connection goes on")
        assert (await client.device(made.device_id)).online
    await is_sound(platform)


async def test_lies_about_who_one_is(platform: PlatformProcess) -> None:
    """A stranger's requests in a camera's name change nothing about it, and nothing about another one."""
    await platform.start()
    first, second = camera(platform, 0), camera(platform, 1)
    async with cameras(first, second), logged_in(platform) as client:
        for made in (first, second):
            await known_channel(client, made.all_channel_ids[0])
        live = await client.open_live(first.all_channel_ids[0])
        async with watching(live.urls.fmp4_http) as watcher:
            kind = ("Content-Type: Application/MANSCDP+xml",)
            with DatagramPeer(sip_address(platform)) as stranger:
                off = xml("Notify", "MediaStatus", first.all_channel_ids[0], b"<NotifyType>121</NotifyType>")
                for body in (off, keepalive(second.device_id), xml("Response", "Catalog", first.device_id)):
                    stranger.send(sip(sender=first.device_id, headers=kind, body=body))
                stranger.send(sip("BYE", sender=first.all_channel_ids[0]))
                stranger.send(sip("REGISTER", sender=first.device_id, headers=("Expires: 0", "Contact: *")))
                await settled(platform)
                assert {data[:12] for data in stranger.take()} <= {
                    b"SIP/2.0 200 ",
                    b"SIP/2.0 401 ",
                    b"SIP/2.0 403 ",
                }
            await watcher.more(10)
        # A camera that speaks for another one is believed for itself alone.
        with DatagramPeer(sip_address(platform), "127.0.0.1") as liar:
            liar.send(sip(sender=first.device_id, headers=kind, body=keepalive(second.device_id)))
            assert (await liar.next()).startswith(b"SIP/2.0 ")
        for made in (first, second):
            device = await client.device(made.device_id)
            assert (device.online, device.remote and device.remote.split(":")[0]) == (True, "127.0.0.1")
            assert [c.channel_id async for c in client.all_channels(made.device_id)] == [
                made.all_channel_ids[0]
            ]
    await is_sound(platform)


# ------------------------------------------------------------------ media


def receive_ports(platform: PlatformProcess, kind: str) -> list[int]:
    """Ports that receive media now."""
    first, last = parse_port_range(platform.rtp_ports)
    return sorted(
        each.laddr.port for each in own(platform).net_connections(kind) if first <= each.laddr.port <= last
    )


async def test_rtp_of_strangers(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        live = await client.open_live(made.all_channel_ids[0])
        before = await client.session(live.session_id)
        assert before.ssrc is not None
        ssrc = int(before.ssrc)
        flood = [*hostile_rtp(ssrc), *hostile_rtp(ssrc + 1)]
        flood += [rtp(number, ssrc) for number in range(300)] + [rtp(number, 7) for number in range(300)]
        async with watching(live.urls.fmp4_http) as watcher:
            for host in (STRANGER, "127.0.0.1"):
                for port in receive_ports(platform, "udp4"):
                    with DatagramPeer(("127.0.0.1", port), host) as stranger:
                        for data in flood:
                            stranger.send(data)
                        assert stranger.take() == []
            await watcher.more(25)
        after = await client.session(live.session_id)
        assert after.stranger_packets >= 600
        assert after.malformed_packets > 0
        assert (after.source, after.ssrc, after.lost_packets) == (
            before.source,
            before.ssrc,
            before.lost_packets,
        )
        assert after.video is not None
        assert after.video.codec == "H264"
    await is_sound(platform)


async def test_connections_of_strangers_to_a_passive_port(platform: PlatformProcess) -> None:
    await platform.start()
    made = camera(platform, transport=Transport.TCP)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        live = await client.open_live(made.all_channel_ids[0])
        before = await client.session(live.session_id)
        (port, *_) = receive_ports(platform, "tcp4")
        packet = rtp(1, int(before.ssrc or 0))
        pieces = [
            b"",
            b"$",
            b"$\0\xff\xff" + b"\0" * 10,
            b"\xff\xff",
            b"\0\0" * 50_000,
            bytes(range(256)) * 400,
            len(packet).to_bytes(2) + packet,
            b"$\0" + len(packet).to_bytes(2) + packet,
        ]
        async with watching(live.urls.fmp4_http) as watcher:
            for piece in pieces:
                await exchange(("127.0.0.1", port), piece)
            await watcher.more(25)
        after = await client.session(live.session_id)
        assert after.stranger_packets >= len(pieces)
        assert (after.source, after.ssrc) == (before.source, before.ssrc)
    await is_sound(platform)


async def _outcome(platform: PlatformProcess, channel_id: str) -> LiveSession | ProblemError:
    async with logged_in(platform) as client:
        await known_channel(client, channel_id)
        try:
            return await client.open_live(channel_id)
        except ProblemError as problem:
            return problem


async def test_each_fault_of_a_camera_has_its_outcome(platform: PlatformProcess) -> None:
    platform.environment.update(
        {
            "TONGSHI_SIP__INVITE_TIMEOUT_S": "2",
            "TONGSHI_SIP__KEYFRAME_TIMEOUT_S": "12",
            "TONGSHI_SIP__TCP_KEYFRAME_TIMEOUT_S": "12",
            "TONGSHI_MEDIA__STRICT_SSRC": "true",
        }
    )
    await platform.start()
    faults = {
        "wrong-ssrc": (502, "wrong-ssrc"),
        "no-answer": (504, "no-answer"),
        "no-psm": "H264",
        "late-stream": "H264",
    }
    fleet = [camera(platform, index, faults=(name,)) for index, name in enumerate(faults)]
    fleet.append(camera(platform, 8, faults=("late-stream",), transport=Transport.TCP))
    locked_out = camera(platform, 9, faults=("wrong-password",))
    async with cameras(*fleet, locked_out), logged_in(platform) as client:
        asking = [asyncio.create_task(_outcome(platform, each.all_channel_ids[0])) for each in fleet]
        # While two cameras are late, strangers are early.
        disturbing = asyncio.create_task(_disturb(platform))
        outcomes = await asyncio.gather(*asking)
        disturbing.cancel()
        await asyncio.gather(disturbing, return_exceptions=True)
        for made, expected, outcome in zip(fleet, [*faults.values(), "H264"], outcomes, strict=True):
            if isinstance(outcome, ProblemError):
                assert (outcome.status, outcome.code) == expected, (made.faults, str(outcome))
                assert len(outcome.detail) > 20
            else:
                assert outcome.video.codec == expected, made.faults
        assert not [
            device async for device in client.all_devices() if device.device_id == locked_out.device_id
        ]
        assert await metric(platform, "gb28181_devices_registrations_refused_total") > 0
    await is_sound(platform)


async def _disturb(platform: PlatformProcess) -> None:
    while True:
        for port in receive_ports(platform, "udp4"):
            with DatagramPeer(("127.0.0.1", port)) as stranger:
                for data in (*hostile_rtp(1), *(rtp(number, 77) for number in range(10))):
                    stranger.send(data)
        for port in receive_ports(platform, "tcp4"):
            try:
                _, writer = await connect(("127.0.0.1", port))
            except OSError:
                continue
            writer.write(bytes(range(256)))
            await asyncio.sleep(0.05)
            await drop(writer)
        await asyncio.sleep(0.2)
