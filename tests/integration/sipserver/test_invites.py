"""Live pictures on demand, against a device made of text: GB-C098 to C117."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from catalog.model import CatalogRow, ChannelKey
from media import errors as media_errors
from media.session import MediaTransport, ReceiveOn
from sipserver.devices import invite as invite_module
from sipserver.devices import invites as invites_module
from sipserver.devices import upstream_dialog
from sipserver.devices.dialog_store import OpenDialog
from sipserver.devices.errors import (
    BadAnswer,
    DeviceError,
    DeviceOffline,
    InviteEnded,
    NoAnswer,
    NoCapacity,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    Refused,
    UnknownChannel,
    WrongSsrc,
)
from sipserver.devices.invite_state import State
from sipserver.devices.stream_hold import StreamHold
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.fakes import PICTURE
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice

CHANNEL_ID = "34020000001320000012"
KEY = ChannelKey(DEVICE_ID, CHANNEL_ID)
Make = Callable[..., asyncio.Future[Bench]]


async def camera(
    make_bench: MakeBench, kind: Transport = Transport.UDP, **settings: object
) -> tuple[Bench, ScriptedDevice]:
    """A platform and a registered device with one channel that answers INVITE and BYE."""
    bench = await make_bench(asks_devices=False, **settings)
    bench.catalog.channels[KEY] = CatalogRow(channel_id=CHANNEL_ID, name="门")
    device = bench.device(kind=kind)
    await device.open()
    await device.register()
    device.answers["INVITE"] = lambda request: accept(device, request)
    device.answers["BYE"] = lambda request: device.response(request, 200)
    return bench, device


def accept(
    device: ScriptedDevice,
    request: Message,
    *,
    y: str | None = "",
    protocol: str | None = None,
    more: tuple[str, ...] = ("a=rtpmap:96 PS/90000",),
) -> bytes:
    offer = request.body.decode()
    media = re.search(r"m=video (\d+) (\S+)", offer)
    ssrc = re.search(r"y=(\d+)", offer)
    assert media is not None
    assert ssrc is not None
    lines = [
        "v=0", f"o={CHANNEL_ID} 0 0 IN IP4 127.0.0.1", "s=Play", "c=IN IP4 127.0.0.1", "t=0 0",
        f"m=video 15060 {protocol or media[2]} 96", "a=sendonly", *more,
    ]  # fmt: skip
    if y is not None:
        lines.append(f"y={y or ssrc[1]}")
    return device.response(
        request,
        200,
        headers=f"Contact: <sip:{CHANNEL_ID}@10.1.2.3:5060>\r\nContent-Type: application/sdp\r\n",
        body="".join(line + "\r\n" for line in lines).encode(),
    )


def hold(bench: Bench, tag: str = "t") -> asyncio.Task[StreamHold]:
    return asyncio.ensure_future(bench.service.invites.hold(KEY, "live", tag=tag))


async def test_the_invite_the_answer_the_ack_and_the_bye(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        invite = await device.request("INVITE")
        session = bench.media.opened[0]
        platform = bench.settings.id
        assert invite.start == f"INVITE sip:{CHANNEL_ID}@3402000000 SIP/2.0"
        assert invite.get("To") == f"<sip:{CHANNEL_ID}@3402000000>"
        assert invite.get("From").startswith(f"<sip:{platform}@3402000000>;tag=")
        host, port = bench.address()
        assert invite.get("Contact") == f"<sip:{platform}@{host}:{port}>"
        y = f"{session.ssrc:010d}"
        assert re.fullmatch(r"020000\d{4}", y)
        assert invite.get("Subject") == f"{CHANNEL_ID}:{y},{platform}:0"
        assert invite.body.decode() == (
            f"v=0\r\no={platform} 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=video {session.port} RTP/AVP 96 98 97 100\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\n"
            "a=rtpmap:98 H264/90000\r\na=rtpmap:97 MPEG4/90000\r\na=rtpmap:100 H265/90000\r\n"
            f"y={y}\r\nf=v/////a///\r\n"
        )
        ack = await device.request("ACK")
        assert ack.body == b""
        assert ack.get("CSeq") == "1 ACK"
        assert ack.get("Call-ID") == invite.get("Call-ID")
        assert "tag=" in ack.get("To")
        assert session.expected == session.ssrc
        assert held.session is session  # type: ignore[comparison-overlap]
        assert held.info == PICTURE
        await held.release()
        bye = await device.request("BYE")
        assert bye.get("CSeq") == "2 BYE"
        assert bye.get("To") == ack.get("To")
        await session.closed.wait()
        await until(lambda: bench.service.invites.snapshot() == [])
        await bench.service.close()
        assert await bench.dialogs.load() == []


async def test_all_holders_share_one_invite_and_the_last_one_ends_it(make_bench: MakeBench) -> None:
    """GB-C114."""
    bench, device = await camera(make_bench)
    async with device:
        holds = await asyncio.gather(*(hold(bench, f"viewer {number}") for number in range(5)))
        assert len(bench.media.opened) == 1
        view = bench.service.invites.get(KEY)
        assert view is not None
        assert view.state is State.PLAYING
        assert len(view.holders) == 5
        for each in holds[:4]:
            await each.release()
        assert bench.service.invites.get(KEY).state is State.PLAYING  # type: ignore[union-attr]
        await holds[4].release()
        assert bench.service.invites.get(KEY).state is State.LINGERING  # type: ignore[union-attr]
        await device.request("BYE")
        assert sum(each.method == "INVITE" for each in device.seen if each.is_request) == 1


async def test_a_holder_that_comes_during_the_linger_finds_the_picture_still_there(
    make_bench: MakeBench,
) -> None:
    bench, device = await camera(make_bench, linger_s=60.0)
    async with device:
        await (await hold(bench)).release()
        again = await hold(bench)
        assert again.session is bench.media.opened[0]  # type: ignore[comparison-overlap]
        assert len(bench.media.opened) == 1


async def test_while_somebody_watches_without_a_hold_the_linger_goes_on(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, linger_s=0.01)
    async with device:
        held = await hold(bench)
        session = bench.media.opened[0]
        session.readers = 1
        await held.release()
        await asyncio.wait_for(device.keepalive(), 5)
        await device.keepalive()
        assert bench.service.invites.get(KEY).state is State.LINGERING  # type: ignore[union-attr]
        session.readers = 0
        await device.request("BYE")


async def test_a_relay_is_told_when_the_device_has_answered_where_its_media_is_known_to_come(
    make_bench: MakeBench,
) -> None:
    """gb28181.md 8.5. A device that has sent nothing yet, or nothing any more, shows its picture first."""
    bench, device = await camera(make_bench, linger_s=0.0, keyframe_timeout_s=0.3, tcp_keyframe_timeout_s=0.3)

    def relay() -> asyncio.Task[StreamHold]:
        return asyncio.ensure_future(bench.service.invites.hold(KEY, "relay", tag="superior"))

    async with device:
        bench.media.pictures_come = False
        first = relay()
        await until(lambda: bench.media.opened and bench.media.opened[-1].expected is not None)
        assert not first.done()
        bench.media.opened[-1].picture()
        await (await first).release()
        await until(lambda: not bench.service.invites.all())
        second = await relay()
        assert bench.media.opened[-1].info is None, "no picture yet"
        await asyncio.wait_for(second.lost.wait(), 10)
        await until(lambda: not bench.service.invites.all())
        with pytest.raises(NoMedia):
            await relay()


async def test_the_ssrc_of_the_answer_wins(make_bench: MakeBench) -> None:
    """GB-C106, Q55."""
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, y="0703000001")
    async with device:
        await hold(bench)
        assert bench.media.opened[0].expected == 703000001


async def test_an_answer_without_ssrc_keeps_the_offered_one(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, y=None)
    async with device:
        await hold(bench)
        assert bench.media.opened[0].expected == bench.media.opened[0].ssrc


async def test_an_answer_with_the_ssrc_of_another_session_is_asked_again_with_a_port_of_its_own(
    make_bench: MakeBench,
) -> None:
    """gb28181.md 6.6: when SSRCs collide on a shared port, the newer one goes to a dedicated port."""
    bench, device = await camera(make_bench)
    bench.media.settings_receive_on = ReceiveOn.SHARED_PORT
    bench.media.taken_ssrcs = {703000001}
    device.answers["INVITE"] = lambda request: accept(device, request, y="0703000001")
    async with device:
        held = await hold(bench)
        shared, own = bench.media.opened
        assert (shared.receive_on, own.receive_on) == (ReceiveOn.SHARED_PORT, ReceiveOn.OWN_PORT)
        assert shared.peers == [("127.0.0.1", 15060)]
        assert shared.close_reason == "the answer's SSRC is another session's"
        assert held.session is own  # type: ignore[comparison-overlap]
        assert own.expected == 703000001
        await held.release()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Refused), (488, Refused), (603, Refused), (200, BadAnswer)]
)
async def test_a_refusal_reaches_the_holder_with_its_code(
    make_bench: MakeBench, status: int, kind: type[DeviceError]
) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: device.response(request, status, body=b"no sdp")
    async with device:
        with pytest.raises(kind) as raised:
            await hold(bench)
        if isinstance(raised.value, Refused):
            assert raised.value.status == status
        else:
            await device.request("BYE")
        await until(lambda: not bench.media.sessions)
        assert bench.service.invites.snapshot() == []


async def test_no_answer_at_all(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, invite_timeout_s=0.1)
    device.answers["INVITE"] = lambda request: None
    async with device:
        with pytest.raises(NoAnswer):
            await hold(bench)
        await until(lambda: not bench.media.sessions)
        # A 200 that comes now all the same must not leave the camera sending.
        late = await device.request("INVITE")
        device.send(accept(device, late))
        await device.request("ACK")
        await device.request("BYE")


async def test_giving_up_before_the_answer_cancels_the_invite(make_bench: MakeBench) -> None:
    """GB-C117."""
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: device.response(request, 100)
    device.answers["CANCEL"] = lambda request: device.response(request, 200)
    async with device:
        task = hold(bench)
        invite = await device.request("INVITE")
        await until(lambda: bench.transport.endpoint.stats.responses_received["INVITE", 100] == 1)
        task.cancel()
        cancel = await device.request("CANCEL")
        assert cancel.branch == invite.branch
        device.send(device.response(invite, 487))
        await device.request("ACK")
        await until(lambda: bench.service.invites.snapshot() == [])
        assert not bench.media.sessions


async def test_a_200_that_crosses_the_cancel_is_acknowledged_and_ended(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: device.response(request, 100)
    device.answers["CANCEL"] = lambda request: device.response(request, 200)
    async with device:
        task = hold(bench)
        invite = await device.request("INVITE")
        await until(lambda: bench.transport.endpoint.stats.responses_received["INVITE", 100] == 1)
        task.cancel()
        await device.request("CANCEL")
        device.send(accept(device, invite))
        ack = await device.request("ACK")
        bye = await device.request("BYE")
        assert ack.get("Call-ID") == bye.get("Call-ID") == invite.get("Call-ID")
        await until(lambda: not bench.media.sessions)


async def test_a_lost_bye_is_repeated_and_said_again_when_the_device_returns(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_dialog, "BYE_TIMEOUT_S", 0.1)
    bench, device = await camera(make_bench, bye_attempts=2)
    device.answers["BYE"] = lambda request: None
    async with device:
        await (await hold(bench)).release()
        first, second = await device.request("BYE"), await device.request("BYE")
        assert (first.get("CSeq"), second.get("CSeq")) == ("2 BYE", "3 BYE")
        await until(lambda: bench.service.stats.byes_unanswered == 1)
        await until(lambda: not bench.media.sessions)
        device.answers["BYE"] = lambda request: device.response(request, 200)
        await device.register()
        third = await device.request("BYE")
        assert third.get("Call-ID") == first.get("Call-ID")
        await until(lambda: bench.service.stale_dialogs == 0)


async def test_481_to_a_bye_is_as_good_as_200(make_bench: MakeBench) -> None:
    """Q18."""
    bench, device = await camera(make_bench)
    device.answers["BYE"] = lambda request: device.response(request, 481)
    async with device:
        await (await hold(bench)).release()
        await device.request("BYE")
        await until(lambda: bench.service.invites.snapshot() == [])
        assert bench.service.stats.byes_unanswered == 0


async def test_a_bye_of_the_device_ends_the_session_for_all_holders(make_bench: MakeBench) -> None:
    """GB-C100."""
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        invite = await device.request("INVITE")
        answer = await device.ask(
            "BYE",
            call_id=invite.get("Call-ID"),
            from_=f"<sip:{CHANNEL_ID}@3402000000>;tag=dev{DEVICE_ID[-4:]}",
            to=invite.get("From"),
        )
        assert answer.status == 200
        await asyncio.wait_for(held.lost.wait(), 5)
        await until(lambda: not bench.media.sessions)
        assert not any(each.method == "BYE" for each in device.inbox if each.is_request)
        await held.release()


async def test_a_bye_of_somebody_else_ends_nothing(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device, bench.device(local=("127.0.0.2", 0)) as stranger:
        held = await hold(bench)
        invite = await device.request("INVITE")
        await stranger.ask("BYE", call_id=invite.get("Call-ID"), to=invite.get("From"))
        await device.ask("BYE", call_id=invite.get("Call-ID"), to="<sip:x@y>;tag=wrong")
        assert not held.lost.is_set()


@pytest.mark.parametrize(
    ("media_error", "kind"),
    [
        (media_errors.NoMedia("no packet"), NoMedia),
        (media_errors.WrongSsrc("other SSRC"), WrongSsrc),
        (media_errors.NoPackHeader("no pack header"), NoPackHeader),
        (media_errors.NoKeyframe("no key frame"), NoKeyframe),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_what_the_media_side_misses_becomes_a_typed_error_and_a_bye(
    make_bench: MakeBench, media_error: Exception, kind: type[DeviceError]
) -> None:
    bench, device = await camera(make_bench)
    bench.media.media_error = media_error
    async with device:
        with pytest.raises(kind):
            await hold(bench)
        await device.request("BYE")
        await until(lambda: not bench.media.sessions)


async def test_486_on_a_free_channel_ends_the_stale_dialog_and_tries_once_more(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q17."""
    monkeypatch.setattr(invite_module, "CLEARING_PAUSE_S", 0.01)
    bench, device = await camera(make_bench)
    answers = iter([lambda request: device.response(request, 486), lambda request: accept(device, request)])
    device.answers["INVITE"] = lambda request: next(answers)(request)
    async with device:
        await hold(bench)
        first, second = await device.request("INVITE"), await device.request("INVITE")
        assert first.get("Subject") == second.get("Subject")


