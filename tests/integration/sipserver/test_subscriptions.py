"""SUBSCRIBE and NOTIFY against a device made of text: what stands on the wire, and what follows from it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from catalog.notified import ChangeKind
from sipserver.devices.errors import NotInEdition, TooManySubscriptions, UnknownDevice, UnknownSubscription
from sipserver.devices.features import FeatureSettings
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.subscriptions import subscriptions as module
from sipserver.devices.subscriptions.kinds import AlarmConditions, Kind
from sipserver.devices.subscriptions.settings import SubscriptionSettings
from sipserver.gb.subscription import State
from tests.integration.sipserver.conftest import DEVICE_ID, Bench, MakeBench, until
from tests.integration.sipserver.scripted_device import Message, ScriptedDevice

CAMERA = "34020000001320000012"
PLATFORM = "34020000002000000001"
QUICK: dict[str, Any] = {"retry_s": 0.05, "query_pause_s": 0.0, "answer_timeout_s": 1.0}


@pytest.fixture
async def bench(make_bench: MakeBench) -> Bench:
    return await make_bench(
        asks_devices=False, features=FeatureSettings(subscriptions=SubscriptionSettings(**QUICK))
    )


@pytest.fixture
async def device(bench: Bench) -> AsyncIterator[ScriptedDevice]:
    async with bench.device() as opened:
        accept(opened)
        await opened.register()
        yield opened


def accept(device: ScriptedDevice, *, expires: int | None = None, body: bytes = b"") -> None:
    """Answer SUBSCRIBE with 200 and what was asked for."""

    def answer(request: Message) -> bytes:
        granted = request.get("Expires") if expires is None else expires
        headers = f"Expires: {granted}\r\nContact: <sip:{device.id}@{device.hostport}>\r\n"
        return device.response(request, 200, headers=headers, body=body)

    device.answers["SUBSCRIBE"] = answer


def subscribes(device: ScriptedDevice) -> list[Message]:
    """Every SUBSCRIBE that came, each once."""
    found = {each.branch: each for each in device.seen if each.is_request and each.method == "SUBSCRIBE"}
    return list(found.values())


def catalog_body(*items: tuple[str, str], root: str = "Notify") -> bytes:
    inside = "".join(
        f"<Item><DeviceID>{each}</DeviceID><Event>{event}</Event></Item>" for each, event in items
    )
    return (
        f"<{root}><CmdType>Catalog</CmdType><SN>77</SN><DeviceID>{DEVICE_ID}</DeviceID>"
        f'<SumNum>{len(items)}</SumNum><DeviceList Num="{len(items)}">{inside}</DeviceList></{root}>'
    ).encode()


class Notifier:
    """The device's side of the dialog that a SUBSCRIBE opened."""

    def __init__(self, device: ScriptedDevice, subscribe: Message) -> None:
        self._device = device
        self._subscribe = subscribe
        self.cseq = 0

    async def notify(
        self, body: bytes = b"", state: str = "active;expires=600", cseq: int | None = None, **parts: object
    ) -> int:
        self.cseq = self.cseq + 1 if cseq is None else cseq
        device, branch = self._device, self._device.branch()
        to = f"<sip:{device.id}@{device.realm}>;tag=dev{device.id[-4:]}"
        values: dict[str, Any] = {
            "call_id": self._subscribe.get("Call-ID"),
            "from_": to,
            "to": self._subscribe.get("From"),
            "headers": f"Subscription-State: {state}\r\nEvent: {self._subscribe.get('Event')}\r\n",
        }
        device.send(device.text("NOTIFY", branch=branch, cseq=self.cseq, body=body, **(values | parts)))
        return (await device.final(branch)).status


