"""A simulated device against a small platform, over real sockets.

GB-C028, C051, C061, C100, C102, C103, C111.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from media.ps import AccessUnit, PsDemuxer
from media.rtp import RtpPacket, TcpDeframer
from sipserver.gb import sdp
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages import read_message
from sipserver.gb.messages.catalog import CatalogQuery, CatalogResponse
from sipserver.gb.messages.device_control import DeviceControl, KeyframeCommand
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.gb.sdp import SessionDescription, Setup
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.run import run_camera, run_fleet, run_nvr
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.sip.flow import Transport
from sipserver.transport.errors import NoAnswer
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

Make = Callable[..., SimulatedDeviceSettings]
Start = Callable[[SimulatedDeviceSettings], Awaitable[SimulatedDevice]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts devices, waits until they are registered, stops them."""
    started: list[SimulatedDevice] = []

    async def begin(settings: SimulatedDeviceSettings) -> SimulatedDevice:
        device = SimulatedDevice(settings)
        started.append(device)
        await device.start()
        await device.wait_registered(10.0)
        return device

    yield begin
    for device in started:
        await device.stop()


def offer_to(receiver: socket.socket, setup: Setup | None = None) -> SessionDescription:
    return sdp.make_offer(PLATFORM_ID, "127.0.0.1", receiver.getsockname()[1], "0200000001", setup=setup)


async def packets_of(receiver: socket.socket, count: int) -> list[RtpPacket]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10.0):
        return [RtpPacket.parse(await loop.sock_recv(receiver, 65_536)) for _ in range(count)]


def pictures_of(packets: list[RtpPacket]) -> list[AccessUnit]:
    demuxer = PsDemuxer()
    units = [unit for packet in packets for unit in demuxer.receive(packet.payload, packet.timestamp)]
    return [unit for unit in units if unit.is_video]


# ------------------------------------------------------------------ registration


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_registers_with_digest_over_either_transport(
    platform: SmallPlatform, settings_of: Make, start: Start, transport: Transport
) -> None:
    """GB-C028."""
    device = await start(settings_of(transport=transport, edition=Edition.V3_0))
    assert device.is_registered
    first, second = platform.requests[:2]
    assert not first.headers.get("Authorization")
    assert second.headers.get("Authorization").startswith("Digest ")
    assert (first.call_id, second.cseq.number) == (second.call_id, first.cseq.number + 1)
    assert second.headers.get("X-GB-Ver") == "3.0"
    assert second.contact is not None
    assert second.contact.uri.host == "127.0.0.1"


