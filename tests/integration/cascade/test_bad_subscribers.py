"""Superiors that subscribe badly: each has a stated reaction, and nothing else suffers."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.post import SuperiorPost
from cascade.told import notices as notices_room
from cascade.told import subscriptions as room
from catalog.notified import ChangeKind
from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.device_info import DeviceInfoQuery
from sipserver.gb.messages.subscription_answer import SubscriptionAnswer
from sipserver.sip.message import SipResponse
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.listener import Listener
from tests.integration.cascade.test_catalogue_notices import CATALOG, change
from tests.integration.cascade.test_catalogue_notices import joined as _joined
from tests.integration.cascade.test_catalogue_upward import asked
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import SmallPlatform


@pytest.fixture
async def post(above: SmallPlatform, below: Below) -> SuperiorPost:
    return await _joined(below, above)


def ended(post: SuperiorPost) -> bool:
    return not post.notices.subscriptions.running()


async def test_what_is_not_presented_is_not_found(above: SmallPlatform, post: SuperiorPost) -> None:
    for stranger in ("34010200001320000099", "340999", "34010000002150000001"):
        answer = await Listener(above).subscribe(CatalogQuery("7", GbId(stranger)).to_xml())
        assert answer.status == 404
        told = SubscriptionAnswer.from_document(manscdp.parse_document(answer.body))
        assert (told.sn, told.device_id, told.ok) == ("7", stranger, False)
    assert ended(post)


async def test_what_cannot_be_read_or_subscribed_to(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    async def status(body: bytes) -> int:
        request = above._request("SUBSCRIBE", OWN_ID, body, manscdp.CONTENT_TYPE)
        return (await Listener(above).send(request)).status

    other = manscdp.serialize_document(DeviceInfoQuery("1", GbId(OWN_ID)).to_xml())
    notify = manscdp.serialize_document(CATALOG).replace(b"Query", b"Notify")
    nobody = manscdp.serialize_document(CATALOG).replace(OWN_ID.encode(), b"<>")
    assert [await status(body) for body in (b"", b"<Query>", nobody)] == [400, 400, 400]
    assert [await status(body) for body in (other, notify)] == [489, 489]
    assert post.notices.subscriptions.refused == 5
    assert below.stats.subscribes_refused == {"400": 3, "489": 2}


async def test_an_unknown_dialog_is_481_also_after_our_restart(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    assert (await Listener(above).subscribe(CATALOG, to_tag="never-ours")).status == 481
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    await below.superiors.close()
    assert "terminated;reason=deactivated" in listener.states, "it is told, and subscribes anew"
    await below.superiors.open()
    await above.until(lambda: below.superiors.list()[0].link.is_online)
    assert (await listener.again(600)).status == 481


@pytest.mark.parametrize(
    ("asked_for", "granted"),
    [("", "600"), ("99999999", "86400"), ("9" * 40, "86400"), ("-1", "600"), ("soon", "600"), ("1", "1")],
)
async def test_expires_of_any_kind(
    above: SmallPlatform, post: SuperiorPost, asked_for: str, granted: str
) -> None:
    answer = await Listener(above).subscribe(CATALOG, expires=asked_for)
    assert (answer.status, answer.headers.get("Expires")) == (200, granted)


async def test_a_subscription_that_is_not_refreshed_ends(above: SmallPlatform, post: SuperiorPost) -> None:
    listener = Listener(above)
    await listener.subscribe(CATALOG, expires="1")
    await above.until(lambda: "terminated;reason=timeout" in listener.states)
    assert ended(post)


async def test_expires_0_outside_a_dialog_asks_once(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    """RFC 6665 section 4.4.3: what there is to tell, and the end."""
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 2)])
    listener = Listener(above)
    answer = await listener.subscribe(CATALOG, expires="0")
    assert (answer.status, answer.headers.get("Expires")) == (200, "0")
    await above.until(lambda: "terminated;reason=timeout" in listener.states)
    assert listener.events == [("OFF", "0002")]
    assert ended(post)


async def test_a_sequence_that_goes_back_is_refused_and_the_subscription_goes_on(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    listener.dialog.local_cseq = 50
    assert (await listener.again(600)).status == 200
    listener.dialog.local_cseq = 3
    assert (await listener.again(0)).status == 500
    listener.dialog.local_cseq = 60
    assert (await listener.again(600, AlarmQuery("1", GbId(OWN_ID)).to_xml())).status == 400
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: listener.events == [("OFF", "0001")])


async def test_a_superior_that_never_answers_notify_loses_its_subscription_and_nothing_else(
    above: SmallPlatform, below: Below, post: SuperiorPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices_room, "PAUSE_S", 0.02)
    post.notices.answer_s = 0.05
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    above.answers_messages = False
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: ended(post))
    assert post.notices.unanswered == notices_room.SILENT_MAX
    ledger, tree = await post.book.ledger(), await post.catalogue.tree()
    entry = tree.entry("34010200001320000001")
    assert entry is not None
    assert ledger.row(entry).acknowledged_s == 0
    above.answers_messages = True
    assert (await listener.again(600)).status == 481
    assert len(await asked(above, "9", OWN_ID)) == 3


async def test_one_that_is_heard_late_is_told_again(
    above: SmallPlatform, below: Below, post: SuperiorPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 and silence: the same change again, whole."""
    monkeypatch.setattr(notices_room, "PAUSE_S", 0.02)
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    above.notify_status = 503
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: post.notices.unanswered > 0)
    above.notify_status = 200
    await above.until(lambda: listener.events[-1:] == [("UPDATE", "0001")])
    assert listener.catalog[-1].events[0].item.status == "OFF"


