"""Live pictures of a superior: real SIP, a real data plane, RTP into a plain socket. GB-C131, GB-C132."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from catalog.model import ChannelKey
from media.nal import VideoCodec
from media.session import MediaPlane
from sipserver.devices.errors import DeviceOffline, Refused
from sipserver.devices.stream_request import LiveStream
from sipserver.gb.sdp import PS, Direction, Protocol, SessionDescription, Setup
from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Transport
from tests.integration.cascade.conftest import NVR, Below, FedHold
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.integration.media.far_platform import tcp_client_platform, tcp_server_platform, udp_platform
from tests.support.feeding import ORIGIN, feed, film
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

CAMERA = "34010200001320000001"
SUBJECT = f"{CAMERA}:0,34020000002000000001:0"


def offer(port: int, **changes: object) -> SessionDescription:
    wanted = SessionDescription(
        "34020000002000000001", "127.0.0.1", port, payloads=(PS,), direction=Direction.RECVONLY,
        ssrc="0200001234",
    )  # fmt: skip
    return replace(wanted, **changes)  # type: ignore[arg-type]


def play(hold: FedHold) -> asyncio.Task[None]:
    """Feed a film to a session until its end."""

    async def run() -> None:
        for frame in film(VideoCodec.H264, None, 20):
            feed(hold.session, frame, ORIGIN)
            await asyncio.sleep(0.005)

    return asyncio.ensure_future(run())


async def until(claim: Callable[[], object], above: SmallPlatform) -> None:
    await above.until(lambda: bool(claim()), 20.0)


@pytest.fixture
async def joined(below: Below, above: SmallPlatform, plane: MediaPlane) -> Below:
    await below.cameras(2)
    await registered(below, above, shared(above))
    return below


async def test_a_superior_watches_over_udp_until_it_says_bye(joined: Below, above: SmallPlatform) -> None:
    with udp_platform() as (receiver, port, _):
        response, dialog = await above.invite(CAMERA, offer(port), SUBJECT)
        assert dialog is not None
        answer = SessionDescription.parse(response.body)
        assert (answer.ssrc, answer.direction, answer.host) == ("0200001234", Direction.SENDONLY, "127.0.0.1")
        assert answer.payloads == (PS,)
        (hold,) = joined.pictures.holds
        playing = play(hold)
        await until(lambda: len(receiver.packets) > 50, above)
        assert {packet.ssrc for packet in receiver.packets} == {200_001_234}
        assert receiver.stream.startswith(b"\0\0\1\xba")
        (stream,) = joined.superiors.list()[0].relay.streams
        assert stream.sender is not None
        assert answer.port == stream.sender.local_port
        assert (await above.bye(dialog)).status == 200
        await until(lambda: hold.is_released, above)
        assert joined.superiors.list()[0].relay.streams == []
        assert len(joined.calls) == 0
        assert above.byes == []
        playing.cancel()


@pytest.mark.parametrize("setup", [Setup.PASSIVE, Setup.ACTIVE])
async def test_the_same_over_tcp_in_both_roles(joined: Below, above: SmallPlatform, setup: Setup) -> None:
    async def watch(port: int) -> tuple[SessionDescription, Dialog, asyncio.Task[None]]:
        wanted = offer(port, protocol=Protocol.TCP, setup=setup, connection="new")
        response, dialog = await above.invite(CAMERA, wanted, SUBJECT)
        assert dialog is not None
        answer = SessionDescription.parse(response.body)
        assert answer.setup is setup.complement
        return answer, dialog, play(joined.pictures.holds[-1])

    if setup is Setup.PASSIVE:
        async with tcp_server_platform() as (server, port):
            _, dialog, playing = await watch(port)
            await until(lambda: len(server.packets) > 50, above)
            await above.bye(dialog)
            await until(lambda: server.ended, above)
    else:
        answer, dialog, playing = await watch(9)
        async with tcp_client_platform("127.0.0.1", answer.port) as client:
            await until(lambda: len(client.packets) > 50, above)
            await above.bye(dialog)
            await until(lambda: client.ended, above)
    playing.cancel()


async def test_an_invite_without_a_description_is_answered_with_ours(
    joined: Below, above: SmallPlatform
) -> None:
    """GB-C101: the late offer of third-party call control; who asks so connects to us."""
    response, dialog = await above.invite(CAMERA, b"", SUBJECT)
    assert (response.status, dialog is not None) == (200, True)
    assert dialog is not None
    ours = SessionDescription.parse(response.body)
    assert (ours.is_tcp, ours.setup, ours.direction) == (True, Setup.PASSIVE, Direction.SENDONLY)
    assert ours.ssrc is not None
    assert int(ours.ssrc)
    async with tcp_client_platform("127.0.0.1", ours.port) as client:
        playing = play(joined.pictures.holds[-1])
        await until(lambda: len(client.packets) > 50, above)
        assert {packet.ssrc for packet in client.packets} == {int(ours.ssrc)}
        await above.bye(dialog)
        await until(lambda: client.ended, above)
    playing.cancel()


async def test_an_offer_without_ssrc_is_given_one_of_our_domain(joined: Below, above: SmallPlatform) -> None:
    """GB-C132."""
    with udp_platform() as (_, port, _rtcp):
        found = set()
        for ssrc in (None, "0000000000"):
            response, dialog = await above.invite(CAMERA, offer(port, ssrc=ssrc))
            assert dialog is not None
            found.add(SessionDescription.parse(response.body).ssrc)
            await above.bye(dialog)
        assert len(found) == 2
        assert all(ssrc is not None and ssrc.startswith("010000") for ssrc in found), found


async def test_our_end_is_told_with_bye(joined: Below, above: SmallPlatform) -> None:
    """The picture is lost, the receiver is gone, the superior is switched off."""
    with udp_platform() as (_, port, _rtcp):
        await above.invite(CAMERA, offer(port), SUBJECT)
        joined.pictures.holds[-1].lose("the camera went away")
        await until(lambda: len(above.byes) == 1, above)
        await above.invite(CAMERA, offer(port), SUBJECT)
        await joined.superiors.change(shared(above, is_enabled=False))
        await until(lambda: len(above.byes) == 2, above)
    assert all(hold.is_released for hold in joined.pictures.holds)
    assert joined.pictures.plane is not None
    assert not joined.superiors.list()[0].relay.streams


async def test_what_cannot_be_shown_is_refused_with_its_reason(joined: Below, above: SmallPlatform) -> None:
    key = ChannelKey(NVR, CAMERA)
    for failure, status in (
        (Refused("busy", status=486), 486),
        (Refused("odd", status=606), 480),
        (DeviceOffline("gone"), 480),
    ):
        joined.pictures.failures[key] = failure
        response, _ = await above.invite(CAMERA, offer(9), SUBJECT)
        assert response.status == status
    assert (await above.invite("34010200001320000077", offer(9)))[0].status == 404
    assert (await above.invite(CAMERA, offer(9, kind="Talk")))[0].status == 488
    assert (await above.invite(CAMERA, b"no description"))[0].status == 488
    assert joined.superiors.list()[0].relay.refused == 6
    assert len(joined.calls) == 0


async def test_the_same_subject_replaces_the_running_stream(joined: Below, above: SmallPlatform) -> None:
    """GB/T 28181-2022 annex K."""
    with udp_platform() as (_, port, _rtcp):
        await above.invite(CAMERA, offer(port, stream_number=1), SUBJECT)
        _, dialog = await above.invite(CAMERA, offer(port), SUBJECT)
        await until(lambda: len(above.byes) == 1, above)
        assert [stream for _, stream in joined.pictures.asked] == [LiveStream.SUB, LiveStream.MAIN]
        (stream,) = joined.superiors.list()[0].relay.streams
        assert dialog is not None
        assert stream.dialog is not None
        assert stream.dialog.call_id == dialog.call_id


async def test_a_superior_that_gives_up_waiting_leaves_nothing_behind(
    joined: Below, above: SmallPlatform
) -> None:
    joined.pictures.wait.clear()
    with udp_platform() as (_, port, _rtcp), pytest.raises(Exception, match=r"\w"):
        await above.invite(CAMERA, offer(port), SUBJECT, timeout_s=0.5)
    await until(lambda: not joined.superiors.list()[0].relay.streams, above)
    assert len(joined.calls) == 0
    assert joined.pictures.holds == []


async def test_a_stranger_s_invite_and_bye_are_left_to_others(joined: Below, above: SmallPlatform) -> None:
    with udp_platform() as (_, port, _rtcp):
        _, dialog = await above.invite(CAMERA, offer(port), SUBJECT)
        assert dialog is not None
        (stream,) = joined.superiors.list()[0].relay.streams
        foreign = replace(dialog, call_id="another call")
        assert above.flow is not None
        answer = await above.transport.request(foreign.make_request("BYE"), above.flow, timeout_s=5.0)
        assert answer.status == 403
        assert not stream.over.is_set()
        assert above.flow.transport is Transport.UDP
        assert OWN_ID in dialog.local or OWN_ID in dialog.remote or dialog.remote_target
        await above.bye(dialog)


async def test_pictures_start_with_the_200_for_a_superior_whose_ack_never_fits(
    below: Below, above: SmallPlatform, plane: MediaPlane
) -> None:
    """gb28181.md 8.5, option "start on 200": the ACK is neither waited for nor missed."""
    await below.cameras(1)
    await registered(below, above, shared(above, awaits_ack=False))
    with udp_platform() as (receiver, port, _):
        response, dialog = await above.invite(CAMERA, offer(port), SUBJECT, acknowledge=False)
        assert response.status == 200
        assert dialog is not None
        playing = play(below.pictures.holds[-1])
        await until(lambda: len(receiver.packets) > 50, above)
        (stream,) = below.superiors.list()[0].relay.streams
        below.calls.unacknowledged(stream.key)
        assert not stream.over.is_set()
        assert (await above.bye(dialog)).status == 200
        playing.cancel()


async def test_a_superior_that_never_acknowledges_gets_nothing_and_is_told_bye(
    joined: Below, above: SmallPlatform
) -> None:
    """gb28181.md 8.5. The 32 s are those of the transaction, which has tests of its own."""
    with udp_platform() as (receiver, port, _):
        await above.invite(CAMERA, offer(port), SUBJECT, acknowledge=False)
        playing = play(joined.pictures.holds[-1])
        (stream,) = joined.superiors.list()[0].relay.streams
        joined.calls.unacknowledged(stream.key)
        await until(lambda: len(above.byes) == 1, above)
        assert stream.reason == "the peer never acknowledged our 200"
        assert receiver.packets == []
        playing.cancel()
