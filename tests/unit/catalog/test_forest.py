"""Trees of platforms, and the regions over all. GB-C004, GB-C005, GB-C013."""

from __future__ import annotations

import pytest

from catalog.forest import KEPT_ITEMS, Forest, Form
from catalog.model import CatalogRow, ChannelKey, ChannelKind
from catalog.notified import CatalogChange, ChangeKind
from catalog.store import CatalogStore
from tests.unit.catalog.builders import GROUP, ORGANISATION, camera, camera_id, device

TOWN, VILLAGE, NVR = "34020000002000000007", "34020000002000000008", "34020000001180000031"


@pytest.fixture
def forest(store: CatalogStore) -> Forest:
    made = Forest(store._reading)
    store.listeners.append(made.channels_changed)
    return made


async def listed(store: CatalogStore, platform: str = TOWN) -> None:
    await store.upsert_device(device(platform))
    rows = [
        CatalogRow(channel_id="3402", name="芜湖", kind=ChannelKind.REGION),
        CatalogRow(channel_id=GROUP, name="key places", kind=ChannelKind.BUSINESS_GROUP),
        CatalogRow(
            channel_id=ORGANISATION,
            name="gates",
            kind=ChannelKind.VIRTUAL_ORGANISATION,
            business_group_id=GROUP,
        ),
        CatalogRow(channel_id=NVR, name="nvr", kind=ChannelKind.MAIN_DEVICE, parent_ids=(platform,)),
        camera(1, parent_ids=(NVR, ORGANISATION), region_code="340203"),
        camera(2, parent_ids=(NVR,), region_code="340203"),
        camera(3, parent_ids=("34020000001180000099",), region_code="340204"),
    ]
    await store.replace_catalog(platform, rows, complete=True)


async def below(forest: Forest, form: Form, item: str, platform: str = TOWN) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    cursor = None
    while True:
        page = await forest.children(form, platform, item, cursor, 1)
        found += [(branch.item_id, branch.has_children) for branch in page.items]
        cursor = page.next
        if cursor is None:
            return found


async def test_a_channel_hangs_under_its_device_and_its_organisation(
    store: CatalogStore, forest: Forest
) -> None:
    await listed(store)
    assert await below(forest, Form.PHYSICAL, TOWN) == [(NVR, True), (camera_id(3), False)]
    assert await below(forest, Form.PHYSICAL, NVR) == [(camera_id(1), False), (camera_id(2), False)]
    assert await below(forest, Form.BUSINESS, TOWN) == [(GROUP, True)]
    assert await below(forest, Form.BUSINESS, GROUP) == [(ORGANISATION, True)]
    assert await below(forest, Form.BUSINESS, ORGANISATION) == [(camera_id(1), False)]
    assert await below(forest, Form.BUSINESS, camera_id(1)) == []
    assert await forest.with_organisations() == {TOWN}


async def test_parents_in_a_circle_are_cut(store: CatalogStore, forest: Forest) -> None:
    """GB-C005: A below B below C below A; all of them are found, and the walk ends."""
    ids = [f"3402000000118000004{number}" for number in range(3)]
    rows = [
        CatalogRow(channel_id=each, name="", kind=ChannelKind.MAIN_DEVICE, parent_ids=(ids[place - 1], each))
        for place, each in enumerate(ids)
    ]
    await store.upsert_device(device(TOWN))
    await store.replace_catalog(TOWN, rows, complete=True)
    found, waiting = [], [TOWN]
    while waiting:
        for item_id, _ in await below(forest, Form.PHYSICAL, waiting.pop()):
            found.append(item_id)
            waiting.append(item_id)
    assert sorted(found) == ids


async def test_a_change_is_seen_at_once_and_trees_are_forgotten(
    store: CatalogStore, forest: Forest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(store)
    assert len(await below(forest, Form.PHYSICAL, NVR)) == 2
    moved = CatalogChange(ChangeKind.UPDATE, camera(2, parent_ids=(TOWN,)), frozenset({"parent_ids"}))
    await store.apply_events(TOWN, [moved])
    assert await below(forest, Form.PHYSICAL, NVR) == [(camera_id(1), False)]
    await listed(store, VILLAGE)
    monkeypatch.setattr("catalog.forest.KEPT_ITEMS", 8)
    assert len(await below(forest, Form.PHYSICAL, VILLAGE, VILLAGE)) == 2
    assert list(forest._trees) == [(Form.PHYSICAL, VILLAGE)]
    assert KEPT_ITEMS >= 100_000


async def test_regions_are_one_tree_over_all_and_a_camera_stands_there_once(
    store: CatalogStore, forest: Forest
) -> None:
    """GB-C013: by two platforms it is one camera, shown by the way that is on, then by the better rank."""
    await listed(store)
    await listed(store, VILLAGE)
    await store.set_device(VILLAGE, path_rank=1)
    (top,) = await forest.regions()
    assert (top.code, top.name, top.cameras) == ("34", "34", 6)
    assert [(each.code, each.name) for each in await forest.regions("34")] == [("3402", "芜湖")]
    assert [each.code for each in await forest.regions("3402")] == ["340203", "340204"]
    assert await forest.regions("340203") == []
    page = await forest.cameras_in("340203", None, 1)
    rest = await forest.cameras_in("340203", page.next, 10)
    keys = [*page.items, *rest.items]
    assert keys == [ChannelKey(VILLAGE, camera_id(1)), ChannelKey(VILLAGE, camera_id(2))]
    off = CatalogChange(ChangeKind.OFF, camera(1))
    await store.apply_events(VILLAGE, [off])
    assert ChannelKey(TOWN, camera_id(1)) in (await forest.cameras_in("340203", None, 10)).items
    assert (await forest.cameras_in("", None, 10)).items == []


async def test_a_cursor_of_what_is_gone_ends_the_level(store: CatalogStore, forest: Forest) -> None:
    await listed(store)
    page = await forest.children(Form.PHYSICAL, TOWN, NVR, None, 1)
    await store.apply_events(TOWN, [CatalogChange(ChangeKind.DEL, camera(1))])
    assert (await forest.children(Form.PHYSICAL, TOWN, NVR, page.next, 1)).items == []
