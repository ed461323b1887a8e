"""A live picture that stands still: what the owner of the invite does, against a device made of text."""

from __future__ import annotations

import asyncio

import pytest

from media.facts import StallReason
from sipserver.devices import invite_repair
from sipserver.devices.errors import NoKeyframe, NoMedia, UnsupportedStream
from sipserver.devices.events import DeviceEvent, StreamFailed
from sipserver.devices.invite_state import State
from sipserver.devices.invites import InviteState
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import ScriptedDevice
from tests.integration.sipserver.test_invites import KEY, accept, camera, hold


def said(device: ScriptedDevice, method: str) -> int:
    return sum(each.is_request and each.method == method for each in device.seen)


def view(bench: Bench) -> InviteState:
    found = bench.service.invites.get(KEY)
    assert found is not None
    return found


def failures(bench: Bench) -> list[StreamFailed]:
    heard: list[StreamFailed] = []

    def listen(event: DeviceEvent) -> None:
        if isinstance(event, StreamFailed):
            heard.append(event)

    bench.service.presence.subscribe(listen)
    return heard


async def test_a_lost_connection_is_repaired_at_once_and_viewers_stay(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, Transport.TCP)
    async with device:
        held = await hold(bench)
        first = await device.request("INVITE")
        session = bench.media.opened[0]
        session.stalls(StallReason.CONNECTION_LOST)
        assert view(bench).state is State.REPAIRING
        assert view(bench).stall == "connection_lost"
        await device.request("BYE")
        again = await device.request("INVITE")
        session.stalls(None)
        await until(lambda: view(bench).state is State.PLAYING)
        assert again.get("Call-ID") != first.get("Call-ID")
        # The same port and SSRC: the session, its viewers and recordings see a pause and nothing else.
        assert again.body == first.body
        assert len(bench.media.opened) == 1
        assert not held.lost.is_set()
        assert held.session is session  # type: ignore[comparison-overlap]
        stats = bench.service.stats
        assert (stats.streams_stalled, stats.stream_repairs) == ({"connection_lost": 1}, {"worked": 1})
        assert view(bench).stall is None
        await held.release()
        await device.request("BYE")
        await until(lambda: bench.service.invites.snapshot() == [])


async def test_a_repair_in_vain_ends_the_stream_with_the_reason(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, tcp_keyframe_timeout_s=0.2)
    heard = failures(bench)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        await asyncio.wait_for(held.lost.wait(), 10)
        assert "connection_lost" in held.lost_reason
        assert "asked anew, in vain: no picture within" in held.lost_reason
        assert [type(each.error) for each in heard] == [NoMedia]
        assert bench.service.stats.stream_repairs == {"failed": 1}
        await until(lambda: bench.service.invites.snapshot() == [])
        assert said(device, "BYE") == 2


async def test_a_device_that_refuses_the_repair_is_told_apart(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        device.answers["INVITE"] = lambda request: device.response(request, 404)
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        await asyncio.wait_for(held.lost.wait(), 10)
        assert "404" in held.lost_reason


async def test_a_device_that_does_not_answer_the_bye_holds_nobody_up(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invite_repair, "BYE_WAIT_S", 0.1)
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        device.answers["BYE"] = lambda request: None
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        await asyncio.wait_for(held.lost.wait(), 10)
        assert "the BYE was not answered" in held.lost_reason
        device.answers["BYE"] = lambda request: device.response(request, 200)


async def test_silence_is_borne_for_a_while_and_then_repaired(make_bench: MakeBench) -> None:
    """GB-C112: the watchdog's reason, not the silence alone."""
    bench, device = await camera(make_bench)
    async with device:
        await hold(bench)
        session = bench.media.opened[0]
        session.silence_s = 21.0
        session.stalls(StallReason.NO_PACKETS, 5.0)
        await bench.service.reconcile()
        assert view(bench).state is State.PLAYING
        session.stalls(StallReason.NO_PACKETS, 21.0)
        await bench.service.reconcile()
        assert view(bench).state is State.REPAIRING
        await device.request("BYE")
        await until(lambda: said(device, "INVITE") == 2)
        session.stalls(None)
        await until(lambda: view(bench).state is State.PLAYING)


async def test_what_is_not_supported_ends_the_stream(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    heard = failures(bench)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].stalls(StallReason.NOT_CARRIED, 21.0)
        await bench.service.reconcile()
        assert held.lost.is_set()
        assert "not supported" in held.lost_reason
        assert [type(each.error) for each in heard] == [UnsupportedStream]
        await device.request("BYE")


async def test_a_picture_without_key_frames_is_asked_for_one(make_bench: MakeBench) -> None:
    """In the spelling of the device's edition (GB-C065)."""
    bench, device = await camera(make_bench)
    device.answers["MESSAGE"] = lambda request: device.response(request, 200)
    async with device:
        await hold(bench)
        session = bench.media.opened[0]
        session.stalls(StallReason.NO_KEYFRAME)
        asked = await device.request("MESSAGE")
        assert b"<IFameCmd>Send</IFameCmd>" in asked.body or b"<IFrameCmd>Send</IFrameCmd>" in asked.body
        assert view(bench).state is State.PLAYING
        session.stalls(None)
        heard = failures(bench)
        session.stalls(StallReason.NO_KEYFRAME, 30.0)
        device.answers["INVITE"] = lambda request: device.response(request, 486)
        await bench.service.reconcile()
        await until(lambda: bool(heard), 10)
        assert isinstance(heard[0].error, NoKeyframe)


async def test_only_sound_is_borne(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["MESSAGE"] = lambda request: device.response(request, 200)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].stalls(StallReason.ONLY_SOUND, 300.0)
        await bench.service.reconcile()
        assert (view(bench).state, view(bench).stall) == (State.PLAYING, "only_sound")
        assert not held.lost.is_set()


async def test_a_bye_of_the_device_during_the_repair_is_not_the_end(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        await hold(bench)
        ack = await device.request("ACK")
        device.answers["BYE"] = lambda request: None
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        ours = await device.request("BYE")
        theirs = {"call_id": ack.get("Call-ID"), "to": ack.get("From"), "from_": ack.get("To")}
        assert (await device.ask("BYE", **theirs)).status == 200
        assert view(bench).state is State.REPAIRING
        device.send(device.response(ours, 200))
        await until(lambda: said(device, "INVITE") == 2, 10)
        bench.media.opened[0].stalls(None)
        await until(lambda: view(bench).state is State.PLAYING)


async def test_nobody_waits_for_a_repair_that_nobody_wants(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, linger_s=60.0)
    async with device:
        held = await hold(bench)
        await held.release()
        assert view(bench).state is State.LINGERING
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        await device.request("BYE")
        await until(lambda: bench.service.invites.snapshot() == [])
        assert said(device, "INVITE") == 1


async def test_the_last_viewer_that_leaves_ends_a_repair(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        held = await hold(bench)
        bench.media.opened[0].stalls(StallReason.CONNECTION_LOST)
        await until(lambda: said(device, "INVITE") == 2)
        await held.release()
        await until(lambda: bench.service.invites.snapshot() == [], 10)
        assert said(device, "BYE") == 2


async def test_the_answer_describes_its_payload_types(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: accept(device, request, more=FMTP)
    async with device:
        await hold(bench)
        assert bench.media.opened[0].described == [
            (
                96,
                "H264",
                90_000,
                "packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==",
            ),
        ]


FMTP = (
    "a=rtpmap:96 H264/90000",
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==",
)
