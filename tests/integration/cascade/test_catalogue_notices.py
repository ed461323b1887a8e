"""A superior that subscribes to the catalogue, over real sockets. GB-C089 to GB-C094."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cascade.model import InitialReport, TreeForm
from cascade.post import SuperiorPost
from cascade.shown.shares import Share, ShareKind
from cascade.told import notices
from catalog.model import CatalogRow
from catalog.notified import CatalogChange, ChangeKind
from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.catalog_notify import CatalogEventKind
from sipserver.gb.messages.subscription_answer import SubscriptionAnswer
from sipserver.sip.flow import Transport
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.listener import Listener
from tests.integration.cascade.test_catalogue_upward import asked, registered, shared
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform

QUICK = {"notify_wait_s": 0.02, "with_own_item": False}
CATALOG = CatalogQuery("501", GbId(OWN_ID)).to_xml()


def camera(number: int) -> str:
    return f"34010200001320{number:06d}"


def change(kind: ChangeKind, number: int, **values: Any) -> CatalogChange:
    row = CatalogRow(channel_id=camera(number), **{"name": f"camera {number}", **values})
    return CatalogChange(kind, row, frozenset(values))


async def joined(below: Below, above: SmallPlatform, cameras: int = 3, **changes: Any) -> SuperiorPost:
    await below.cameras(cameras)
    await registered(below, above, shared(above, **QUICK | changes))
    return below.superiors.list()[0]


@pytest.mark.parametrize("kind", [Transport.UDP, Transport.TCP])
async def test_a_subscription_from_its_first_report_to_its_end(
    above: SmallPlatform, below: Below, kind: Transport
) -> None:
    """GB-C089, GB-C090, GB-C093: what is off is told at once, changes in the same dialog, then the end."""
    await below.cameras(3)
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 2)])
    await registered(below, above, shared(above, transport=kind, **QUICK))
    listener = Listener(above)
    answer = await listener.subscribe(CATALOG, event="Catalog;id=1894")
    assert (answer.status, answer.headers.get("Expires")) == (200, "600")
    assert OWN_ID in answer.headers.get("Contact")
    told = SubscriptionAnswer.from_document(manscdp.parse_document(answer.body))
    assert (told.cmd_type, told.sn, told.device_id, told.ok) == ("Catalog", "501", OWN_ID, True)
    await above.until(lambda: listener.events == [("OFF", "0002")])
    (first,) = listener.notifies
    assert first.headers.get("Event") == "Catalog;id=1894"
    assert first.headers.get("Subscription-State").startswith("active;expires=")
    assert (first.from_.tag, first.to.tag) == (answer.to.tag, answer.from_.tag)

    await below.catalog.apply_events(NVR, [change(ChangeKind.ON, 2), change(ChangeKind.OFF, 3)])
    await above.until(lambda: len(listener.events) == 3)
    assert sorted(listener.events[1:]) == [("OFF", "0003"), ("ON", "0002")]
    assert [each.cseq.number for each in listener.notifies] == [1, 2]

    assert (await listener.again(600)).headers.get("Expires") == "600"
    assert (await listener.again(0)).headers.get("Expires") == "0"
    await above.until(lambda: "terminated;reason=timeout" in listener.states)
    assert (await listener.again(600)).status == 481
    assert below.superiors.list()[0].notices.subscriptions.running() == []


async def test_all_seven_events_reach_the_superior(above: SmallPlatform, below: Below) -> None:
    """GB-C091, from our side: ON OFF VLOST DEFECT name the item, ADD and UPDATE have all of it."""
    await joined(below, above)
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    steps = [
        (change(ChangeKind.OFF, 1), ("OFF", "0001")),
        (change(ChangeKind.ON, 1), ("ON", "0001")),
        (change(ChangeKind.VLOST, 2), ("VLOST", "0002")),
        (change(ChangeKind.DEFECT, 2), ("DEFECT", "0002")),
        (change(ChangeKind.ADD, 9, name="new", status_online=True), ("ADD", "0009")),
        (change(ChangeKind.UPDATE, 9, name="other"), ("UPDATE", "0009")),
        (change(ChangeKind.DEL, 3), ("DEL", "0003")),
    ]
    for number, (what, expected) in enumerate(steps, 1):
        await below.catalog.apply_events(NVR, [what])
        await above.until(lambda number=number: len(listener.events) >= number)
        assert listener.events[number - 1 :] == [expected]
    events = {event.kind: event for notify in listener.catalog for event in notify.events}
    assert events[CatalogEventKind.UPDATE].item.name == "other"
    assert events[CatalogEventKind.ADD].item.parent_ids == (OWN_ID,)
    assert events[CatalogEventKind.DEL].given == frozenset({"deviceid"})


async def test_changes_are_gathered_and_only_the_last_state_is_told(
    above: SmallPlatform, below: Below, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GB-C094: SumNum equals Num; a camera that flaps between two notifications is not worth one."""
    monkeypatch.setattr(notices, "EAGER_S", 1.0)
    await joined(below, above, 30, notify_wait_s=1.0, notify_items=8)
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    for kind in (ChangeKind.OFF, ChangeKind.ON, ChangeKind.OFF):
        await below.catalog.apply_events(NVR, [change(kind, number) for number in range(1, 21)])
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 30), change(ChangeKind.ON, 30)])
    await above.until(lambda: len(listener.events) >= 20)
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 29)])
    await above.until(lambda: listener.events[-1] == ("OFF", "0029"))
    assert {event for event, _ in listener.events} == {"OFF"}
    assert [len(notify.events) for notify in listener.catalog] == [8, 8, 4, 1]
    assert all(notify.sum_num == len(notify.events) for notify in listener.catalog)