async def test_the_first_subscribe_has_what_the_standard_prints(bench: Bench, device: ScriptedDevice) -> None:
    """GB-C089: Event, Expires, Contact and a Query body."""
    accept(device, body=b"<Response><CmdType>Catalog</CmdType><SN>1</SN><Result>OK</Result></Response>")
    view = await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    assert (view.state, view.granted_s, view.error) == (State.ACTIVE, 600, "")
    (request,) = subscribes(device)
    assert request.start == f"SUBSCRIBE sip:{DEVICE_ID}@3402000000 SIP/2.0"
    assert re.fullmatch(r"Catalog;id=\d+", request.get("Event"))
    assert (request.get("Expires"), request.get("CSeq")) == ("600", "1 SUBSCRIBE")
    assert re.fullmatch(rf"<sip:{PLATFORM}@127\.0\.0\.1:\d+>", request.get("Contact"))
    assert re.fullmatch(rf"<sip:{PLATFORM}@3402000000>;tag=\S+", request.get("From"))
    assert request.get("Content-Type") == "Application/MANSCDP+xml"
    assert b"<Query>" in request.body
    assert (request.xml("CmdType"), request.xml("DeviceID")) == ("Catalog", DEVICE_ID)


@pytest.mark.parametrize(
    ("kind", "event", "expected"),
    [
        (Kind.ALARM, "presence", {"CmdType": "Alarm", "StartAlarmPriority": "1", "EndAlarmPriority": "3"}),
        (Kind.MOBILE_POSITION, "presence", {"CmdType": "MobilePosition", "Interval": "7"}),
        (Kind.PTZ_POSITION, r"PTZPosition;id=\d+", {"CmdType": "PTZPosition"}),
    ],
)
async def test_the_other_kinds_have_their_own_bodies(
    bench: Bench, device: ScriptedDevice, kind: Kind, event: str, expected: dict[str, str]
) -> None:
    """GB-C097, gb28181.md 5.2."""
    await bench.service.subscriptions.want(
        DEVICE_ID,
        kind,
        CAMERA,
        interval_s=7,
        expires_s=90,
        conditions=AlarmConditions(1, 3),
        despite_edition=True,
    )
    (request,) = subscribes(device)
    assert re.fullmatch(event, request.get("Event"))
    assert request.start.split(" ")[1] == f"sip:{CAMERA}@3402000000"
    assert request.get("Expires") == "90"
    assert {name: request.xml(name) for name in expected} == expected


async def test_refresh_and_cancel_stay_in_the_dialog(bench: Bench, device: ScriptedDevice) -> None:
    """GB-C090: same Call-ID and tags, CSeq one higher each time; refreshed at three quarters."""
    accept(device, expires=400)
    subscriptions = bench.service.subscriptions
    view = await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    assert view.granted_s == 400
    assert view.next_request_in_s is not None
    assert 295 < view.next_request_in_s <= 300
    bench.clock.ahead_s += 299
    subscriptions.sweep()
    assert len(subscribes(device)) == 1
    bench.clock.ahead_s += 2
    subscriptions.sweep()
    await until(lambda: subscriptions.views()[0].refreshes == 1)
    await subscriptions.cancel(DEVICE_ID, Kind.CATALOG)
    first, refresh, last = subscribes(device)
    assert {each.get("Call-ID") for each in (refresh, last)} == {first.get("Call-ID")}
    assert {each.get("From") for each in (refresh, last)} == {first.get("From")}
    assert {each.get("To") for each in (refresh, last)} == {first.get("To") + f";tag=dev{DEVICE_ID[-4:]}"}
    assert [each.get("CSeq") for each in (refresh, last)] == ["2 SUBSCRIBE", "3 SUBSCRIBE"]
    assert [each.get("Event") for each in (refresh, last)] == [first.get("Event")] * 2
    assert (refresh.get("Expires"), last.get("Expires")) == ("600", "0")
    assert refresh.start.split(" ")[1] == f"sip:{DEVICE_ID}@{device.hostport}"
    assert subscriptions.views() == []


@pytest.mark.parametrize("status", [481, 408])
async def test_a_lost_dialog_is_made_again_with_another_call_id(
    bench: Bench, device: ScriptedDevice, status: int
) -> None:
    """GB-C096, Q45. A catalogue that may have changed meanwhile is asked for."""
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    forgetful = device.answers["SUBSCRIBE"]
    device.answers["SUBSCRIBE"] = lambda request: (
        device.response(request, status) if "tag=" in request.get("To") else forgetful(request)
    )
    bench.clock.ahead_s += 451
    subscriptions.sweep()
    await until(lambda: subscriptions.views()[0].dialogs == 2)
    first, refresh, again = subscribes(device)
    assert refresh.get("Call-ID") == first.get("Call-ID") != again.get("Call-ID")
    assert "tag=" not in again.get("To")
    assert subscriptions.views()[0].state is State.ACTIVE
    await device.query("Catalog")