async def test_486_twice_is_a_refusal(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invite_module, "CLEARING_PAUSE_S", 0.01)
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: device.response(request, 486)
    async with device:
        with pytest.raises(Refused) as refused:
            await hold(bench)
        assert refused.value.status == 486


async def test_media_comes_over_tcp_from_a_device_that_registered_over_tcp(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, kind=Transport.TCP)
    async with device:
        await hold(bench)
        offer = (await device.request("INVITE")).body.decode()
        assert "TCP/RTP/AVP 96 98 97 100\r\na=setup:passive\r\na=connection:new\r\na=recvonly" in offer
        assert bench.media.opened[0].transport is MediaTransport.TCP_PASSIVE


async def test_a_device_that_does_not_do_tcp_is_asked_again_over_udp_and_remembered(
    make_bench: MakeBench,
) -> None:
    """Q61: the answer says RTP/AVP."""
    bench, device = await camera(make_bench, kind=Transport.TCP)
    device.answers["INVITE"] = lambda request: accept(device, request, protocol="RTP/AVP")
    async with device:
        held = await hold(bench)
        await device.request("BYE")
        assert [each.transport for each in bench.media.opened] == [
            MediaTransport.TCP_PASSIVE,
            MediaTransport.UDP,
        ]
        assert held.session is bench.media.opened[1]  # type: ignore[comparison-overlap]
        await held.release()
        await until(lambda: bench.service.invites.snapshot() == [])
        await hold(bench)
        assert bench.media.opened[2].transport is MediaTransport.UDP


