"""The notifier of a simulated device against a small platform. GB-C090, C092, C093, C094, C097."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.catalog_notify import CatalogEventKind, CatalogNotify
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPositionQuery
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.sip.dialog import Dialog
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

DEVICE = GbId("34020000001180000005")
Make = Callable[..., SimulatedDeviceSettings]


class Subscriber:
    """The platform's side of one subscription."""

    def __init__(self, platform: SmallPlatform) -> None:
        self._platform = platform
        self.dialog: Dialog

    async def subscribe(self, query: Element, event: str = "presence", expires_s: int = 600) -> SipResponse:
        platform = self._platform
        headers = Headers(
            [
                ("From", f"<sip:{PLATFORM_ID}@3402000000>;tag={platform.transport.token()}"),
                ("To", f"<sip:{DEVICE}@3402000000>"),
                ("Call-ID", platform.transport.token()),
                ("CSeq", "1 SUBSCRIBE"),
                ("Contact", f"<sip:{PLATFORM_ID}@127.0.0.1:{platform.port}>"),
                ("Event", event),
                ("Expires", str(expires_s)),
                ("Content-Type", manscdp.CONTENT_TYPE),
            ]
        )
        body = manscdp.serialize_document(query)
        request = SipRequest("SUBSCRIBE", f"sip:{DEVICE}@3402000000", headers, body)
        response = await self._send(request)
        if response.status < 300:
            self.dialog = Dialog.from_answer(request, response)
        return response

    async def again(self, expires_s: int) -> SipResponse:
        return await self._send(
            self.dialog.make_request("SUBSCRIBE", [("Event", "presence"), ("Expires", str(expires_s))])
        )

    async def _send(self, request: SipRequest) -> SipResponse:
        assert self._platform.flow is not None
        return await self._platform.transport.request(request, self._platform.flow, timeout_s=5.0)

    def notifies(self) -> list[SipRequest]:
        return [each for each in self._platform.requests if each.method == "NOTIFY"]


@pytest.fixture
async def start(settings_of: Make) -> AsyncIterator[Callable[..., Any]]:
    started: list[SimulatedDevice] = []

    async def begin(**changes: object) -> SimulatedDevice:
        device = SimulatedDevice(settings_of(**changes))
        started.append(device)
        await device.start()
        await device.wait_registered(10.0)
        return device

    yield begin
    for device in started:
        await device.stop()


@pytest.fixture
def subscriber(platform: SmallPlatform) -> Subscriber:
    return Subscriber(platform)


def events(request: SipRequest) -> list[tuple[str, CatalogEventKind | None]]:
    notify = CatalogNotify.from_xml(manscdp.parse_document(request.body).element)
    assert notify.sum_num == len(notify.events)
    return [(event.channel_id, event.kind) for event in notify.events]


CATALOG = CatalogQuery("1", DEVICE).to_xml()


