"""The ledger of a superior: what was sent, taken, refused, listed, and what differs, by name."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from cascade.errors import SuperiorSilent
from cascade.post import SuperiorPost
from cascade.shown.items import Override
from cascade.told.ledger import Difference
from catalog.notified import ChangeKind
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem, CatalogResponse
from sipserver.gb.messages.catalog_notify import CatalogNotify
from tests.integration.cascade.conftest import NVR, Below
from tests.integration.cascade.listener import Listener
from tests.integration.cascade.test_catalogue_notices import CATALOG, camera, change
from tests.integration.cascade.test_catalogue_notices import joined as _joined
from tests.integration.cascade.test_catalogue_upward import asked
from tests.unit.cascade.conftest import OWN_ID
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform


@pytest.fixture
async def post(above: SmallPlatform, below: Below) -> SuperiorPost:
    return await _joined(below, above)


async def differences(post: SuperiorPost) -> dict[str, Difference]:
    """By the last digits of the id."""
    tree = await post.catalogue.tree()
    ledger = await post.book.ledger()
    return {tree.presented_ids[entry][-4:]: found for entry, found in ledger.differences()}


async def test_a_query_settles_everything_and_a_change_is_a_difference_until_it_is_told(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    assert set((await differences(post)).values()) == {Difference.NEVER_SENT}
    await asked(above, "1", OWN_ID)
    await above.until(lambda: not post.answers._tasks)
    assert await differences(post) == {}
    await below.catalog.apply_events(NVR, [change(ChangeKind.OFF, 1), change(ChangeKind.DEL, 2)])
    assert await differences(post) == {"0001": Difference.NOT_SENT_SINCE, "0002": Difference.NOT_REMOVED}
    # A whole list tells what is gone, too.
    await asked(above, "2", OWN_ID)
    await above.until(lambda: not post.answers._tasks)
    assert await differences(post) == {}


async def test_a_refused_item_is_named_and_the_others_are_sent(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    """One fragment that a superior does not like is no reason to keep the others from it."""
    original, seen = above.transport.respond, Counter[int]()

    def respond(incoming, status, *args, **kwargs):  # type: ignore[no-untyped-def]
        if camera(2).encode() in incoming.request.body and incoming.request.method == "MESSAGE":
            status = 400
        seen[status] += 1
        return original(incoming, status, *args, **kwargs)

    above.transport.respond = respond  # type: ignore[method-assign]
    await asked(above, "1", OWN_ID)
    await above.until(lambda: not post.answers._tasks)
    assert await differences(post) == {"0002": Difference.REFUSED}
    assert seen[400] == 1


async def test_what_was_told_outlives_a_restart(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    await asked(above, "1", OWN_ID)
    await above.until(lambda: not post.answers._tasks)
    await below.superiors.close()
    await below.superiors.open()
    await below.catalog.apply_events(NVR, [change(ChangeKind.DEL, 3), change(ChangeKind.UPDATE, 1, name="x")])
    (again,) = below.superiors.list()
    assert again is not post
    assert await differences(again) == {"0001": Difference.NOT_SENT_SINCE, "0003": Difference.NOT_REMOVED}
    await below.superiors.remove(PLATFORM_ID)
    assert [rows async for rows in below.store.ledger.load(PLATFORM_ID)] == [[]]


async def test_all_that_differs_is_told_again_by_message_or_in_the_subscription(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    assert await post.notices.push_again() == 3
    await above.until(lambda: len(above.of_type("Catalog")) == 3)
    pushed = [CatalogNotify.from_xml(each.element) for each in above.of_type("Catalog")]
    assert [event.kind for notify in pushed for event in notify.events] == ["UPDATE"] * 3
    assert above.count("NOTIFY") == 0
    await above.until(lambda: post.notices._pushed_items is None)
    assert await differences(post) == {}
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    assert await post.notices.push_again([camera(2), "34010200001320999999"]) == 1
    await above.until(lambda: listener.events == [("UPDATE", "0002")])
    assert len(above.of_type("Catalog")) == 4


async def test_what_the_superior_lists_is_held_against_what_it_is_shown(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    await asked(above, "1", OWN_ID)
    tree = await post.catalogue.tree()
    before = len(above.documents)
    asking = asyncio.ensure_future(post.check.ask())
    await above.until(lambda: any(each.root == "Query" for each in above.documents[before:]))
    query = next(each for each in above.documents[before:] if each.root == "Query")
    assert (query.cmd_type, query.device_id) == ("Catalog", OWN_ID)
    first, second, _ = (tree.channels[camera(number)].item for number in (1, 2, 3))
    stranger = CatalogItem(GbId("34010200001320000077"), "left over", status="ON")
    other = CatalogItem(second.device_id, "another name", status="ON")
    for part in ((first, stranger), (other,)):
        answer = CatalogResponse(query.sn, GbId(OWN_ID), 3, part).to_xml()
        assert (await above.send(OWN_ID, answer)).status == 200
    found = await asking
    assert (found.is_whole, len(found.found), found.stranger_count) == (True, 2, 1)
    assert [each.presented_id for each in post.check.strangers] == ["34010200001320000077"]
    assert await differences(post) == {"0002": Difference.LISTED_OTHERWISE, "0003": Difference.NOT_LISTED}
    # What is told anew is not known to be listed otherwise.
    await post.notices.push_again()
    await above.until(lambda: post.notices._pushed_items is None)
    assert await differences(post) == {}


async def test_a_superior_that_lists_nothing(above: SmallPlatform, post: SuperiorPost) -> None:
    post.check.quiet_s = 0.05
    with pytest.raises(SuperiorSilent, match="sent no list"):
        await post.check.ask()
    stray = CatalogResponse("99", GbId(OWN_ID), 1, (CatalogItem(GbId(camera(1))),)).to_xml()
    assert (await above.send(OWN_ID, stray)).status == 403, "nobody asked: it is left to others"


async def test_a_camera_has_another_name_for_one_superior(
    above: SmallPlatform, below: Below, post: SuperiorPost
) -> None:
    """And keeps it after a restart; the others see what the catalogue says."""
    listener = Listener(above)
    await listener.subscribe(CATALOG)
    await post.catalogue.override(camera(2), Override(name="大门", civil_code="340199"))
    await above.until(lambda: listener.events == [("UPDATE", "0002")])
    item = listener.catalog[0].events[0].item
    assert (item.name, item.civil_code) == ("大门", "340199")
    await below.superiors.close()
    await below.superiors.open()
    tree = await below.superiors.list()[0].catalogue.tree()
    assert tree.channels[camera(2)].item.name == "大门"
    await below.superiors.list()[0].catalogue.override(camera(2), Override())
    assert (await below.superiors.list()[0].catalogue.tree()).channels[camera(2)].item.name != "大门"
