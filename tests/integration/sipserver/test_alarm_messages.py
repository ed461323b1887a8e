"""Alarms on the wire, from honest, broken and lying devices."""

from __future__ import annotations

import pytest

from sipserver.devices.alarms.model import Alarm, AlarmFilter, AlarmForm
from sipserver.devices.alarms.settings import AlarmSettings
from sipserver.devices.features import FeatureSettings
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice

CAMERA = "34020000001320000012"
OTHER_ID = "34020000001180000006"


def body(fields: str = "", *, device_id: str = CAMERA, sn: str = "78") -> bytes:
    return (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Alarm</CmdType>\r\n'
        f"<SN>{sn}</SN>\r\n<DeviceID>{device_id}</DeviceID>\r\n{fields}</Notify>\r\n"
    ).encode("gb18030")


async def alarms_of(bench: Bench, count: int = 1) -> list[Alarm]:
    await until(lambda: bench.service.stats.alarms - bench.service.stats.alarm_repeats >= count)
    await until(lambda: not bench.service.alarms._arriving)
    return (await bench.service.alarms.find(AlarmFilter(), None, 100)).items


def is_answer(message: Message) -> bool:
    return message.is_request and b"<Response>" in message.body and message.xml("CmdType") == "Alarm"


async def test_an_alarm_gets_200_and_then_a_response_with_its_numbers(bench: Bench) -> None:
    """GB-C077: byte for byte what the standard prints."""
    async with bench.device() as device:
        await device.register()
        fields = "<AlarmPriority>1</AlarmPriority><AlarmMethod>2</AlarmMethod>"
        fields += "<AlarmTime>2024-05-01T10:20:30</AlarmTime>"
        answer = await device.message(body(fields))
        assert (answer.status, answer.body) == (200, b"")
        response = await device.expect(is_answer)
        assert response.body == (
            b'<?xml version="1.0" encoding="GB2312"?>\r\n<Response>\r\n<CmdType>Alarm</CmdType>\r\n'
            b"<SN>78</SN>\r\n<DeviceID>34020000001320000012</DeviceID>\r\n<Result>OK</Result>\r\n"
            b"</Response>\r\n"
        )
        found = (await alarms_of(bench))[0]
        assert (found.device_id, found.source_id, found.words.english) == (
            DEVICE_ID,
            CAMERA,
            "alarm device alarm",
        )
        assert found.alarm_time.isoformat() == "2024-05-01T10:20:30+08:00"


async def test_a_notify_without_a_subscription_is_taken_and_not_answered(bench: Bench) -> None:
    """Section 5.4, Q44: out of a dialog too."""
    async with bench.device() as device:
        await device.register()
        headers = "Event: presence\r\nSubscription-State: active\r\nContent-Type: Application/MANSCDP+xml\r\n"
        answer = await device.ask("NOTIFY", headers=headers, body=body("<AlarmMethod>5</AlarmMethod>"))
        assert answer.status == 200
        assert (await alarms_of(bench))[0].form is AlarmForm.NOTIFY
        # The MESSAGE of the same alarm is the same alarm, and that is answered.
        await device.message(body("<AlarmMethod>5</AlarmMethod>"))
        await device.expect(is_answer)
        assert len(await alarms_of(bench)) == 1
        assert sum(1 for message in device.seen if is_answer(message)) == 1


async def test_answers_to_notify_can_be_switched_on(make_bench: MakeBench) -> None:
    bench = await make_bench(features=FeatureSettings(alarms=AlarmSettings(answer_notify=True)))
    async with bench.device() as device:
        await device.register()
        await device.ask("NOTIFY", headers="Content-Type: Application/MANSCDP+xml\r\n", body=body())
        await device.expect(is_answer)


@pytest.mark.parametrize("device_id", [OTHER_ID, "34020000002000000001", DEVICE_ID, "34020000001340000001"])
async def test_whatever_id_stands_in_the_body_the_alarm_is_its_senders(bench: Bench, device_id: str) -> None:
    """Another device's id, ours, its own, an alarm input's: it is kept as the source, never as the sender."""
    async with bench.device() as device, bench.device(OTHER_ID) as other:
        await device.register()
        await other.register()
        await device.message(body("<AlarmMethod>2</AlarmMethod>", device_id=device_id))
        found = (await alarms_of(bench))[0]
        assert (found.device_id, found.source_id) == (DEVICE_ID, device_id)
        assert await bench.service.alarms.newest_of(OTHER_ID) is None
        assert not any(is_answer(message) for message in other.seen)


@pytest.mark.parametrize(
    "bad",
    [
        body(device_id=""),
        body(device_id="x" * 65),
        body(device_id="drop table"),
    ],
)
async def test_an_alarm_of_nobody_is_counted_and_costs_nothing(bench: Bench, bad: bytes) -> None:
    async with bench.device() as device:
        await device.register()
        assert (await device.message(bad)).status == 200
        assert bench.service.stats.malformed_bodies == 1
        assert bench.service.stats.alarms == 0
        await device.message(body("<AlarmMethod>5</AlarmMethod>"))
        assert len(await alarms_of(bench)) == 1


async def test_a_huge_alarm_is_cut_down_to_its_limits(make_bench: MakeBench) -> None:
    """Nearly what a datagram takes: texts without end, and hundreds of Info."""
    bench = await make_bench()
    async with bench.device() as device:
        await device.register()
        fields = f"<AlarmDescription>{'x' * 20_000}</AlarmDescription>" + "<Info>text</Info>" * 1500
        assert (await device.message(body(fields))).status == 200
        found = (await alarms_of(bench))[0]
        assert (len(found.description), found.extra.count("\n")) == (1024, 15)


async def test_a_stranger_and_a_forged_source_raise_nothing(bench: Bench) -> None:
    async with bench.device() as device, bench.device(local=("127.0.0.2", 0)) as forger:
        assert (await device.message(body())).status == 403
        await device.register()
        assert (await forger.message(body())).status == 403
        assert bench.service.stats.alarms == 0


async def test_a_device_that_takes_no_answer_costs_only_its_answers(make_bench: MakeBench) -> None:
    bench = await make_bench(query_timeout_s=0.2, features=FeatureSettings(alarms=AlarmSettings()))
    async with bench.device() as device:
        await device.register()
        device.answers["MESSAGE"] = lambda request: None
        for number in range(40):
            await _raise(device, number)
        assert len(await alarms_of(bench, 40)) == 40
        await until(lambda: bench.service.stats.alarm_answers_failed >= 16)
        assert bench.service.stats.alarm_answers == 0


async def _raise(device: ScriptedDevice, number: int) -> None:
    fields = f"<AlarmMethod>5</AlarmMethod><Info><AlarmType>{number}</AlarmType></Info>"
    assert (await device.message(body(fields, sn=str(number)))).status == 200
