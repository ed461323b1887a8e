"""Notified changes of a catalogue: the rules of gb28181.md 5.3. GB-C091."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import UnknownDevice
from catalog.from_notify import change_from_event
from catalog.model import CatalogRow, Channel, ChannelKey, ChannelKind, RetentionClass
from catalog.notified import STATUS_OF, CatalogChange, CatalogChanged, ChangeKind, Fold
from catalog.store import CatalogStore
from catalog.tree import business_tree
from sipserver.gb import manscdp
from sipserver.gb.messages.catalog_notify import CatalogNotify
from tests.unit.catalog.builders import (
    DEVICE,
    ORGANISATION,
    OTHER_DEVICE,
    START,
    HandClock,
    camera,
    camera_id,
    device,
)


async def _catalogue(store: CatalogStore, cameras: int = 2) -> None:
    for device_id in (DEVICE, OTHER_DEVICE):
        await store.upsert_device(device(device_id))
        rows = [camera(number, address="Yard", info={"PTZType": "1"}) for number in range(cameras)]
        await store.replace_catalog(device_id, rows, complete=True)


async def _channel(store: CatalogStore, number: int, device_id: str = DEVICE) -> Channel:
    found = await store.get_channel(ChannelKey(device_id, camera_id(number)))
    assert found is not None
    return found


def change(kind: ChangeKind | None, number: int, given: str = "", **fields: Any) -> CatalogChange:
    return CatalogChange(kind, camera(number, **fields), frozenset(given.split()))


@pytest.mark.parametrize(("kind", "status"), STATUS_OF.items())
async def test_status_events_change_the_status_alone(
    store: CatalogStore, kind: ChangeKind, status: tuple[bool, bool, bool]
) -> None:
    """GB-C091: ON, OFF, VLOST, DEFECT."""
    await _catalogue(store)
    before = await _channel(store, 0)
    changed = await store.apply_events(DEVICE, [change(kind, 0, name="another")])
    assert changed == CatalogChanged(statuses=1)
    after = await _channel(store, 0)
    assert (after.status_online, after.fault, after.defect) == status
    assert (after.name, after.address) == (before.name, before.address)
    assert (await _channel(store, 0, OTHER_DEVICE)).status_online is True


async def test_a_channel_that_comes_back_has_its_picture_again(store: CatalogStore) -> None:
    """GB-C091."""
    await _catalogue(store)
    await store.apply_events(DEVICE, [change(ChangeKind.VLOST, 0), change(ChangeKind.ON, 0)])
    channel = await _channel(store, 0)
    assert (channel.status_online, channel.fault) == (True, False)


async def test_update_keeps_what_it_does_not_say(store: CatalogStore) -> None:
    """GB-C091, gb28181.md 5.3: elements that are absent keep their value."""
    await _catalogue(store)
    update = change(
        ChangeKind.UPDATE,
        0,
        "name longitude latitude",
        name="新名",
        info={"RoomType": "2"},
        status_online=None,
    )
    assert await store.apply_events(DEVICE, [update]) == CatalogChanged(updated=1)
    channel = await _channel(store, 0)
    assert (channel.name, channel.address, channel.status_online) == ("新名", "Yard", True)
    assert channel.info == {"PTZType": "1", "RoomType": "2"}
    assert channel.longitude is None


async def test_an_empty_name_is_no_news(store: CatalogStore) -> None:
    await _catalogue(store)
    await store.apply_events(DEVICE, [change(ChangeKind.UPDATE, 0, "name address", name=camera_id(0))])
    channel = await _channel(store, 0)
    assert (channel.name, channel.address) == ("东门 0", "")


async def test_what_the_operator_decided_is_not_the_devices_to_change(store: CatalogStore) -> None:
    await _catalogue(store)
    key = ChannelKey(DEVICE, camera_id(0))
    await store.set_channel(key, given_name="gate", record_always=True, retention_class=RetentionClass.KEY)
    for kind in (ChangeKind.UPDATE, ChangeKind.DEL, ChangeKind.ADD, None):
        await store.apply_events(DEVICE, [change(kind, 0, "name")])
    channel = await _channel(store, 0)
    assert (channel.given_name, channel.record_always, channel.retention_class) == (
        "gate",
        True,
        RetentionClass.KEY,
    )
    assert channel.present


async def test_add_and_delete(store: CatalogStore, clock: HandClock) -> None:
    """GB-C091: the row of what was deleted stays, recordings refer to it."""
    await _catalogue(store)
    clock.advance(60)
    changed = await store.apply_events(DEVICE, [change(ChangeKind.DEL, 0), change(ChangeKind.ADD, 7)])
    assert changed == CatalogChanged(added=1, removed=1)
    gone, new = await _channel(store, 0), await _channel(store, 7)
    assert (gone.present, gone.missing_since_time) == (False, clock.now)
    assert (new.present, new.first_seen_time, new.name) == (True, clock.now, "东门 7")
    assert await store.apply_events(DEVICE, [change(ChangeKind.DEL, 0)]) == CatalogChanged()
    assert await store.apply_events(DEVICE, [change(ChangeKind.ADD, 0, "name")]) == CatalogChanged(added=1)
    back = await _channel(store, 0)
    assert (back.present, back.missing_since_time, back.first_seen_time) == (True, None, START)
    # The next whole catalogue has the last word.
    await store.replace_catalog(DEVICE, [camera(0)], complete=True)
    assert not (await _channel(store, 7)).present


async def test_add_of_a_known_and_update_of_an_unknown_item(store: CatalogStore) -> None:
    """gb28181.md 5.3."""
    await _catalogue(store)
    events = [change(ChangeKind.ADD, 0, "name", name="A"), change(ChangeKind.UPDATE, 8, "name", name="B")]
    assert await store.apply_events(DEVICE, events) == CatalogChanged(added=1, updated=1)
    assert ((await _channel(store, 0)).name, (await _channel(store, 8)).name) == ("A", "B")


async def test_without_an_event_the_item_decides(store: CatalogStore) -> None:
    """gb28181.md 5.3: UPDATE if known, ADD if not."""
    await _catalogue(store)
    assert await store.apply_events(DEVICE, [change(None, 0), change(None, 9)]) == CatalogChanged(
        added=1, updated=1
    )


async def test_the_status_of_an_unknown_item_asks_for_the_catalogue(store: CatalogStore) -> None:
    """gb28181.md 5.3: ON for an unknown id; one that was deleted is as unknown."""
    await _catalogue(store)
    await store.apply_events(DEVICE, [change(ChangeKind.DEL, 1)])
    changed = await store.apply_events(
        DEVICE, [change(ChangeKind.ON, 1), change(ChangeKind.OFF, 9), change(ChangeKind.OFF, 9)]
    )
    assert changed == CatalogChanged(unknown=(camera_id(1), camera_id(9)))
    assert not (await _channel(store, 1)).present
    added = await store.apply_events(DEVICE, [change(ChangeKind.ON, 9), change(ChangeKind.ADD, 9)])
    assert added == CatalogChanged(added=1)


async def test_new_items_follow_the_devices_own_order(store: CatalogStore) -> None:
    await _catalogue(store)
    await store.apply_events(DEVICE, [change(ChangeKind.ADD, 5), change(ChangeKind.ADD, 4)])
    assert (await store.counts()).channels == 6


async def test_a_device_that_nobody_knows_has_no_catalogue(store: CatalogStore) -> None:
    with pytest.raises(UnknownDevice):
        await store.apply_events(DEVICE, [change(ChangeKind.ADD, 0)])


async def test_many_changes_are_one_transaction(store: CatalogStore) -> None:
    await _catalogue(store, 0)
    rows = [change(ChangeKind.ADD, number) for number in range(1500)]
    assert (await store.apply_events(DEVICE, rows)).added == 1500
    offs = [change(ChangeKind.OFF, number) for number in range(1500)]
    assert (await store.apply_events(DEVICE, offs)).statuses == 1500
    assert {each.status_online for each in await store.load_channels(DEVICE)} == {False}


CHANGES = st.lists(st.tuples(st.none() | st.sampled_from(ChangeKind), st.integers(0, 3)), max_size=12)


@settings(max_examples=60)
@given(CHANGES, st.integers(0, 12))
def test_changes_in_two_parts_are_changes_in_one(
    found: list[tuple[ChangeKind | None, int]], cut: int
) -> None:
    """However the notifications were put together on their way to the database."""
    changes = [change(kind, number, "name") for kind, number in found]
    whole = Fold(DEVICE, {}, 1, 0, START)
    for each in changes:
        whole.take(each)
    first = Fold(DEVICE, {}, 1, 0, START)
    for each in changes[:cut]:
        first.take(each)
    second = Fold(DEVICE, first.rows, 1, first.next_position, START)
    for each in changes[cut:]:
        second.take(each)
    assert second.rows == whole.rows
    assert first.added + second.added == whole.added
    assert first.removed + second.removed == whole.removed


def test_items_of_a_notification_become_changes() -> None:
    body = (
        f"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{DEVICE}</DeviceID><DeviceList>"
        f"<Item><DeviceID>{DEVICE}</DeviceID><Event>ON</Event></Item>"
        f"<Item><DeviceID>{camera_id(1)}</DeviceID><Event>UPDATE</Event><Name>n</Name><Status>huh</Status>"
        "<Info><PointType>2</PointType></Info></Item>"
        f"<Item><DeviceID>{DEVICE}</DeviceID><Event>ADD</Event></Item>"
        f"<Item><DeviceID>{camera_id(2)}</DeviceID><Address>a</Address><Longitude>0</Longitude></Item>"
        "</DeviceList></Notify>"
    )
    notify = CatalogNotify.from_xml(manscdp.parse_document(body.encode()).element)
    own, update, added, plain = (change_from_event(DEVICE, event) for event in notify.events)
    assert (own.kind, own.row.channel_id, own.given) == (ChangeKind.ON, DEVICE, frozenset())
    assert (added.kind, added.row.kind) == (ChangeKind.ADD, ChannelKind.MAIN_DEVICE)
    assert update.given == {"name", "status_online", "camera_class"}
    assert (update.row.camera_class, update.row.status_online) == (2, None)
    assert (plain.kind, plain.row.name) == (None, camera_id(2))
    assert plain.given == {"address", "longitude", "latitude"}
    assert isinstance(plain.row, CatalogRow)


SYSTEM, NVR, SECOND_NVR = "34020000002000000009", "34020000001180000031", "34020000001180000032"


async def _listed(store: CatalogStore) -> None:
    """A platform with a platform below it, which has an NVR with cameras."""
    await store.upsert_device(device(DEVICE))
    rows = [
        CatalogRow(channel_id=SYSTEM, name="village", kind=ChannelKind.SYSTEM, parent_ids=(DEVICE,)),
        CatalogRow(channel_id=NVR, name="nvr", kind=ChannelKind.MAIN_DEVICE, parent_ids=(SYSTEM,)),
        CatalogRow(channel_id=SECOND_NVR, name="nvr", kind=ChannelKind.MAIN_DEVICE),
        CatalogRow(channel_id=ORGANISATION, name="gates", kind=ChannelKind.VIRTUAL_ORGANISATION),
        camera(0, parent_ids=(NVR,)),
        camera(1, parent_ids=(NVR, ORGANISATION)),
        camera(2, parent_ids=(NVR, SECOND_NVR)),
        camera(3, parent_ids=(ORGANISATION,)),
        camera(4, parent_ids=(NVR, DEVICE)),
    ]
    await store.replace_catalog(DEVICE, rows, complete=True)


async def _present(store: CatalogStore) -> set[str]:
    return {channel.channel_id for channel in await store.load_channels(DEVICE)}


async def test_a_system_that_is_deleted_takes_with_it_what_hung_under_it_alone(store: CatalogStore) -> None:
    """GB-C091: what hangs elsewhere as well stays."""
    await _listed(store)
    system = CatalogRow(channel_id=SYSTEM, name=SYSTEM)
    changed = await store.apply_events(DEVICE, [CatalogChange(ChangeKind.DEL, system)])
    assert (changed.removed, changed.orphaned) == (4, 3)
    assert set(changed.touched) == {SYSTEM, NVR, camera_id(0), camera_id(1)}
    assert await _present(store) == {SECOND_NVR, ORGANISATION, *map(camera_id, (2, 3, 4))}


async def test_a_directory_that_is_deleted_takes_nothing_with_it(store: CatalogStore) -> None:
    """GB-C091: its cameras are there all the same, and move up in the tree."""
    await _listed(store)
    gone = CatalogRow(channel_id=ORGANISATION, name=ORGANISATION)
    changed = await store.apply_events(DEVICE, [CatalogChange(ChangeKind.DEL, gone)])
    assert (changed.removed, changed.orphaned) == (1, 0)
    assert camera_id(3) in await _present(store)
    tree = business_tree(DEVICE, await store.load_channels(DEVICE))
    assert tree.children == {}


async def test_what_was_moved_before_its_system_is_deleted_stays_and_what_comes_again_is_back(
    store: CatalogStore,
) -> None:
    """GB-C091: changes count in the order in which they were sent."""
    await _listed(store)
    moved = change(ChangeKind.UPDATE, 0, "parent_ids", parent_ids=(SECOND_NVR,))
    system = CatalogChange(ChangeKind.DEL, CatalogRow(channel_id=SYSTEM, name=SYSTEM))
    again = change(ChangeKind.ADD, 1, "parent_ids", parent_ids=(SECOND_NVR,))
    twice = [moved, system, system, again]
    changed = await store.apply_events(DEVICE, twice)
    assert (changed.removed, changed.added) == (3, 1)
    assert {camera_id(0), camera_id(1)} <= await _present(store)


async def test_the_deletion_of_the_platform_s_own_item_takes_nothing_with_it(store: CatalogStore) -> None:
    await store.upsert_device(device(DEVICE))
    own = CatalogRow(channel_id=DEVICE, name="own", kind=ChannelKind.SYSTEM)
    await store.replace_catalog(DEVICE, [own, camera(0, parent_ids=(DEVICE,))], complete=True)
    await store.apply_events(DEVICE, [CatalogChange(ChangeKind.DEL, own)])
    assert await _present(store) == {camera_id(0)}
