"""Alarms, places and directions for a superior, over real sockets. GB-C134, GB-C097."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from cascade.post import SuperiorPost
from cascade.shown.shares import Share, ShareKind
from sipserver.devices.alarms.model import Alarm, AlarmForm, AlarmNews, NewsKind
from sipserver.devices.positions.model import PositionReported, PtzPositionReported, StoredPosition
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmNotify, AlarmQuery, AlarmResponse
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionNotify, PtzPositionQuery
from tests.integration.cascade.conftest import NVR, Below, Site
from tests.integration.cascade.listener import Listener
from tests.integration.cascade.test_catalogue_upward import registered, shared
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
OWN = GbId(OWN_ID)
_ids: Iterator[int] = count(1)


def camera(number: int) -> str:
    return f"34010200001320{number:06d}"


def raised(number: int = 1, **values: Any) -> AlarmNews:
    fields: dict[str, Any] = {
        "priority": 2,
        "method": 5,
        "alarm_type": 6,
        "alarm_time": NOON,
        "received_time": NOON,
        "last_time": NOON,
    }
    fields |= {"alarm_id": str(next(_ids)), "device_id": NVR, "source_id": camera(number)}
    alarm = Alarm(**{"channel_id": camera(number), **fields, **values})
    return AlarmNews(NewsKind.RAISED, alarm)


def place(number: int, longitude: float) -> PositionReported:
    return PositionReported(
        StoredPosition(
            device_id=NVR, object_id=camera(number), time=NOON, longitude=longitude, latitude=31.5,
            received_time=NOON, speed_kmh=40.0,
        )
    )  # fmt: skip


async def joined(below: Below, above: SmallPlatform, **changes: Any) -> SuperiorPost:
    """Two of three cameras are shown, under ids of another plan."""
    await below.cameras(3)
    shares = tuple(Share(ShareKind.CHANNEL, f"{NVR}~{camera(number)}") for number in (1, 2))
    await registered(below, above, shared(above, **{"shares": shares, "keeps_ids": False} | changes))
    return below.superiors.list()[0]


def tell(below: Below, news: AlarmNews) -> None:
    for listener in below.devices.alarms.listeners:
        listener(news)


def move(below: Below, event: PositionReported | PtzPositionReported) -> None:
    for listener in below.devices.positions.listeners:
        listener(event)


def alarms(listener: Listener) -> list[AlarmNotify]:
    return [AlarmNotify.from_xml(each.element) for each in listener.documents if each.cmd_type == "Alarm"]


async def test_an_alarm_is_told_under_the_superior_s_id_once_and_of_presented_cameras_alone(
    above: SmallPlatform, below: Below
) -> None:
    await joined(below, above)
    listener = Listener(above)
    assert (await listener.subscribe(AlarmQuery("1", OWN).to_xml())).status == 200
    tell(below, raised(3, description="not shown"))
    first = raised(1, description="门口 <1>", longitude=117.5, latitude=31.25, extra="a\nb", event_type=1)
    tell(below, first)
    tell(below, AlarmNews(NewsKind.CHANGED, replace(first.alarm, repeats=7)))
    tell(below, raised(2, form=AlarmForm.TEST))
    tell(below, raised(2, channel_id="", priority=0, method=0, alarm_type=None))
    await above.until(lambda: len(alarms(listener)) >= 2)
    told, other = alarms(listener)
    assert told.device_id == "34010000001320000001"
    assert (told.priority, told.method, told.alarm_type, told.event_type) == (2, 5, 6, 1)
    assert (told.description, told.longitude, told.extra) == ("门口 <1>", 117.5, ("a", "b"))
    assert told.alarm_time == NOON
    assert (other.device_id, other.priority, other.method) == ("34010000001320000002", 4, 7)
    assert len({each.sn for each in alarms(listener)}) == 2


async def test_conditions_of_a_subscription_hold(above: SmallPlatform, below: Below) -> None:
    """GB-C134: priorities, methods, type, times, and which camera."""
    await joined(below, above)
    presented = GbId("34010000001320000001")
    grave, methods, typed, timed, one = (Listener(above) for _ in range(5))
    await grave.subscribe(AlarmQuery("1", OWN, start_priority=1, end_priority=2).to_xml())
    await methods.subscribe(AlarmQuery("2", OWN, methods=(2, 6)).to_xml())
    await typed.subscribe(AlarmQuery("3", OWN, methods=(5,), alarm_type=6).to_xml())
    await timed.subscribe(AlarmQuery("4", OWN, start_time=NOON, end_time=NOON + timedelta(hours=1)).to_xml())
    await one.subscribe(AlarmQuery("5", presented).to_xml())
    for news in (
        raised(1, description="a"),
        raised(2, description="b", priority=3),
        raised(2, description="c", method=2),
        raised(2, description="d", alarm_type=2),
        raised(2, description="e", alarm_time=NOON - timedelta(hours=2)),
    ):
        tell(below, news)
    expected = {grave: "acde", methods: "c", typed: "abe", timed: "abcd", one: "a"}
    for listener, texts in expected.items():
        await above.until(
            lambda listener=listener, texts=texts: (
                "".join(each.description for each in alarms(listener)) == texts
            )
        )
    # Other conditions in the same dialog.
    assert (await one.again(600, AlarmQuery("6", presented, methods=(1,)).to_xml())).status == 200
    tell(below, raised(1, description="f"))
    tell(below, raised(1, description="g", method=1))
    await above.until(lambda: [each.description for each in alarms(one)] == ["a", "g"])


async def test_alarms_go_by_message_to_superiors_that_never_subscribe(
    above: SmallPlatform, below: Below
) -> None:
    """R-1: and their Response is taken; once subscribed, the same alarm does not come twice."""
    await joined(below, above, pushes_alarms=True, edition=Edition.V2_0)
    tell(below, raised(1, extra="text of 2016"))
    tell(below, raised(3))
    await above.until(lambda: len(above.of_type("Alarm")) == 1)
    (document,) = above.of_type("Alarm")
    assert b"<Info>text of 2016</Info>" in next(
        each.body for each in above.requests if b"Alarm" in each.body and each.method == "MESSAGE"
    )
    told = AlarmNotify.from_xml(document.element)
    answer = AlarmResponse(told.sn, told.device_id).to_xml()
    assert (await above.send(OWN_ID, answer)).status == 200
    listener = Listener(above)
    await listener.subscribe(AlarmQuery("1", OWN, methods=(5,)).to_xml())
    tell(below, raised(2))
    tell(below, raised(2, method=2))
    await above.until(lambda: len(above.of_type("Alarm")) == 3)
    methods = [each.method for each in above.requests if b"<CmdType>Alarm</CmdType>" in each.body]
    assert sorted(methods) == ["MESSAGE", "MESSAGE", "NOTIFY"]


@pytest.mark.parametrize("edition", [Edition.V2_0, Edition.V3_0])
async def test_places_come_in_the_form_of_the_edition_the_newest_of_each(
    above: SmallPlatform, below: Below, edition: Edition
) -> None:
    """gb28181.md 8.6: a list for 2022, one at a time before; the Interval of the superior governs."""
    await joined(below, above, edition=edition)
    listener = Listener(above)
    await listener.subscribe(MobilePositionQuery("1", OWN, 1).to_xml())
    for longitude in (117.1, 117.2):
        for number in (1, 2, 3):
            move(below, place(number, longitude))

    def told() -> list[MobilePositionNotify]:
        return [MobilePositionNotify.from_xml(each.element) for each in listener.documents]

    await above.until(lambda: sum(len(each.positions) for each in told()) >= 2)
    places = {each.device_id: each for notify in told() for each in notify.positions}
    assert set(places) == {"34010000001320000001", "34010000001320000002"}
    assert {each.longitude for each in places.values()} == {117.2}
    assert {each.speed_kmh for each in places.values()} == {40.0}
    assert {notify.is_list for notify in told()} == {edition is Edition.V3_0}
    move(below, place(1, 117.3))
    await above.until(lambda: told()[-1].positions[0].longitude == 117.3)


async def test_a_camera_that_looks_elsewhere(above: SmallPlatform, below: Below) -> None:
    """GB-C097."""
    await joined(below, above)
    listener = Listener(above)
    await listener.subscribe(PtzPositionQuery("1", GbId("34010000001320000002")).to_xml())
    for number in (1, 2):
        move(below, PtzPositionReported(NVR, camera(number), PtzPosition(pan=10.0 * number, zoom=2.0), NOON))
    await above.until(lambda: bool(listener.documents))
    (document,) = listener.documents
    notify = PtzPositionNotify.from_xml(document.element)
    assert (notify.device_id, notify.position.pan) == ("34010000001320000002", 20.0)


async def test_what_a_superior_wants_is_wanted_of_the_device_as_long_as_it_does(
    site: Site, above: SmallPlatform
) -> None:
    """And what an operator subscribed to is left alone."""
    below, listener = site.below, Listener(above)
    subscriptions = below.devices.subscriptions
    assert (await listener.subscribe(MobilePositionQuery("1", GbId(camera(1)), 5).to_xml())).status == 200
    await site.until(lambda: site.camera.subscriptions.of("MobilePosition"))
    (view,) = subscriptions.views(NVR)
    assert (view.wanted.key.kind, view.wanted.requested_by) == (Kind.MOBILE_POSITION, "superiors")
    await subscriptions.want(NVR, Kind.PTZ_POSITION, requested_by="operator")
    other = Listener(above)
    await other.subscribe(PtzPositionQuery("2", OWN).to_xml())
    assert (await listener.again(0)).status == 200
    assert (await other.again(0)).status == 200
    await site.until(lambda: not site.camera.subscriptions.of("MobilePosition"))
    await site.until(lambda: [each.wanted.requested_by for each in subscriptions.views(NVR)] == ["operator"])
    assert site.camera.subscriptions.of("PTZPosition")