async def test_a_new_registration_brings_new_dialogs(bench: Bench, device: ScriptedDevice) -> None:
    """GB-C096, Q45: a device that restarted knows nothing; one that only refreshes does."""
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.ALARM)
    await device.register()
    await device.keepalive()
    assert len(subscribes(device)) == 1
    device.call_id = "after the restart"
    await device.register()
    await until(lambda: subscriptions.views()[0].dialogs == 2)
    assert len({each.get("Call-ID") for each in subscribes(device)}) == 2


async def test_what_is_wanted_waits_for_the_device(bench: Bench, device: ScriptedDevice) -> None:
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    await device.register(expires=0)
    (view,) = subscriptions.views(DEVICE_ID)
    assert (view.state, view.error, view.next_request_in_s) == (State.WAITING, "the device is offline", None)
    assert (await subscriptions.want(DEVICE_ID, Kind.ALARM)).state is State.WAITING
    await device.register()
    await until(lambda: all(each.state is State.ACTIVE for each in subscriptions.views()))


async def test_the_end_that_a_device_says_is_answered_and_followed_by_another_try(
    bench: Bench, device: ScriptedDevice
) -> None:
    """GB-C092."""
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    notifier = Notifier(device, subscribes(device)[0])
    assert await notifier.notify(state="terminated;reason=deactivated") == 200
    (view,) = subscriptions.views()
    assert (view.state, view.error) == (State.WAITING, "the device ended it: deactivated")
    bench.clock.ahead_s += 2
    subscriptions.sweep()
    await until(lambda: subscriptions.views()[0].state is State.ACTIVE)
    # In the dialog that is over nothing is expected any more; its kind is still subscribed to.
    assert await notifier.notify(catalog_body((CAMERA, "OFF"))) == 200
    assert bench.service.stats.notifies["out of dialog"] == 1


async def test_a_rejected_subscription_is_not_asked_for_again_at_once(
    bench: Bench, device: ScriptedDevice
) -> None:
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    await Notifier(device, subscribes(device)[0]).notify(state="terminated;reason=probation;retry-after=120")
    (view,) = subscriptions.views()
    assert view.next_request_in_s is not None
    assert 110 < view.next_request_in_s <= 120


async def test_a_notify_that_overtakes_the_answer_opens_the_dialog(
    bench: Bench, device: ScriptedDevice
) -> None:
    """RFC 6665 section 4.4.1."""
    device.answers["SUBSCRIBE"] = lambda request: None
    asked = asyncio.ensure_future(bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG))
    await until(lambda: bool(subscribes(device)))
    request = subscribes(device)[0]
    notifier = Notifier(device, request)
    assert await notifier.notify(catalog_body((CAMERA, "OFF"))) == 200
    assert (await asked).state is State.ACTIVE
    device.send(device.response(request, 200, headers="Expires: 300\r\n"))
    await until(lambda: bench.service.subscriptions.views()[0].granted_s == 300)
    assert bench.service.subscriptions.views()[0].dialogs == 1
    assert await notifier.notify() == 200
    assert bench.service.stats.notifies == {"in dialog": 2}


async def test_notifications_out_of_dialog_are_taken_when_their_kind_is_wanted(
    bench: Bench, device: ScriptedDevice
) -> None:
    """GB-C095, Q44: another Call-ID, no To tag, no Event, no Subscription-State."""
    body = catalog_body((CAMERA, "OFF"))
    assert (await device.ask("NOTIFY", body=body)).status == 481
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    assert (await device.ask("NOTIFY", body=body)).status == 200
    await until(lambda: len(bench.catalog.notified) == 1)
    (view,) = bench.service.subscriptions.views()
    assert view.notifies == 1
    # Our Call-ID with a tag of nobody is out of dialog, too.
    notifier = Notifier(device, subscribes(device)[0])
    assert await notifier.notify(body, from_=f"<sip:{DEVICE_ID}@x>;tag=other") == 200
    await until(lambda: len(bench.catalog.notified) == 2)