async def test_sends_keepalives_and_refreshes_at_two_thirds(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    await start(settings_of(keepalive_interval_s=0.05, expires_s=1))
    await platform.until(lambda: len(platform.accepted_registrations) >= 2)
    assert len(platform.of_type("Keepalive")) >= 3
    assert len({request.call_id for request in platform.accepted_registrations}) == 1


async def test_period_that_the_platform_grants_counts(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    platform.granted_s = "1"
    await start(settings_of(expires_s=86_400))
    await platform.until(lambda: len(platform.accepted_registrations) >= 2)


@pytest.mark.parametrize("status", [401, 403])
async def test_registers_again_when_a_keepalive_is_refused(
    platform: SmallPlatform, settings_of: Make, start: Start, status: int
) -> None:
    """Q11: that is how a restarted platform gets its devices back."""
    platform.keepalive_statuses = [200, status]
    device = await start(settings_of(keepalive_interval_s=0.05))
    await platform.until(lambda: len(platform.accepted_registrations) >= 2)
    await device.wait_registered(5.0)


async def test_registers_again_after_keepalives_without_an_answer(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    platform.answers_messages = False
    device = await start(settings_of(keepalive_interval_s=0.02, answer_timeout_s=0.1, keepalive_misses=2))
    await platform.until(lambda: len(platform.accepted_registrations) >= 2)
    assert device.stats.keepalives_unanswered >= 2


async def test_tries_again_when_it_is_refused(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    platform.register_statuses = [403, 500]
    device = await start(settings_of())
    assert device.stats.registrations_refused == 2


async def test_connects_again_when_its_connection_closes(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    await start(settings_of(transport=Transport.TCP))
    first = platform.flow
    assert first is not None
    platform.transport.close_flow(first, "test")
    await platform.until(lambda: len(platform.accepted_registrations) >= 2)
    assert platform.flow != first


async def test_unregisters_when_it_stops(platform: SmallPlatform, settings_of: Make, start: Start) -> None:
    device = await start(settings_of())
    await device.stop()
    await device.stop()
    assert platform.accepted_registrations[-1].headers.get("Expires") == "0"
    assert not device.is_registered


async def test_wrong_password_never_gets_in(platform: SmallPlatform, settings_of: Make) -> None:
    device = SimulatedDevice(settings_of(faults=("wrong-password",)))
    await device.start()
    await platform.until(lambda: device.stats.registrations_refused >= 1)
    with pytest.raises(TimeoutError):
        await device.wait_registered(0.05)
    await device.stop()


async def test_nobody_there_is_tried_again(platform: SmallPlatform, settings_of: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    device = SimulatedDevice(settings_of(transport=Transport.TCP, server_port=port))
    await device.start()
    await platform.until(lambda: device.stats.registrations_refused >= 2)
    await device.stop()


# ------------------------------------------------------------------ queries


async def test_catalogue_comes_in_serial_fragments_with_chinese_names(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """GB-C051, C061."""
    settings = settings_of(channels=5, fragment_size=2)
    await start(settings)
    answer = await platform.send(settings.device_id, CatalogQuery("0042", GbId(settings.device_id)).to_xml())
    assert (answer.status, answer.body) == (200, b"")
    await platform.until(lambda: len(platform.of_type("Catalog")) == 3)
    parts = [read_message(document) for document in platform.of_type("Catalog")]
    items = [item for part in parts if isinstance(part, CatalogResponse) for item in part.items]
    assert tuple(item.device_id for item in items) == settings.all_channel_ids
    assert {document.sn for document in platform.of_type("Catalog")} == {"0042"}
    assert {document.charset for document in platform.of_type("Catalog")} == {"GB2312"}
    assert items[0].name == "东门1号"
    assert items[0].parent_ids == (settings.device_id,)


async def test_other_queries_are_answered(platform: SmallPlatform, settings_of: Make, start: Start) -> None:
    settings = settings_of(name="仿真机")
    await start(settings)
    own = GbId(settings.device_id)
    await platform.send(own, DeviceInfoQuery("1", own).to_xml())
    await platform.send(own, DeviceStatusQuery("2", own).to_xml())
    await platform.until(lambda: bool(platform.of_type("DeviceStatus")))
    info = read_message(platform.of_type("DeviceInfo")[0])
    status = read_message(platform.of_type("DeviceStatus")[0])
    assert isinstance(info, DeviceInfoResponse)
    assert (info.name, info.channels) == ("仿真机", 1)
    assert isinstance(status, DeviceStatusResponse)
    assert (status.online, status.healthy) == (True, True)


async def test_options_and_unknown_methods_are_answered(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """GB-C025."""
    settings = settings_of()
    await start(settings)
    assert (await platform.ask("OPTIONS", settings.device_id)).status == 200
    refused = await platform.ask("PUBLISH", settings.device_id)
    assert (refused.status, "INVITE" in refused.headers.get("Allow")) == (405, True)
    assert (await platform.ask("MESSAGE", settings.device_id)).status == 400


# ------------------------------------------------------------------ streams


async def test_streams_over_udp_after_ack_until_bye(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """GB-C100, C102: PS with the agreed SSRC, first picture a key frame."""
    device = await start(settings_of())
    channel = device.settings.all_channel_ids[0]
    response, dialog = await platform.invite(channel, offer_to(receiver))
    answer = SessionDescription.parse(response.body)
    assert (answer.owner_id, answer.ssrc, answer.payload.name) == (channel, "0200000001", "PS")
    assert answer.format is not None
    assert answer.format.size == (160, 96)
    packets = await packets_of(receiver, 30)
    assert {packet.ssrc for packet in packets} == {200_000_001}
    assert [packet.sequence for packet in packets] == list(range(30))
    pictures = pictures_of(packets)
    assert pictures[0].keyframe
    assert [picture.pts_90k for picture in pictures] == [3600 * number for number in range(len(pictures))]
    assert dialog is not None
    assert (await platform.bye(dialog)).status == 200
    assert device.streams == 0


async def test_nothing_is_sent_after_bye(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """Field lesson 9; another stream shows that time went by."""
    device = await start(settings_of())
    channel = device.settings.all_channel_ids[0]
    _, dialog = await platform.invite(channel, offer_to(receiver))
    await platform.invite(channel, replace(offer_to(receiver), ssrc="0200000002"))
    await packets_of(receiver, 20)
    assert dialog is not None
    await platform.bye(dialog)
    with contextlib.suppress(BlockingIOError):
        while True:
            receiver.recv(65_536)
    assert {packet.ssrc for packet in await packets_of(receiver, 20)} == {200_000_002}


async def test_streams_over_tcp_with_the_platform_listening(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """GB-C102: setup:passive, the device connects; RFC 4571 framing."""
    device = await start(settings_of())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        response, dialog = await platform.invite(
            device.settings.all_channel_ids[0], offer_to(server, Setup.PASSIVE)
        )
        assert SessionDescription.parse(response.body).setup is Setup.ACTIVE
        await _expect_framed_pictures(server)
        assert dialog is not None
        await platform.bye(dialog)


async def test_connects_only_after_several_attempts(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """GB-C103."""
    device = await start(settings_of(media_connect_attempts=50))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    offer = sdp.make_offer(PLATFORM_ID, "127.0.0.1", port, "0200000001", setup=Setup.PASSIVE)
    await platform.invite(device.settings.all_channel_ids[0], offer)
    await platform.until(lambda: device.stats.media_connects_failed >= 2)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.setblocking(False)
        await _expect_framed_pictures(server)


async def test_gives_up_with_bye_when_nobody_accepts_the_media(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    device = await start(settings_of())
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    offer = sdp.make_offer(PLATFORM_ID, "127.0.0.1", port, "0200000001", setup=Setup.PASSIVE)
    await platform.invite(device.settings.all_channel_ids[0], offer)
    await platform.until(lambda: bool(platform.byes))
    assert device.streams == 0


async def test_streams_over_tcp_with_the_device_listening(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """GB-C102: setup:active, the platform connects."""
    device = await start(settings_of())
    offer = sdp.make_offer(PLATFORM_ID, "127.0.0.1", 9, "0200000001", setup=Setup.ACTIVE)
    response, _ = await platform.invite(device.settings.all_channel_ids[0], offer)
    answer = SessionDescription.parse(response.body)
    assert answer.setup is Setup.PASSIVE
    reader, writer = await asyncio.open_connection(answer.host, answer.port)
    deframer, packets = TcpDeframer(), []
    async with asyncio.timeout(10.0):
        while len(packets) < 20:
            packets += deframer.receive_data(await reader.read(65_536))
    assert pictures_of([RtpPacket.parse(packet) for packet in packets])[0].keyframe
    writer.close()
    await platform.until(lambda: bool(platform.byes))


async def _expect_framed_pictures(server: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10.0):
        accepted, _ = await loop.sock_accept(server)
        deframer, packets = TcpDeframer(), []
        with accepted:
            accepted.setblocking(False)
            while len(packets) < 20:
                packets += deframer.receive_data(await loop.sock_recv(accepted, 65_536))
    pictures = pictures_of([RtpPacket.parse(packet) for packet in packets])
    assert pictures[0].keyframe


async def test_each_invite_has_a_stream_of_its_own(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of())
    channel = device.settings.all_channel_ids[0]
    first = offer_to(receiver)
    _, one = await platform.invite(channel, first, "x:1,y:0")
    _, two = await platform.invite(channel, replace(first, ssrc="0200000002"), "x:2,y:0")
    packets = await packets_of(receiver, 60)
    assert {packet.ssrc for packet in packets} == {200_000_001, 200_000_002}
    assert device.streams == 2
    for dialog in (one, two):
        assert dialog is not None
        await platform.bye(dialog)


async def test_same_sender_sequence_replaces_the_running_stream(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """GB-C111."""
    device = await start(settings_of())
    channel = device.settings.all_channel_ids[0]
    for _ in range(2):
        await platform.invite(channel, offer_to(receiver), f"{channel}:0200000001,{PLATFORM_ID}:0")
    assert device.streams == 1


async def test_key_frame_request_restarts_at_a_key_frame(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """GB-C065: both spellings."""
    slow = replace(settings_of().pictures, gop_s=1.0, loop_s=2)
    device = await start(settings_of(pictures=slow))
    channel = device.settings.all_channel_ids[0]
    await platform.invite(channel, offer_to(receiver))
    for name in ("IFameCmd", "IFrameCmd"):
        await packets_of(receiver, 5)
        control = DeviceControl("1", GbId(channel), KeyframeCommand(name))
        assert (await platform.send(channel, control.to_xml())).status == 200
        pictures = pictures_of(await packets_of(receiver, 12))
        assert any(picture.keyframe for picture in pictures)
    assert device.stats.keyframes_requested == 2


async def test_unknown_channel_and_impossible_offers_are_refused(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """GB-C113."""
    device = await start(settings_of(channels=2))
    offer = offer_to(receiver)
    channel = device.settings.all_channel_ids[0]
    cases: list[tuple[str, SessionDescription | bytes, int]] = [
        ("34020000001310009999", offer, 404),
        (device.settings.device_id, offer, 404),
        (channel, b"", 488),
        (channel, replace(offer, kind="Playback"), 488),
        (channel, replace(offer, ssrc=None), 488),
    ]
    for user, body, status in cases:
        response, _ = await platform.invite(user, body)
        assert response.status == status
    assert device.stats.invites_refused == len(cases)


async def test_camera_accepts_an_invite_for_its_own_id(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of())
    response, _ = await platform.invite(device.settings.device_id, offer_to(receiver))
    assert response.status == 200


async def test_stopping_ends_streams_with_bye(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of())
    _, dialog = await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    await packets_of(receiver, 3)
    await device.stop()
    assert dialog is not None
    assert [bye.call_id for bye in platform.byes] == [dialog.call_id]


async def test_bye_for_an_unknown_dialog_is_answered_with_200(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    """Q18."""
    device = await start(settings_of())
    assert (await platform.ask("BYE", device.settings.device_id)).status == 200


async def test_cancelled_or_unacknowledged_invites_leave_nothing_behind(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """GB-C117: what the endpoint reports is handed in directly; waiting for it takes 32 s."""
    device = await start(settings_of())
    channel = device.settings.all_channel_ids[0]
    transport = device._signalling.transport
    for handler, goodbyes in ((transport.cancelled_handler, 0), (transport.unacknowledged_handler, 1)):
        await platform.invite(channel, offer_to(receiver))
        [served] = device._invites.open
        handler(served.key)
        handler(served.key)
        assert device.streams == 0
        await platform.until(lambda wanted=goodbyes: len(platform.byes) == wanted)  # type: ignore[misc]
    transport.ack_handler(served.key, platform.requests[0], served.flow)
    assert device.streams == 0


async def test_stops_although_the_platform_is_gone(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of(answer_timeout_s=0.1))
    await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    await platform.transport.close()
    await device.stop()
    assert not device.is_registered


async def test_platform_can_be_given_by_name(
    platform: SmallPlatform, settings_of: Make, start: Start
) -> None:
    device = await start(settings_of(server_host="localhost", local_host="127.0.0.1"))
    assert device.is_registered


async def test_live_clock_streams_too(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of(live_clock=True))
    _, dialog = await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    assert pictures_of(await packets_of(receiver, 12))[0].keyframe
    assert dialog is not None
    await platform.bye(dialog)


# ------------------------------------------------------------------ faults


async def test_wrong_ssrc_is_sent_on_purpose(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """Q56."""
    device = await start(settings_of(faults=("wrong-ssrc",)))
    response, _ = await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    assert SessionDescription.parse(response.body).ssrc == "0200000001"
    assert {packet.ssrc for packet in await packets_of(receiver, 3)} == {200_000_002}


async def test_stream_without_a_map_still_plays(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    """Q90."""
    device = await start(settings_of(faults=("no-psm",)))
    await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    packets = await packets_of(receiver, 12)
    assert not any(b"\x00\x00\x01\xbc" in packet.payload for packet in packets)
    assert pictures_of(packets)[0].keyframe


async def test_invite_is_left_without_an_answer(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of(faults=("no-answer",)))
    with pytest.raises(NoAnswer):
        await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver), timeout_s=0.2)
    assert device.streams == 0


async def test_late_stream_sends_nothing_at_first_and_can_be_ended(
    platform: SmallPlatform, settings_of: Make, start: Start, receiver: socket.socket
) -> None:
    device = await start(settings_of(faults=("late-stream",)))
    _, dialog = await platform.invite(device.settings.all_channel_ids[0], offer_to(receiver))
    await platform.ask("OPTIONS", device.settings.device_id)
    with pytest.raises(BlockingIOError):
        receiver.recv(65_536)
    assert device.streams == 1
    assert dialog is not None
    await platform.bye(dialog)
    assert device.streams == 0


# ------------------------------------------------------------------ running


@pytest.mark.parametrize("run", [run_camera, run_nvr])
async def test_runners_stop_cleanly_when_cancelled(
    platform: SmallPlatform, settings_of: Make, run: Callable[[SimulatedDeviceSettings], Awaitable[None]]
) -> None:
    task = asyncio.ensure_future(run(settings_of(channels=2, keepalive_interval_s=0.02)))
    await platform.until(lambda: bool(platform.of_type("Keepalive")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert platform.accepted_registrations[-1].headers.get("Expires") == "0"


async def test_fleet_shares_one_timer(
    platform: SmallPlatform, settings_of: Make, receiver: socket.socket
) -> None:
    fleet = [settings_of(device_id=f"340200000013200000{number:02d}", index=number) for number in range(10)]
    task = asyncio.create_task(run_fleet(fleet))
    await platform.until(lambda: len(platform.accepted_registrations) == 10)
    for number, settings in enumerate(fleet[:2]):
        offer = replace(offer_to(receiver), ssrc=f"020000000{number + 1}")
        platform.flow = next(
            flow for request, flow in platform.flows if request.from_.uri.user == settings.device_id
        )
        await platform.invite(settings.all_channel_ids[0], offer)
    assert len({packet.ssrc for packet in await packets_of(receiver, 40)}) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(platform.byes) == 2