async def test_a_device_that_goes_takes_its_cameras_with_it(above: SmallPlatform, below: Below) -> None:
    await joined(below, above)
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    below.standing.online.clear()
    below.superiors.device_changed(NVR)
    await above.until(lambda: len(listener.events) == 3)
    assert {event for event, _ in listener.events} == {"OFF"}
    below.standing.online.add(NVR)
    below.superiors.device_changed(NVR)
    await above.until(lambda: len(listener.events) == 6)
    assert {event for event, _ in listener.events[3:]} == {"ON"}


async def test_another_sharing_tells_what_comes_and_goes_under_ids_that_were_written_down(
    above: SmallPlatform, below: Below
) -> None:
    post = await joined(
        below, above, keeps_ids=False, shares=(Share(ShareKind.CHANNEL, f"{NVR}~{camera(1)}"),)
    )
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    superior = post.link.superior
    await below.superiors.change(replace(superior, shares=(Share(ShareKind.CHANNEL, f"{NVR}~{camera(2)}"),)))
    await above.until(lambda: len(listener.events) == 2)
    assert dict(listener.events) == {"DEL": "0001", "ADD": "0002"}
    written = await below.store.load_ids(superior.superior_id)
    assert written[f"{NVR}~{camera(2)}"] == "34010000001320000002"
    await below.superiors.change(replace(post.link.superior, tree=TreeForm.REGIONS))
    await above.until(lambda: len(listener.events) >= 6)
    assert [each for each in listener.events if each[0] == "ADD"][1:] == [
        ("ADD", "34"), ("ADD", "3401"), ("ADD", "0102"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (InitialReport.FULL, [("ADD", "0001"), ("ADD", "0002"), ("ADD", "0003")]),
        (InitialReport.NONE, []),
    ],
)
async def test_the_first_report_is_chosen(
    above: SmallPlatform, below: Below, report: InitialReport, told: list[tuple[str, str]]
) -> None:
    await below.cameras(3)
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 2)])
    await registered(below, above, shared(above, initial_report=report, fragment_items=2, **QUICK))
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    await above.until(lambda: len(listener.events) == len(told))
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: listener.events == [*told, ("OFF", "0001")])
    assert [len(each.events) for each in listener.catalog[:-1]] == ([2, 1] if told else [])


async def test_a_subscription_hears_of_its_own_scope_alone(above: SmallPlatform, below: Below) -> None:
    """gb28181.md 5.3: one camera, or a division."""
    await joined(below, above, tree=TreeForm.REGIONS)
    one, division = Listener(above), Listener(above)
    await one.subscribe(CatalogQuery("1", GbId(camera(2))).to_xml())
    await division.subscribe(CatalogQuery("2", GbId("3401")).to_xml())
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, number) for number in (1, 2, 3)])
    await above.until(lambda: len(division.events) == 3)
    await above.until(lambda: one.events == [("OFF", "0002")])
    assert {notify.device_id for notify in one.catalog} == {camera(2)}


async def test_query_and_notification_say_the_same_of_an_item(above: SmallPlatform, below: Below) -> None:
    """Lesson 12: one builder for both."""
    await joined(below, above, initial_report=InitialReport.FULL, tree=TreeForm.GROUPS)
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    items = await asked(above, "9", OWN_ID)
    await above.until(lambda: len(listener.events) == len(items))
    told = {event.item.device_id: event.item for notify in listener.catalog for event in notify.events}
    assert {item.device_id: item for item in items} == told