async def test_silent_media_is_ended_by_the_reconcile_loop(make_bench: MakeBench) -> None:
    """GB-C112."""
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].silence_s = 21.0
        await bench.service.reconcile()
        await device.request("BYE")
        assert held.lost.is_set()


async def test_a_session_without_invite_and_an_invite_without_session_are_repaired(
    make_bench: MakeBench,
) -> None:
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        lost = await bench.media.open_session(
            transport=MediaTransport.UDP, ssrc=1, label=f"{DEVICE_ID}~other"
        )
        bench.media.sessions.pop(bench.media.opened[0].session_id)
        await bench.service.reconcile()
        await bench.service.reconcile()
        assert held.lost.is_set()
        assert lost.close_reason == "belongs to no invite"
        assert bench.service.stats.reconcile_repairs == {"session gone": 1, "session without invite": 1}


@pytest.mark.parametrize("transport", [MediaTransport.FED, MediaTransport.RECORDED])
async def test_what_this_platform_plays_itself_needs_no_invite(
    make_bench: MakeBench, transport: MediaTransport
) -> None:
    bench, device = await camera(make_bench)
    async with device:
        played = await bench.media.open_session(transport=transport, ssrc=None, label=f"{DEVICE_ID}~other")
        for _ in range(3):
            await bench.service.reconcile()
        assert played.close_reason is None
        assert not bench.service.stats.reconcile_repairs