@pytest.mark.parametrize("cmd_type", ["Alarm", "MobilePosition", "VideoUploadNotify"])
async def test_alarms_and_positions_are_taken_from_devices_that_nobody_asked(
    bench: Bench, device: ScriptedDevice, cmd_type: str
) -> None:
    """GB-C079, GB-C080: they are too good to lose."""
    body = f"<Notify><CmdType>{cmd_type}</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID></Notify>"
    assert (await device.ask("NOTIFY", body=body.encode())).status == 200
    assert (await device.message(body.encode())).status == 200
    assert bench.service.stats.unknown_commands == 0


async def test_a_stranger_cannot_notify(bench: Bench, device: ScriptedDevice) -> None:
    """Another device's dialog is not for whoever guesses its Call-ID, and strangers get 403."""
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    request = subscribes(device)[0]
    async with bench.device("34020000001180000099") as other:
        body = catalog_body((CAMERA, "DEL"))
        values: dict[str, Any] = {"call_id": request.get("Call-ID"), "to": request.get("From"), "body": body}
        assert (await other.ask("NOTIFY", **values)).status == 403
        await other.register()
        terminated = "Subscription-State: terminated\r\n"
        assert (await other.ask("NOTIFY", headers=terminated, **values)).status == 481
    assert bench.catalog.notified == []
    assert bench.service.subscriptions.views(DEVICE_ID)[0].state is State.ACTIVE


@pytest.mark.parametrize(
    ("method", "root"), [("NOTIFY", "Notify"), ("NOTIFY", "Response"), ("MESSAGE", "Notify")]
)
async def test_every_event_reaches_the_catalogue_in_order(
    bench: Bench, device: ScriptedDevice, method: str, root: str
) -> None:
    """GB-C091, Q43: root Response of 2011, and MESSAGE instead of NOTIFY."""
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    words = [each.value for each in ChangeKind]
    body = catalog_body(*((CAMERA, word) for word in words), root=root)
    assert (await device.ask(method, body=body)).status == 200
    await until(lambda: len(bench.catalog.notified) == len(words))
    assert [change.kind for _, change in bench.catalog.notified] == list(ChangeKind)
    assert {owner for owner, _ in bench.catalog.notified} == {DEVICE_ID}


async def test_an_answer_to_a_query_is_no_notification(bench: Bench, device: ScriptedDevice) -> None:
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    task = asyncio.ensure_future(bench.service.sync_catalog(DEVICE_ID))
    sn = (await device.query("Catalog")).xml("SN")
    await device.send_catalog(sn, [CAMERA], sum_num=1)
    assert (await task).complete
    assert bench.catalog.notified == []


async def test_a_channel_that_nobody_knows_has_the_catalogue_asked_for(
    bench: Bench, device: ScriptedDevice
) -> None:
    """gb28181.md 5.3: ON for an unknown id."""
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    await Notifier(device, subscribes(device)[0]).notify(catalog_body((CAMERA, "ON")))
    query = await device.query("Catalog")
    assert query.xml("DeviceID") == DEVICE_ID
    assert bench.service.stats.catalog_changes["unknown"] == 1


async def test_changes_that_cannot_be_stored_have_the_catalogue_asked_for(
    bench: Bench, device: ScriptedDevice
) -> None:
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    bench.catalog.fail_saving = True
    await Notifier(device, subscribes(device)[0]).notify(catalog_body((CAMERA, "ADD")))
    await device.query("Catalog")
    assert bench.service.stats.catalog_changes["failed"] == 1


async def test_a_notify_that_comes_late_is_refused_and_the_catalogue_asked_for(
    bench: Bench, device: ScriptedDevice
) -> None:
    """RFC 3261 section 12.2.2: an older CSeq gets 500; what it said is made up for."""
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    notifier = Notifier(device, subscribes(device)[0])
    assert await notifier.notify(catalog_body((CAMERA, "OFF")), cseq=9) == 200
    assert await notifier.notify(catalog_body((CAMERA, "ON")), cseq=8) == 500
    await device.query("Catalog")


