"""The catalogue's queries on a real SQLite file."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.errors import AmbiguousChannel, BadCursor, UnknownChannel, UnknownDevice
from catalog.keyset import MAX_LIMIT
from catalog.model import ChannelKey, ChannelKind, PresenceRow, Priority, RetentionClass
from catalog.store import EVERY_KIND, CatalogStore
from catalog.tables import channels
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


async def _with_cameras(store: CatalogStore, count: int = 3, device_id: str = DEVICE) -> None:
    await store.upsert_device(device(device_id))
    await store.replace_catalog(device_id, [camera(number) for number in range(count)], complete=True)


async def test_device_is_read_back_as_it_was_written(store: CatalogStore) -> None:
    written = device(
        "00020000001180000005",
        name="学校 NVR",
        password_sealed="sealed",
        manufacturer="A",
        model="B",
        firmware="1",
        transport="TCP",
        remote_host="192.0.2.7",
        remote_port=5060,
        edition="3.0",
        online=True,
        registered_at=START,
        expires_at=START + timedelta(hours=1),
        last_seen_at=START + timedelta(microseconds=1),
        keepalive_interval_s=60.0,
    )
    await store.upsert_device(written)
    assert await store.get_device(written.device_id) == replace(written, created_time=START)


async def test_writing_a_device_back_does_not_touch_its_presence(store: CatalogStore) -> None:
    await store.upsert_device(device(name="old", online=False))
    read = await store.get_device(DEVICE)
    assert read is not None
    await store.save_presence([PresenceRow(device_id=DEVICE, online=True, last_seen_at=START)])
    await store.upsert_device(replace(read, name="new"))
    now = await store.get_device(DEVICE)
    assert now is not None
    assert (now.name, now.online, now.last_seen_at) == ("new", True, START)


async def test_presence_of_many_devices_is_saved_at_once_and_strangers_are_passed_over(
    store: CatalogStore,
) -> None:
    ids = [f"340200000011800{number:05d}" for number in range(1200)]
    for device_id in ids[:3]:
        await store.upsert_device(device(device_id))
    rows = [PresenceRow(device_id=each, online=True, transport="UDP", remote_port=5060) for each in ids]
    await store.save_presence(rows)
    loaded = await store.load_registrations()
    assert [each.device_id for each in loaded] == ids[:3]
    assert all(each.online and each.transport == "UDP" for each in loaded)


async def test_fields_of_a_device_are_set_alone(store: CatalogStore) -> None:
    await store.upsert_device(device(name="a"))
    await store.set_device(DEVICE, blocked=True, password_sealed="x")
    changed = await store.get_device(DEVICE)
    assert changed is not None
    assert (changed.blocked, changed.password_sealed, changed.name) == (True, "x", "a")
    with pytest.raises(UnknownDevice):
        await store.set_device(OTHER_DEVICE, blocked=True)


async def test_devices_are_listed_in_pages_without_gap_or_repetition(store: CatalogStore) -> None:
    ids = [f"3402000000118{number:07d}" for number in range(7)]
    for device_id in reversed(ids):
        await store.upsert_device(device(device_id))
    seen, cursor = [], None
    while True:
        page = await store.list_devices(cursor, 3)
        seen += [each.device_id for each in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ids


async def test_a_page_continues_although_its_last_row_has_gone(store: CatalogStore) -> None:
    await _with_cameras(store, 4)
    page = await store.list_channels(limit=2)
    await store.replace_catalog(DEVICE, [camera(0), camera(2), camera(3)], complete=True)
    rest = await store.list_channels(cursor=page.next, limit=2)
    assert [each.channel_id for each in rest.items] == [camera_id(2), camera_id(3)]
    assert rest.next is None


@pytest.mark.parametrize("cursor", ["x", "", "!!!!", "W10", "WzFd", "eyJhIjoxfQ", "é", "A" * 10_000])
async def test_foreign_cursors_are_refused(store: CatalogStore, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await store.list_channels(cursor=cursor)


async def test_page_size_is_bounded(store: CatalogStore) -> None:
    await _with_cameras(store, MAX_LIMIT + 5)
    assert len((await store.list_channels(limit=10**9)).items) == MAX_LIMIT
    assert len((await store.list_channels(limit=-3)).items) == 1


async def test_channel_keeps_every_field(store: CatalogStore) -> None:
    row = camera(
        1,
        manufacturer="DemoCam",
        model="DC-200",
        owner="owner",
        civil_code="340203",
        region_code="340203",
        block="block",
        address="Lake Road 8",
        parental=65535,
        parent_ids=(DEVICE, ORGANISATION),
        register_way=1,
        secrecy=0,
        ip_address="192.0.2.9",
        port=5060,
        fault=True,
        longitude=117.300512,
        latitude=31.780221,
        business_group_id="34020000002150000001",
        camera_class=2,
        info={"PTZType": "1", "PointType": "2"},
        unknown={"厂商字段": "值"},
    )
    await store.upsert_device(device())
    await store.replace_catalog(DEVICE, [row], complete=True)
    stored = await store.get_channel(ChannelKey(DEVICE, row.channel_id))
    assert stored is not None
    assert {name: getattr(stored, name) for name in row.__slots__} == {
        name: getattr(row, name) for name in row.__slots__
    }
    assert (stored.retention_class, stored.priority, stored.record_always) == (
        RetentionClass.ORDINARY,
        Priority.OTHER,
        False,
    )


async def test_whole_catalogue_marks_what_it_lacks_and_keeps_the_rows(
    store: CatalogStore, clock: HandClock
) -> None:
    await _with_cameras(store, 3)
    clock.advance(60)
    result = await store.replace_catalog(DEVICE, [camera(0), camera(7)], complete=True)
    assert (result.stored, result.missing) == (2, 2)
    present = await store.list_channels(DEVICE)
    assert [each.channel_id for each in present.items] == [camera_id(0), camera_id(7)]
    every = await store.load_channels(DEVICE, include_missing=True)
    assert [each.present for each in every] == [True, False, False, True]
    assert every[1].missing_since_time == clock.now
    assert every[0].first_seen_time == START


async def test_returning_channel_is_present_again_with_what_was_decided_about_it(store: CatalogStore) -> None:
    await _with_cameras(store, 2)
    key = ChannelKey(DEVICE, camera_id(1))
    await store.set_channel(key, record_always=True, retention_class=RetentionClass.KEY, given_name="北门")
    await store.replace_catalog(DEVICE, [camera(0)], complete=True)
    await store.replace_catalog(DEVICE, [camera(0), camera(1, name="renamed")], complete=True)
    channel = await store.get_channel(key)
    assert channel is not None
    assert (channel.present, channel.missing_since_time) == (True, None)
    assert (channel.record_always, channel.retention_class) == (True, RetentionClass.KEY)
    assert (channel.name, channel.shown_name) == ("renamed", "北门")


async def test_catalogue_with_holes_takes_nothing_away(store: CatalogStore) -> None:
    await _with_cameras(store, 3)
    result = await store.replace_catalog(DEVICE, [camera(1, name="new")], complete=False)
    assert result.missing == 0
    assert len((await store.list_channels(DEVICE)).items) == 3
    stored = await store.get_device(DEVICE)
    assert stored is not None
    assert stored.catalog_complete is False


async def test_failing_answer_leaves_the_last_good_catalogue(store: CatalogStore) -> None:
    """The third row cannot be stored: nothing of the answer is."""
    await _with_cameras(store, 3)
    broken = [camera(5), camera(6), camera(7, camera_class=9)]
    with pytest.raises(Exception, match="camera_class"):
        await store.replace_catalog(DEVICE, broken, complete=True)
    listed = await store.list_channels(DEVICE, include_missing=True)
    assert [each.channel_id for each in listed.items] == [camera_id(number) for number in range(3)]


async def test_readers_never_see_half_a_catalogue(store: CatalogStore) -> None:
    await _with_cameras(store, 1500)
    sizes = set()

    async def read() -> None:
        for _ in range(6):
            sizes.add((await store.counts()).channels)

    await asyncio.gather(
        read(), store.replace_catalog(DEVICE, [camera(number) for number in range(700)], complete=True)
    )
    assert sizes <= {1500, 700}


async def test_catalogue_of_an_unknown_device_is_refused(store: CatalogStore) -> None:
    with pytest.raises(UnknownDevice):
        await store.replace_catalog(DEVICE, [camera(1)], complete=True)


async def test_empty_whole_catalogue_marks_all(store: CatalogStore) -> None:
    await _with_cameras(store, 2)
    assert (await store.replace_catalog(DEVICE, [], complete=True)).missing == 2


async def test_empty_status_keeps_the_old_one(store: CatalogStore) -> None:
    await _with_cameras(store, 1)
    await store.replace_catalog(DEVICE, [camera(0, status_online=None)], complete=True)
    channel = await store.get_channel(ChannelKey(DEVICE, camera_id(0)))
    assert channel is not None
    assert channel.status_online is True


async def test_large_catalogue_passes_every_parameter_limit(store: CatalogStore, engine: AsyncEngine) -> None:
    await _with_cameras(store, 5000)
    async with engine.connect() as connection:
        assert len((await connection.execute(select(channels.c.channel_id))).all()) == 5000


async def test_same_channel_id_on_two_devices_is_kept_apart(store: CatalogStore) -> None:
    await _with_cameras(store, 1, DEVICE)
    await _with_cameras(store, 1, OTHER_DEVICE)
    with pytest.raises(AmbiguousChannel) as caught:
        await store.resolve_channel(camera_id(0))
    assert caught.value.candidates == (f"{DEVICE}~{camera_id(0)}", f"{OTHER_DEVICE}~{camera_id(0)}")
    for text in caught.value.candidates:
        assert str(await store.resolve_channel(text)) == text


async def test_present_channel_wins_over_one_that_has_gone(store: CatalogStore) -> None:
    await _with_cameras(store, 1, DEVICE)
    await _with_cameras(store, 1, OTHER_DEVICE)
    await store.replace_catalog(DEVICE, [], complete=True)
    assert await store.resolve_channel(camera_id(0)) == ChannelKey(OTHER_DEVICE, camera_id(0))
    await store.replace_catalog(OTHER_DEVICE, [], complete=True)
    with pytest.raises(AmbiguousChannel):
        await store.resolve_channel(camera_id(0))


@pytest.mark.parametrize(
    "text", ["", "x", "~", "a~", "~b", "a~b~c", "a~b", "'; DROP TABLE channels; --", "é" * 500]
)
async def test_unknown_channels_are_named_as_such(store: CatalogStore, text: str) -> None:
    with pytest.raises(UnknownChannel):
        await store.resolve_channel(text)


async def test_priority_brings_its_retention_class(store: CatalogStore) -> None:
    await _with_cameras(store, 2)
    first, second = ChannelKey(DEVICE, camera_id(0)), ChannelKey(DEVICE, camera_id(1))
    await store.set_channel(first, priority=Priority.COUNTER_TERRORISM)
    await store.set_channel(second, priority=Priority.KEY_TRADE, retention_class=RetentionClass.ORDINARY)
    assert await store.retention_classes([first, second]) == {
        first: RetentionClass.COUNTER_TERRORISM,
        second: RetentionClass.ORDINARY,
    }
    assert await store.retention_classes() == {first: RetentionClass.COUNTER_TERRORISM}
    with pytest.raises(UnknownChannel):
        await store.set_channel(ChannelKey("x", "y"), record_always=True)


async def test_channels_recorded_always_are_told_even_while_missing(store: CatalogStore) -> None:
    await _with_cameras(store, 2)
    key = ChannelKey(DEVICE, camera_id(1))
    await store.set_channel(key, record_always=True)
    await store.replace_catalog(DEVICE, [camera(0)], complete=True)
    assert await store.channels_recorded_always() == [key]


async def test_lists_show_cameras_unless_asked_for_more(store: CatalogStore) -> None:
    await store.upsert_device(device())
    rows = [camera(0), replace(camera(1), channel_id=ORGANISATION, kind=ChannelKind.VIRTUAL_ORGANISATION)]
    await store.replace_catalog(DEVICE, rows, complete=True)
    assert len((await store.list_channels()).items) == 1
    assert len((await store.list_channels(kinds=EVERY_KIND)).items) == 2
    assert len(await store.load_channels(DEVICE)) == 2


async def test_counts(store: CatalogStore) -> None:
    await _with_cameras(store, 3, DEVICE)
    await _with_cameras(store, 2, OTHER_DEVICE)
    await store.replace_catalog(DEVICE, [camera(0)], complete=True)
    await store.save_presence([PresenceRow(device_id=DEVICE, online=True)])
    counts = await store.counts()
    assert (counts.devices, counts.devices_online, counts.channels, counts.channels_missing) == (2, 1, 3, 2)
    assert await store.channel_counts() == {DEVICE: 1, OTHER_DEVICE: 2}
    assert await store.channel_counts([OTHER_DEVICE]) == {OTHER_DEVICE: 2}


async def test_writers_wait_for_each_other(store: CatalogStore) -> None:
    """Transactions that read first and write later would fail at once without BEGIN IMMEDIATE."""
    await _with_cameras(store, 50)
    await asyncio.gather(
        *(
            store.replace_catalog(DEVICE, [camera(number) for number in range(50)], complete=True)
            for _ in range(8)
        ),
        *(store.save_presence([PresenceRow(device_id=DEVICE, online=True)]) for _ in range(8)),
    )
    assert (await store.counts()).channels == 50


async def test_a_camera_of_several_platforms_is_one_camera_by_its_best_way(store: CatalogStore) -> None:
    """Annex H of 2022: the device itself, then the lowest rank; two devices stay two (lesson 13)."""
    town, village = "34020000002000000007", "34020000002000000008"
    for device_id in (town, village):
        await store.upsert_device(device(device_id))
        await store.replace_catalog(device_id, [camera(0)], complete=True)
    assert await store.resolve_channel(camera_id(0)) == ChannelKey(town, camera_id(0))
    await store.set_device(village, path_rank=1)
    assert await store.resolve_channel(camera_id(0)) == ChannelKey(village, camera_id(0))
    await store.upsert_device(device())
    await store.replace_catalog(DEVICE, [camera(0)], complete=True)
    assert await store.resolve_channel(camera_id(0)) == ChannelKey(DEVICE, camera_id(0))
    await store.upsert_device(device(OTHER_DEVICE))
    await store.replace_catalog(OTHER_DEVICE, [camera(0)], complete=True)
    with pytest.raises(AmbiguousChannel):
        await store.resolve_channel(camera_id(0))