async def test_what_is_off_line_is_told_at_once(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """GB-C093 and GB-C094: of a device as notifier."""
    device = await start(channels=3)
    first, second, _ = device.settings.all_channel_ids
    assert not device.set_channel_state(first, "OFF")
    device.set_channel_state(second, "VLOST")
    response = await subscriber.subscribe(CATALOG, "Catalog;id=5", 300)
    assert (response.status, response.headers.get("Expires")) == (200, "300")
    await platform.until(lambda: len(subscriber.notifies()) == 1)
    (notify,) = subscriber.notifies()
    assert events(notify) == [(first, CatalogEventKind.OFF), (second, CatalogEventKind.VLOST)]
    subscriber.dialog.receive(notify)
    assert notify.headers.get("Event") == "Catalog;id=5"
    assert notify.headers.get("Subscription-State").startswith("active;expires=")


async def test_refresh_and_end_in_the_dialog(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """GB-C090, GB-C092."""
    device = await start()
    await subscriber.subscribe(CATALOG)
    assert (await subscriber.again(60)).status == 200
    assert device.subscriptions.refreshed == 1
    assert (await subscriber.again(0)).status == 200
    await platform.until(lambda: len(subscriber.notifies()) == 2)
    states = [each.headers.get("Subscription-State").partition(";")[0] for each in subscriber.notifies()]
    assert states == ["active", "terminated"]
    assert [each.cseq.number for each in subscriber.notifies()] == [1, 2]
    assert (await subscriber.again(60)).status == 481


async def test_a_subscription_that_nobody_wants_is_dropped(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """GB-C096: 481 to a NOTIFY ends it."""
    device = await start()
    await subscriber.subscribe(CATALOG)
    platform.notify_status = 481
    device.set_channel_state(device.settings.all_channel_ids[0], "OFF")
    await platform.until(lambda: not device.subscriptions.of("Catalog"))


async def test_positions_come_at_the_interval_and_in_the_form_of_the_edition(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """GB-C079, GB-C097."""
    await start(edition=Edition.V3_0)
    await subscriber.subscribe(MobilePositionQuery("1", DEVICE, 1).to_xml())
    await platform.until(lambda: len(platform.of_type("MobilePosition")) == 2)
    read = [MobilePositionNotify.from_xml(each.element) for each in platform.of_type("MobilePosition")]
    assert all(each.is_list and each.positions[0].has_fix for each in read)


async def test_a_direction_is_told_when_it_changes(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """GB-C097."""
    device = await start(edition=Edition.V3_0)
    await subscriber.subscribe(PtzPositionQuery("1", DEVICE).to_xml())
    await platform.until(lambda: len(platform.of_type("PTZPosition")) == 1)
    assert len(device.subscriptions.of("PTZPosition")) == 1


async def test_alarms_go_to_whoever_wants_them(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    device = await start()
    await subscriber.subscribe(AlarmQuery("1", DEVICE, methods=(2,)).to_xml())
    device.alarms.raise_alarm(method=2)
    device.alarms.raise_alarm(method=5)
    await platform.until(lambda: len(platform.of_type("Alarm")) == 2)
    carriers = {each.method for each in platform.requests if b"<CmdType>Alarm" in each.body}
    assert carriers == {"NOTIFY", "MESSAGE"}


@pytest.mark.parametrize(
    ("faults", "event", "status"),
    [
        ((), "Catalog", 200),
        (("presence-only",), "Catalog;id=1", 489),
        (("presence-only",), "presence;id=1", 200),
    ],
)
async def test_events_that_are_known(
    start: Callable[..., Any], subscriber: Subscriber, faults: tuple[str, ...], event: str, status: int
) -> None:
    await start(faults=faults)
    assert (await subscriber.subscribe(CATALOG, event)).status == status


async def test_subscriptions_that_cannot_be(start: Callable[..., Any], subscriber: Subscriber) -> None:
    await start()
    weather = manscdp.new_document("Query", "Weather", "1", DEVICE)
    assert (await subscriber.subscribe(weather)).status == 489
    notice = manscdp.new_document("Notify", "Catalog", "1", DEVICE)
    assert (await subscriber.subscribe(notice)).status == 489
    assert (await subscriber.subscribe(CATALOG, expires_s=0)).status == 200


async def test_forgotten_subscriptions_are_unknown(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """Q45."""
    device = await start(faults=("forgets-subscriptions=0.05",))
    await subscriber.subscribe(CATALOG)
    await platform.until(lambda: not device.subscriptions.of("Catalog"))
    assert (await subscriber.again(600)).status == 481


async def test_a_silent_notifier_accepts_all_the_same(
    start: Callable[..., Any], platform: SmallPlatform, subscriber: Subscriber
) -> None:
    """Q46."""
    device = await start(faults=("never-notifies",))
    assert (await subscriber.subscribe(CATALOG)).status == 200
    assert device.set_channel_state(device.settings.all_channel_ids[0], "OFF")
    assert (await subscriber.again(600)).status == 200
    assert subscriber.notifies() == []


async def test_changes_show_in_the_answers_to_queries(start: Callable[..., Any]) -> None:
    device = await start(channels=2)
    first, second = device.settings.all_channel_ids
    device.set_channel_state(first, "OFF")
    device.catalog.remove(second)
    device.catalog.add("34020000001310000999")
    device.catalog.update(first, name="新")
    assert list(device.channels) == [first, "34020000001310000999"]
    assert (device.channels[first].item.status, device.channels[first].item.name) == ("OFF", "新")
