"""Commands and movements on the wire, to a device made of text. GB-C039, C052, C063 to C065, C088."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from catalog.model import ChannelKey
from sipserver.devices.commands import commands
from sipserver.devices.commands.commands import Outcome
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import BadAnswer, ControlHeld, NoAnswer, NotInEdition, Refused
from sipserver.devices.features import FeatureSettings
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import Motion, StopReason
from sipserver.devices.ptz.ptz import Ptz
from sipserver.devices.ptz.settings import PtzSettings
from sipserver.devices.ptz.store import MemoryMotionStore, MotionChanges
from sipserver.gb.camera_commands import HomePosition, PtzPrecise
from sipserver.gb.control_commands import GuardCommand, RecordCommand, TeleBoot
from sipserver.gb.errors import MalformedPtz
from sipserver.gb.ids import GbId
from sipserver.gb.ptz import Auxiliary, CruiseStart, Move, Preset, PresetAction
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice

CHANNEL_ID = "34020000001310000001"
KEY = ChannelKey(DEVICE_ID, CHANNEL_ID)
OPERATOR = Holder("operator", "operator", 50)
SUPERIOR = Holder("superior:3400", "superior 3400", 60)
LEFT = Motion(Move(pan=-0x80))
STOP_FRAME, LEFT_FRAME, RIGHT_FRAME = "A50F0100000000B5", "A50F010280000037", "A50F010180000036"
FOCUS_STOP_FRAME = "A50F0140000000F5"


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench(asks_devices=False, query_timeout_s=0.6)


async def registered(bench: Bench, version: str = "3.0") -> ScriptedDevice:
    device = await bench.device().open()
    await device.register(headers=f"X-GB-Ver: {version}\r\n")
    return device


def frames(device: ScriptedDevice) -> list[str]:
    """Every PTZ frame as it arrived, repetitions included."""
    return [message.xml("PTZCmd") for message in device.seen if message.is_request and message.xml("PTZCmd")]


async def answer(device: ScriptedDevice, command: Message, result: str = "OK", sn: str | None = None) -> None:
    sn = command.xml("SN") if sn is None else sn
    body = f"<Response><CmdType>DeviceControl</CmdType><SN>{sn}</SN><DeviceID>{CHANNEL_ID}</DeviceID>"
    await device.message(f"{body}<Result>{result}</Result></Response>".encode())


def begun(work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
    return asyncio.get_running_loop().create_task(work)


# ---------------------------------------------------------------- commands and their answers


async def test_a_command_without_an_answer_ends_with_the_200(bench: Bench) -> None:
    """GB-C063: TeleBoot is accepted, and a Response that comes nevertheless does no harm."""
    async with await registered(bench) as device:
        assert await bench.service.commands.send(DEVICE_ID, DEVICE_ID, TeleBoot()) is Outcome.ACCEPTED
        command = await device.query("DeviceControl")
        assert (command.xml("TeleBoot"), command.xml("DeviceID")) == ("Boot", DEVICE_ID)
        await answer(device, command)
        assert bench.service.stats.unexpected_responses == 1


@pytest.mark.parametrize("result", ["OK", "Ok"])
async def test_a_command_with_an_answer_waits_for_it(bench: Bench, result: str) -> None:
    """GB-C064, GB-C052."""
    async with await registered(bench) as device:
        task = begun(bench.service.commands.send(DEVICE_ID, CHANNEL_ID, GuardCommand(True)))
        command = await device.query("DeviceControl")
        assert (command.xml("GuardCmd"), command.xml("DeviceID")) == ("SetGuard", CHANNEL_ID)
        assert not task.done()
        await answer(device, command, result)
        assert await task is Outcome.DONE


async def test_an_error_in_the_answer_is_a_refusal(bench: Bench) -> None:
    """GB-C064."""
    async with await registered(bench) as device:
        task = begun(bench.service.commands.send(DEVICE_ID, CHANNEL_ID, RecordCommand(True, 1)))
        command = await device.query("DeviceControl")
        assert (command.xml("RecordCmd"), command.xml("StreamNumber")) == ("Record", "1")
        await answer(device, command, "ERROR")
        with pytest.raises(Refused) as refused:
            await task
        assert refused.value.status == 0


async def test_an_answer_that_never_comes_is_no_error(bench: Bench) -> None:
    """3.3: accepted, no result."""
    async with await registered(bench) as device:
        outcome = await bench.service.commands.send(DEVICE_ID, CHANNEL_ID, HomePosition(True, 30, 5))
        assert outcome is Outcome.NO_RESULT
        command = await device.query("DeviceControl")
        assert [command.xml(name) for name in ("Enabled", "ResetTime", "PresetIndex")] == ["1", "30", "5"]


async def test_a_4xx_ends_the_wait_at_once(bench: Bench) -> None:
    async with await registered(bench) as device:
        device.answers["MESSAGE"] = lambda request: device.response(request, 480)
        with pytest.raises(Refused) as refused:
            await bench.service.commands.send(DEVICE_ID, CHANNEL_ID, GuardCommand(True))
        assert refused.value.status == 480


async def test_an_answer_that_cannot_be_read_costs_the_device_its_answer_alone(bench: Bench) -> None:
    async with await registered(bench) as device:
        task = begun(bench.service.commands.send(DEVICE_ID, CHANNEL_ID, GuardCommand(True)))
        sn = (await device.query("DeviceControl")).xml("SN")
        await device.message(f"<Response><CmdType>DeviceControl</CmdType><SN>{sn}</SN></Response>".encode())
        with pytest.raises(BadAnswer):
            await task
        assert (await device.keepalive()).status == 200


async def test_the_answer_to_another_command_is_not_taken(bench: Bench) -> None:
    """A device that answers what needs no answer must not answer for the guard (Q28 has its limits)."""
    async with await registered(bench) as device:
        await bench.service.commands.send(DEVICE_ID, DEVICE_ID, TeleBoot())
        await bench.service.ptz.instruct(KEY, OPERATOR, Auxiliary(1, True))
        others = [await device.query("DeviceControl"), await device.query("DeviceControl")]
        task = begun(bench.service.commands.send(DEVICE_ID, CHANNEL_ID, GuardCommand(True)))
        guard = await device.query("DeviceControl")
        for other in others:
            await answer(device, other, "ERROR")
        assert not task.done()
        await answer(device, guard, sn="000" + guard.xml("SN"))
        assert await task is Outcome.DONE


async def test_a_command_is_not_repeated_after_its_time(bench: Bench) -> None:
    """A restart that arrives late is a second restart."""
    async with await registered(bench) as device:
        device.answers["MESSAGE"] = lambda _request: None
        with pytest.raises(NoAnswer):
            await bench.service.commands.send(DEVICE_ID, DEVICE_ID, TeleBoot())
        assert bench.transport.endpoint.client_transactions == 0


# ---------------------------------------------------------------- editions


async def test_a_command_of_2022_is_not_sent_to_a_device_of_2016_unless_told_to(bench: Bench) -> None:
    """GB-C039: by the header, by a pinned edition, and by the word of who asks."""
    commands = bench.service.commands
    async with await registered(bench, "2.0") as device:
        with pytest.raises(NotInEdition):
            await commands.aim(KEY, OPERATOR, PtzPrecise(90.0, -10.5, 2.0))
        with pytest.raises(NotInEdition):
            await commands.position(KEY)
        assert device.inbox == []
        await commands.aim(KEY, OPERATOR, PtzPrecise(90.0, -10.5), despite_edition=True)
        command = await device.query("DeviceControl")
        assert [command.xml(name) for name in ("Pan", "Tilt", "Zoom")] == ["90.00", "-10.50", ""]
        bench.service.profiles.learn(DEVICE_ID, Facet.EDITION, "3.0", "the operator says so")
        await commands.aim(KEY, OPERATOR, PtzPrecise(zoom=2.0))
        assert (await device.query("DeviceControl")).xml("Zoom") == "2.00"


async def test_names_of_presets_and_a_priority_go_to_those_who_know_them(make_bench: MakeBench) -> None:
    """PTZCmdParams is of 2022, ControlPriority of 2011 (gb28181.md 3.3)."""
    features = FeatureSettings(ptz=PtzSettings(control_priority=5))
    bench = await make_bench(asks_devices=False, features=features)
    async with bench.device() as device:
        for version, name, priority in (("1.0", "", "5"), ("2.0", "", ""), ("3.0", "大门", "")):
            await device.register(headers=f"X-GB-Ver: {version}\r\n")
            preset = Preset(PresetAction.SET, 5)
            await bench.service.ptz.instruct(KEY, OPERATOR, preset, preset_name="大门")
            command = await device.query("DeviceControl")
            assert command.xml("PTZCmd") == "A50F01810005003B"
            assert (command.xml("PresetName"), command.xml("ControlPriority")) == (name, priority)


async def test_the_other_key_frame_spelling_is_tried_once_and_remembered(bench: Bench) -> None:
    """GB-C065, Q42: the fall-back is one step."""
    async with await registered(bench, "3.0") as device:
        device.answers["MESSAGE"] = lambda request: device.response(
            request, 400 if request.xml("IFrameCmd") else 200
        )
        await bench.service.request_keyframe(KEY)
        assert bench.service.profiles.value(DEVICE_ID, Facet.KEYFRAME) == "IFameCmd"
        await bench.service.request_keyframe(KEY)
        asked = [message for message in device.seen if message.xml("CmdType") == "DeviceControl"]
        assert [bool(message.xml("IFameCmd")) for message in asked] == [False, True, True]


async def test_a_device_that_refuses_both_spellings_teaches_nothing(bench: Bench) -> None:
    async with await registered(bench, "2.0") as device:
        device.answers["MESSAGE"] = lambda request: device.response(request, 403)
        with pytest.raises(Refused):
            await bench.service.request_keyframe(KEY)
        assert bench.service.profiles.value(DEVICE_ID, Facet.KEYFRAME) is None
        device.answers["MESSAGE"] = lambda request: device.response(request, 200)
        bench.service.profiles.learn(DEVICE_ID, Facet.KEYFRAME, "both", "pinned")
        device.inbox.clear()
        await bench.service.request_keyframe(KEY)
        assert {(await device.query("DeviceControl")).xml("IFameCmd") for _ in range(2)} == {"Send", ""}


# ---------------------------------------------------------------- movement and its stop


async def test_a_stop_overtakes_a_movement_that_was_not_answered(bench: Bench) -> None:
    """GB-C088: the movement is never repeated after the stop, and the stop is said twice."""
    async with await registered(bench) as device:
        device.answers["MESSAGE"] = lambda request: (
            None if request.xml("PTZCmd") == LEFT_FRAME else device.response(request, 200)
        )
        moving = bench.service.ptz.hold(KEY, OPERATOR, LEFT, hold_s=30.0)
        assert moving is not None
        await until(lambda: LEFT_FRAME in frames(device))
        await bench.service.ptz.stop(KEY, OPERATOR)
        await until(lambda: bench.service.ptz.moving == 0)
        heard = frames(device)
        first_stop = heard.index(STOP_FRAME)
        assert heard[first_stop:] == [STOP_FRAME, STOP_FRAME]
        assert bench.transport.endpoint.client_transactions <= 2  # answered ones rest for T4


async def test_a_device_that_comes_back_gets_the_stop_it_is_owed(bench: Bench) -> None:
    """GB-C088: it was lost while it moved."""
    device = await registered(bench)
    await bench.service.ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
    await device.register(expires=0)
    await until(lambda: bench.service.ptz.state(KEY).is_stop_owed)
    assert bench.service.stats.ptz_stops["offline"] == 1
    await device.register()
    await until(lambda: frames(device) == [LEFT_FRAME, STOP_FRAME])
    await until(lambda: bench.service.ptz.moving == 0)
    await device.close()


async def test_a_camera_that_a_killed_run_left_moving_is_stopped(bench: Bench) -> None:
    """GB-C088: as soon as it is there; what this run cannot reach either is left to the next."""
    store = MemoryMotionStore()
    await store.save({KEY: datetime.now(UTC)})
    gate = EditionGate(bench.service._signalling, bench.service.profiles)
    unreached = Ptz(bench.service._parts, gate, store)
    await unreached.open()
    await until(lambda: unreached.state(KEY).is_stop_owed)
    await unreached.close()
    assert KEY in await store.load()

    ptz = Ptz(bench.service._parts, gate, store)
    bench.service.presence.subscribe(ptz.listen, ptz.listens_to)
    await ptz.open()
    async with await registered(bench) as device:
        await until(lambda: frames(device) == [STOP_FRAME, FOCUS_STOP_FRAME])
        await until(lambda: ptz.moving == 0)
        await ptz.close()
    assert await store.load() == {}


async def test_what_moves_is_written_down_beside_the_movement(bench: Bench) -> None:
    """A database that does not answer delays neither the movement nor its stop."""

    class SlowStore(MemoryMotionStore):
        answers = asyncio.Event()

        async def save(self, changes: MotionChanges) -> None:
            await self.answers.wait()
            await super().save(changes)

    store = SlowStore()
    gate = EditionGate(bench.service._signalling, bench.service.profiles)
    ptz = Ptz(bench.service._parts, gate, store)
    await ptz.open()
    async with await registered(bench) as device:
        await ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
        await ptz.stop(KEY, OPERATOR)
        assert frames(device) == [LEFT_FRAME, STOP_FRAME]
        await ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
        store.answers.set()
        await _written(store)
        ptz.release(KEY, OPERATOR.holder_id)
        await until(lambda: ptz.moving == 0)
        await ptz.close()
    assert await store.load() == {}


async def _written(store: MemoryMotionStore) -> None:
    async with asyncio.timeout(5.0):
        while KEY not in await store.load():  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.01)


async def test_a_stop_that_is_not_answered_is_sent_again(make_bench: MakeBench) -> None:
    """GB-C088."""
    features = FeatureSettings(ptz=PtzSettings(answer_timeout_s=0.2))
    bench = await make_bench(asks_devices=False, features=features)
    async with bench.device() as device:
        await device.register()
        await bench.service.ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
        device.answers["MESSAGE"] = lambda _request: None
        with pytest.raises(NoAnswer):
            await bench.service.ptz.stop(KEY, OPERATOR)
        device.answers["MESSAGE"] = lambda request: device.response(request, 200)
        await until(lambda: bench.service.ptz.moving == 0)
        assert frames(device)[-2:] == [STOP_FRAME, STOP_FRAME]


async def test_when_a_superior_goes_away_all_that_it_moves_stops(bench: Bench) -> None:
    """GB-C088."""
    async with await registered(bench) as device:
        await bench.service.ptz.relay(KEY, SUPERIOR, LEFT_FRAME.lower())
        with pytest.raises(ControlHeld):
            await bench.service.ptz.move(KEY, OPERATOR, LEFT, hold_s=1.0)
        bench.service.ptz.release_holder(SUPERIOR.holder_id)
        await until(lambda: frames(device) == [LEFT_FRAME, STOP_FRAME])
        assert bench.service.ptz.state(KEY).lock is None
        assert bench.service.stats.ptz_stops["holder_gone"] == 1


async def test_frames_of_a_superior_are_relayed_by_what_they_mean(bench: Bench) -> None:
    """GB-C083: a wrong second byte is mended on the way, a wrong checksum refused."""
    async with await registered(bench) as device:
        relay = bench.service.ptz.relay
        with pytest.raises(MalformedPtz):
            await relay(KEY, SUPERIOR, "A50F0102800000FF")
        wrong_second = bytes.fromhex("A50E0102800000")
        await relay(KEY, SUPERIOR, (wrong_second + bytes((sum(wrong_second) % 256,))).hex())
        await relay(KEY, SUPERIOR, "A50F014180000076")  # focus far, while it turns
        await relay(KEY, SUPERIOR, STOP_FRAME)
        await relay(KEY, SUPERIOR, "A50F01880100003E")
        await until(lambda: bench.service.ptz.moving == 0)
        assert frames(device)[:2] == [LEFT_FRAME, "A50F014180000076"]
        assert sorted(frames(device)[2:4]) == sorted([STOP_FRAME, "A50F0140000000F5"])
        assert frames(device)[4] == "A50F01880100003E"


async def test_a_preset_ends_the_movement_before_it(bench: Bench) -> None:
    """No stop of ours may come after it and hold the head on its way."""
    async with await registered(bench) as device:
        await bench.service.ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
        await bench.service.ptz.instruct(KEY, OPERATOR, Preset(PresetAction.CALL, 5))
        await bench.service.ptz.move(KEY, OPERATOR, LEFT, hold_s=30.0)
        await bench.service.ptz.instruct(KEY, OPERATOR, Auxiliary(1, True))
        await bench.service.ptz.instruct(KEY, OPERATOR, CruiseStart(1))
        await bench.service.ptz.call_preset(ChannelKey(DEVICE_ID, "34020000001310000002"), 5)
        assert frames(device) == [
            LEFT_FRAME,
            STOP_FRAME,
            "A50F01820005003C",
            LEFT_FRAME,
            "A50F018C01000042",
            STOP_FRAME,
            "A50F01880100003E",
            "A50F01820005003C",
        ]
        with pytest.raises(ControlHeld):
            await bench.service.ptz.call_preset(KEY, 5)


async def test_many_wishes_become_few_messages(bench: Bench) -> None:
    """A joystick may speak as often as it likes: one message is on its way at a time."""
    async with await registered(bench) as device:
        results: list[Awaitable[None]] = []
        for speed in range(1, 201):
            result = bench.service.ptz.hold(KEY, OPERATOR, Motion(Move(pan=speed)), hold_s=30.0)
            assert result is not None
            results.append(result)
        await asyncio.gather(*results)
        assert len(frames(device)) <= 3
        bench.service.ptz.release(KEY, OPERATOR.holder_id, StopReason.RELEASED)
        await until(lambda: bench.service.ptz.moving == 0)
        assert frames(device)[-1] == STOP_FRAME


async def test_cameras_do_not_wait_for_each_other(bench: Bench) -> None:
    other = ChannelKey(DEVICE_ID, "34020000001310000002")
    async with await registered(bench) as device:
        device.answers["MESSAGE"] = lambda request: (
            None if request.xml("DeviceID") == CHANNEL_ID else device.response(request, 200)
        )
        stuck = bench.service.ptz.hold(KEY, OPERATOR, LEFT, hold_s=30.0)
        await bench.service.ptz.move(other, OPERATOR, Motion(Move(pan=0x80)), hold_s=30.0)
        assert RIGHT_FRAME in frames(device)
        assert stuck is not None
        assert not stuck.done()


async def test_questions_are_matched_and_answered(bench: Bench) -> None:
    """GB-C067, GB-C076, Q39: the answer under another name belongs to the question."""
    async with await registered(bench) as device:
        task = asyncio.ensure_future(bench.service.commands.home_position(KEY))
        sn = (await device.query("HomePositionQuery")).xml("SN")
        body = (
            f"<Response><CmdType>HomePosition</CmdType><SN>{sn}</SN><DeviceID>{GbId(CHANNEL_ID)}</DeviceID>"
        )
        body += "<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime></HomePosition></Response>"
        await device.message(body.encode())
        assert await task == HomePosition(True, 30)


async def send_presets(device: ScriptedDevice, sn: str, numbers: range, sum_num: int | str) -> None:
    items = "".join(f"<Item><PresetID>{n}</PresetID><PresetName>p{n}</PresetName></Item>" for n in numbers)
    body = (
        f"<Response><CmdType>PresetQuery</CmdType><SN>{sn}</SN><DeviceID>{CHANNEL_ID}</DeviceID>"
        f'<SumNum>{sum_num}</SumNum><PresetList Num="{len(numbers)}">{items}</PresetList></Response>'
    )
    await device.message(body.encode())


@pytest.mark.parametrize(("sum_num", "messages"), [(5, 2), (2, 1), ("", 1), (9, 2)])
async def test_presets_in_several_messages_are_put_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, sum_num: int | str, messages: int
) -> None:
    """GB-C076: a device that counts too few or too many does not lose the ones that came in time."""
    monkeypatch.setattr(commands, "PRESETS_QUIET_S", 0.2)
    async with await registered(bench) as device:
        asking = asyncio.ensure_future(bench.service.commands.presets(KEY))
        query = await device.query("PresetQuery")
        await send_presets(device, query.xml("SN"), range(1, 4), sum_num)
        if messages > 1:
            await send_presets(device, query.xml("SN"), range(4, 6), sum_num)
        found = [each.number for each in await asking]
        assert found == list(range(1, 4 if messages == 1 else 6))


async def test_a_device_that_lists_no_presets_in_time_has_not_answered(bench: Bench) -> None:
    async with await registered(bench) as device:
        asking = asyncio.ensure_future(bench.service.commands.presets(KEY))
        await device.query("PresetQuery")
        with pytest.raises(NoAnswer, match="PresetQuery"):
            await asking