async def test_a_device_that_never_notifies_is_asked_from_time_to_time(
    bench: Bench, device: ScriptedDevice
) -> None:
    """Q46: learned, and unlearned by the first notification."""
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    for _ in range(2):
        bench.clock.ahead_s += 451
        subscriptions.sweep()
        await until(lambda: subscriptions.views()[0].state is State.ACTIVE)
    (view,) = subscriptions.views()
    assert view.is_mute
    assert bench.service.profiles.value(DEVICE_ID, Facet.CATALOG_NOTIFY) == "never"
    bench.clock.ahead_s += 3601
    subscriptions.sweep()
    await device.query("Catalog")
    await Notifier(device, subscribes(device)[0]).notify(catalog_body((CAMERA, "OFF")))
    assert not subscriptions.views()[0].is_mute
    assert bench.service.profiles.value(DEVICE_ID, Facet.CATALOG_NOTIFY) == "yes"


async def test_another_event_is_tried_after_489(bench: Bench, device: ScriptedDevice) -> None:
    """gb28181.md 5.1: Catalog;id=..., Catalog, presence."""
    willing = device.answers["SUBSCRIBE"]
    device.answers["SUBSCRIBE"] = lambda request: (
        willing(request) if request.get("Event") == "presence" else device.response(request, 489)
    )
    view = await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    assert view.state is State.ACTIVE
    assert [each.get("Event").partition(";")[0] for each in subscribes(device)] == [
        "Catalog",
        "Catalog",
        "presence",
    ]


async def test_a_longer_period_is_asked_for_after_423(bench: Bench, device: ScriptedDevice) -> None:
    willing = device.answers["SUBSCRIBE"]
    device.answers["SUBSCRIBE"] = lambda request: (
        willing(request)
        if int(request.get("Expires")) >= 1800
        else device.response(request, 423, headers="Min-Expires: 1800\r\n")
    )
    assert (await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)).granted_s == 1800


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda device, request: device.response(request, 403, "No"), "403 No"),
        (lambda device, request: device.response(request, 489), "489"),
        (lambda device, request: device.response(request, 200, headers="Expires: 0\r\n"), "grants 0 s"),
        (lambda device, request: None, "did not answer SUBSCRIBE"),
    ],
)
async def test_a_refusal_is_shown_and_tried_again(
    bench: Bench,
    device: ScriptedDevice,
    answer: Callable[[ScriptedDevice, Message], bytes | None],
    error: str,
) -> None:
    willing = device.answers["SUBSCRIBE"]
    device.answers["SUBSCRIBE"] = lambda request: answer(device, request)
    view = await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    assert view.state is State.WAITING
    assert error in view.error
    device.answers["SUBSCRIBE"] = willing
    bench.clock.ahead_s += 2
    bench.service.subscriptions.sweep()
    await until(lambda: bench.service.subscriptions.views()[0].state is State.ACTIVE)
    assert bench.service.subscriptions.views()[0].error == ""


async def test_a_wish_that_changes_is_told_in_the_dialog(bench: Bench, device: ScriptedDevice) -> None:
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.MOBILE_POSITION, interval_s=5)
    await subscriptions.want(DEVICE_ID, Kind.MOBILE_POSITION, interval_s=60)
    first, second = subscribes(device)
    assert (second.get("Call-ID"), second.xml("Interval")) == (first.get("Call-ID"), "60")


async def test_a_moving_device_that_falls_silent_is_subscribed_to_anew(
    bench: Bench, device: ScriptedDevice
) -> None:
    """Q45: it forgot us, and goes on accepting."""
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.MOBILE_POSITION)
    body = f"<Notify><CmdType>MobilePosition</CmdType><SN>1</SN><DeviceID>{DEVICE_ID}</DeviceID></Notify>"
    await Notifier(device, subscribes(device)[0]).notify(body.encode())
    for _ in range(3):
        bench.clock.ahead_s += 451
        sent = len(subscribes(device))
        subscriptions.sweep()
        await until(lambda sent=sent: len(subscribes(device)) > sent)  # type: ignore[misc]
        await until(lambda: subscriptions.views()[0].state is State.ACTIVE)
    assert subscriptions.views()[0].dialogs == 2