@pytest.mark.parametrize("status", [404, 481, 489])
async def test_a_superior_that_knows_of_no_subscription_is_told_no_more(
    above: SmallPlatform, below: Below, post: SuperiorPost, status: int
) -> None:
    await Listener(above).subscribe(CATALOG)
    above.notify_status = status
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: ended(post))


async def test_what_a_superior_refuses_is_in_the_ledger_and_not_repeated(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    above.notify_status = 400
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1)])
    await above.until(lambda: post.notices.refused == 1)
    above.notify_status = 200
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 2)])
    await above.until(lambda: listener.events[-1:] == [("OFF", "0002")])
    assert [event for event, _ in listener.events] == ["OFF", "OFF"]
    ledger, tree = await post.book.ledger(), await post.catalogue.tree()
    entry = tree.entry("34010200001320000001")
    assert entry is not None
    assert ledger.row(entry).refused_status == 400


async def test_a_flood_of_subscriptions_is_bounded(
    above: SmallPlatform, post: SuperiorPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of catalogues the oldest gives way; of others there is an end; and each second has its own."""
    monkeypatch.setattr(room, "MAX_SUBSCRIPTIONS", room.MAX_CATALOGS + 2)
    listeners = [Listener(above) for _ in range(room.MAX_CATALOGS + 1)]
    for listener in listeners:
        assert (await listener.subscribe(CATALOG)).status == 200
    assert len(post.notices.subscriptions.running()) == room.MAX_CATALOGS
    await above.until(lambda: "terminated;reason=deactivated" in listeners[0].states)
    alarms = AlarmQuery("1", GbId(OWN_ID)).to_xml()
    answers = [await Listener(above).subscribe(alarms) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 503]
    assert answers[-1].headers.get("Retry-After")


async def test_a_burst_of_subscribes_gets_no_further(
    above: SmallPlatform, post: SuperiorPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post.notices.subscriptions, "_floods", room.TokenBuckets(2, 0.0))

    async def one() -> SipResponse:
        return await Listener(above).subscribe(CATALOG)

    assert [(await one()).status for _ in range(3)] == [200, 200, 503]
    assert len(await asked(above, "9", OWN_ID)) == 3


async def test_the_link_goes_and_comes_back_and_everything_is_told_in_the_end(
    above: SmallPlatform, below: Below, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superior keeps the dialog; what changed meanwhile is told, and the ledger has no difference."""
    monkeypatch.setattr(notices_room, "PAUSE_S", 0.02)
    values: dict[str, Any] = {"keepalive_s": 0.1, "keepalive_misses": 1}
    post = await _joined(below, above, **values)
    post.notices.answer_s = 0.2
    monkeypatch.setattr("cascade.signalling.ANSWER_TIMEOUT_S", 0.2)
    listener = Listener(above)
    await asked(above, "1", OWN_ID)
    await listener.subscribe(CATALOG)
    above.answers_messages = False
    above.register_statuses = [503] * 5
    await above.until(lambda: not post.link.is_online)
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1), change(ChangeKind.DEL, 3)])
    above.answers_messages = True
    await above.until(lambda: post.link.is_online and len(listener.events) >= 2)
    ledger = await post.book.ledger()
    await above.until(lambda: not list(ledger.differences()))
    assert {number: event for event, number in listener.events}["0003"] == "DEL"