async def test_flowing_media_keeps_a_device_online_that_sends_no_keepalive(make_bench: MakeBench) -> None:
    """Field lesson 1: shown offline while streaming."""
    bench, device = await camera(make_bench)
    async with device:
        await hold(bench)
        bench.clock.ahead_s = 170.0
        await bench.service.reconcile()
        bench.clock.ahead_s = 340.0
        await bench.service.presence.tick()
        assert bench.service.stats.probes == 0
        assert bench.service.presence.is_online(DEVICE_ID)


async def test_an_unregistering_device_loses_its_sessions(make_bench: MakeBench) -> None:
    """GB-C050."""
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        await device.register(expires=0)
        await asyncio.wait_for(held.lost.wait(), 5)
        assert "offline" in held.lost_reason
        await until(lambda: not bench.media.sessions)
        with pytest.raises(DeviceOffline):
            await hold(bench)


async def test_an_unknown_channel(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    bench.catalog.channels.clear()
    async with device:
        with pytest.raises(UnknownChannel):
            await hold(bench)


async def test_a_stopped_invite_tells_those_who_wait(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    bench.media.pictures_come = False
    async with device:
        task = hold(bench)
        await device.request("ACK")
        assert bench.service.invites.stop(KEY)
        with pytest.raises(InviteEnded):
            await task
        await device.request("BYE")


async def test_a_key_frame_is_asked_for_in_the_spelling_of_the_edition(make_bench: MakeBench) -> None:
    """GB-C065."""
    bench, device = await camera(make_bench)
    async with device:
        await bench.service.request_keyframe(KEY)
        assert (await device.query("DeviceControl")).xml("IFameCmd") == "Send"
        await device.register(headers="X-GB-Ver: 3.0\r\n")
        await bench.service.request_keyframe(KEY)
        command = await device.query("DeviceControl")
        assert command.xml("IFrameCmd") == "Send"
        assert command.xml("DeviceID") == CHANNEL_ID


async def test_dialogs_of_a_former_run_are_ended_at_our_start(make_bench: MakeBench) -> None:
    """Q81."""
    bench, device = await camera(make_bench)
    async with device:
        await bench.service.presence.save()
        former = OpenDialog(
            call_id="former",
            device_id=DEVICE_ID,
            channel_id=CHANNEL_ID,
            target=f"sip:{CHANNEL_ID}@127.0.0.1",
            local=f"<sip:{bench.settings.id}@3402000000>;tag=old",
            remote=f"<sip:{CHANNEL_ID}@3402000000>;tag=dev",
            cseq=1,
            ssrc="0200000001",
            opened_time=datetime.now(UTC),
        )
        ancient = replace(former, call_id="ancient", opened_time=datetime.now(UTC) - timedelta(days=31))
        await bench.dialogs.save({"former": former, "ancient": ancient})
        second = await make_bench(catalog=bench.catalog, dialogs=bench.dialogs, asks_devices=False)
        device.server = second.address()
        bye = await device.request("BYE", 10)
        assert bye.get("Call-ID") == "former"
        assert int(bye.get("CSeq").split()[0]) > 1
        await until(lambda: second.service.stale_dialogs == 0)
        await second.service.close()
        assert await bench.dialogs.load() == []


async def test_shutdown_says_bye(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        await hold(bench)
        await bench.service.close()
        await device.request("BYE")
        assert not bench.media.sessions


async def test_a_bye_that_nobody_answers_does_not_block_the_channel_for_long(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invites_module, "OLD_BYE_WAIT_S", 0.05)
    bench, device = await camera(make_bench)
    device.answers["BYE"] = lambda request: None
    async with device:
        await (await hold(bench)).release()
        await device.request("BYE")
        again = await hold(bench)
        assert again.session is bench.media.opened[1]  # type: ignore[comparison-overlap]
        assert [view.state for view in bench.service.invites.snapshot()] == [State.PLAYING, State.CLOSING]


async def test_giving_up_while_the_port_is_being_opened_closes_the_port(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    bench.media.opening = asyncio.Event()
    async with device:
        task = hold(bench)
        await until(lambda: bench.media.asked == 1)
        task.cancel()
        await until(lambda: bench.service.invites.snapshot() == [])
        bench.media.opening.set()
        await until(lambda: len(bench.media.opened) == 1 and not bench.media.sessions)
        assert not any(each.method == "INVITE" for each in device.seen if each.is_request)


async def test_no_free_port_is_said_so(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    bench.media.open_error = media_errors.NoPortFree("all 2500 ports are taken")
    async with device:
        with pytest.raises(NoCapacity):
            await hold(bench)
        assert bench.service.invites.snapshot() == []


async def test_a_media_session_that_ends_by_itself_ends_the_invite(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].on_closed("internal error")
        await device.request("BYE")
        assert held.lost.is_set()


async def test_a_device_that_is_busy_by_a_dialog_of_a_former_run_gets_its_bye_first(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invite_module, "CLEARING_PAUSE_S", 0.01)
    monkeypatch.setattr(upstream_dialog, "BYE_TIMEOUT_S", 0.05)
    bench, device = await camera(make_bench, bye_attempts=1)
    async with device:
        device.answers["BYE"] = lambda request: None
        await (await hold(bench)).release()
        lost = await device.request("BYE")
        await until(lambda: bench.service.stale_dialogs == 1)
        busy = iter([486, 200])
        device.answers["BYE"] = lambda request: device.response(request, 200)
        device.answers["INVITE"] = lambda request: (
            device.response(request, 486) if next(busy) == 486 else accept(device, request)
        )
        await hold(bench)
        assert (await device.request("BYE")).get("Call-ID") == lost.get("Call-ID")
        assert bench.service.stale_dialogs == 0
