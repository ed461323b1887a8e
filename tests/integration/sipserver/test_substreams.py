"""Asking for a sub-stream, against a device made of text: what is said, and what is refused."""

from __future__ import annotations

import re

import pytest

from sipserver.devices.errors import NoMedia, Refused
from sipserver.devices.stream_request import LiveStream
from sipserver.sip.flow import Transport
from tests.integration.sipserver.conftest import MakeBench, until
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice
from tests.integration.sipserver.test_invites import KEY, accept, camera

SUB = LiveStream.SUB


def offers(device: ScriptedDevice) -> list[list[str]]:
    seen = [each for each in device.seen if each.is_request and each.method == "INVITE"]
    return [re.findall(r"a=(stream\w*:\w+)", each.body.decode()) for each in seen]


def without_sub(device: ScriptedDevice, request: Message) -> bytes:
    if b"a=stream" in request.body:
        return device.response(request, 488)
    return accept(device, request)


async def test_the_two_streams_are_two_invites_with_sequences_of_their_own(make_bench: MakeBench) -> None:
    """GB-C114 for each; notes 6.4: never the same sender id and sequence for two streams."""
    bench, device = await camera(make_bench)
    async with device:
        main = await bench.service.invites.hold(KEY, "live", tag="a")
        sub = await bench.service.invites.hold(KEY, "live", tag="b", stream=SUB)
        shared = await bench.service.invites.hold(KEY, "live", tag="c", stream=SUB)
        # The same size came: the second form was tried, and then the main stream taken.
        assert main.session is sub.session is shared.session
        assert main.stream is sub.stream is LiveStream.MAIN
        invites = [await device.request("INVITE") for _ in range(3)]
        subjects = {invite.get("Subject").split(",")[0] for invite in invites}
        assert len(subjects) == 3
        assert offers(device)[:3] == [[], ["streamnumber:1", "streamprofile:1"], ["streamMode:SUB"]]


async def test_a_sub_stream_that_is_refused_gives_the_main_one(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: without_sub(device, request)
    async with device:
        held = await bench.service.invites.hold(KEY, "live", tag="a", stream=SUB)
        assert held.stream is LiveStream.MAIN
        assert offers(device) == [["streamnumber:1", "streamprofile:1"], ["streamMode:SUB"], []]
        assert [view.stream for view in bench.service.invites.snapshot()] == [LiveStream.MAIN]


async def test_over_tcp_a_refusal_says_nothing_about_the_form(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, Transport.TCP)
    device.answers["INVITE"] = lambda request: without_sub(device, request)
    async with device:
        for _ in range(2):
            held = await bench.service.invites.hold(KEY, "live", tag="a", stream=SUB)
            assert held.stream is LiveStream.MAIN
        first = ["streamnumber:1", "streamprofile:1"]
        assert offers(device) == [first, [], first]
        assert bench.service.invites.get(KEY) is not None


async def test_another_refusal_is_told_as_it_is(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    device.answers["INVITE"] = lambda request: device.response(request, 404)
    async with device:
        with pytest.raises(Refused) as refused:
            await bench.service.invites.hold(KEY, "live", tag="a", stream=SUB)
        assert refused.value.status == 404
        assert len(offers(device)) == 1


async def test_stopping_one_stream_leaves_the_other(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench)
    async with device:
        invites = bench.service.invites
        sub = await invites.hold(KEY, "live", tag="b", stream=SUB)
        assert sub.stream is SUB
        main = await invites.hold(KEY, "live", tag="a")
        assert main.session is not sub.session
        assert invites.stop(KEY, SUB)
        await until(lambda: invites.get(KEY, SUB) is None)
        assert sub.lost.is_set()
        assert not main.lost.is_set()


async def test_a_dead_sub_stream_is_no_reason_to_take_the_main_one(make_bench: MakeBench) -> None:
    bench, device = await camera(make_bench, keyframe_timeout_s=0.1, tcp_keyframe_timeout_s=0.1)
    bench.media.pictures_come = False
    async with device:
        with pytest.raises(NoMedia):
            await bench.service.invites.hold(KEY, "live", tag="a", stream=SUB)
        await until(lambda: bench.service.invites.snapshot() == [])