async def test_a_shorter_life_is_heard_from_the_notification(bench: Bench, device: ScriptedDevice) -> None:
    subscriptions = bench.service.subscriptions
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    notifier = Notifier(device, subscribes(device)[0])
    await notifier.notify(state="active;expires=100")
    next_in_s = subscriptions.views()[0].next_request_in_s
    assert next_in_s is not None
    assert 70 < next_in_s <= 75
    await notifier.notify(state="active;expires=9999")
    assert subscriptions.views()[0].next_request_in_s == pytest.approx(next_in_s, abs=5)


async def test_every_device_gets_what_the_settings_say(make_bench: MakeBench) -> None:
    features = FeatureSettings(
        subscriptions=SubscriptionSettings(automatic=("alarm", "ptz_position"), **QUICK)
    )
    bench = await make_bench(asks_devices=False, features=features)
    subscriptions = bench.service.subscriptions
    async with bench.device() as device:
        accept(device)
        await device.register()
        # A device of 2016 cannot know the other kind.
        await until(lambda: [each.state for each in subscriptions.views()] == [State.ACTIVE])
        await subscriptions.cancel(DEVICE_ID, Kind.ALARM)
        device.call_id = "again"
        await device.register()
        await device.keepalive()
        assert subscriptions.views() == []
        assert (await subscriptions.want(DEVICE_ID, Kind.ALARM)).state is State.ACTIVE


async def test_wishes_that_cannot_be(
    bench: Bench, device: ScriptedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GB-C039 for kinds of 2022."""
    subscriptions = bench.service.subscriptions
    with pytest.raises(UnknownDevice):
        await subscriptions.want("34020000001110000077", Kind.CATALOG)
    with pytest.raises(NotInEdition, match=r"edition 2\.0"):
        await subscriptions.want(DEVICE_ID, Kind.PTZ_POSITION)
    with pytest.raises(UnknownSubscription):
        await subscriptions.cancel(DEVICE_ID, Kind.CATALOG)
    monkeypatch.setattr(module, "MAX_PER_DEVICE", 1)
    await subscriptions.want(DEVICE_ID, Kind.CATALOG)
    with pytest.raises(TooManySubscriptions):
        await subscriptions.want(DEVICE_ID, Kind.CATALOG, CAMERA)


async def test_unreadable_notifications_cost_only_themselves(bench: Bench, device: ScriptedDevice) -> None:
    await bench.service.subscriptions.want(DEVICE_ID, Kind.CATALOG)
    notifier = Notifier(device, subscribes(device)[0])
    assert await notifier.notify(b"<Notify><CmdType>") == 400
    no_id = b"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>!</DeviceID></Notify>"
    assert await notifier.notify(no_id) == 200
    assert await notifier.notify(catalog_body(("!", "ON"), (CAMERA, "SOON"))) == 200
    assert await notifier.notify(catalog_body((CAMERA, "off"))) == 200
    await until(lambda: len(bench.catalog.notified) == 1)
    assert bench.service.stats.malformed_bodies == 2
    assert bench.service.stats.catalog_changes["unusable"] == 2


async def test_a_platform_is_subscribed_to_its_catalogue_without_being_told(make_bench: MakeBench) -> None:
    """What it lists changes all the time (gb28181.md 8.2); who does not want it cancels it there."""
    bench = await make_bench(
        asks_devices=False, features=FeatureSettings(subscriptions=SubscriptionSettings(**QUICK))
    )
    subscriptions = bench.service.subscriptions
    async with bench.device("34020100002000000001") as platform, bench.device() as device:
        accept(platform)
        await device.register()
        await platform.register()
        await until(lambda: [each.state for each in subscriptions.views()] == [State.ACTIVE])
        (view,) = subscriptions.views()
        assert (view.wanted.key.device_id, view.wanted.key.kind) == (platform.id, Kind.CATALOG)
        await subscriptions.cancel(platform.id, Kind.CATALOG)
        assert subscriptions.views() == []
