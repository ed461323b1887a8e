"""A catalogue answer writes what differs, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.comparison import TOUCHED_MAX, Difference, digest_of
from catalog.model import CatalogRow, ChannelKey
from catalog.notified import CatalogChange, ChangeKind
from catalog.store import CatalogStore
from tests.unit.catalog.builders import DEVICE, HandClock, camera, camera_id, device


class Told:
    """Hears what a store tells of changes."""

    def __init__(self, store: CatalogStore) -> None:
        self.heard: list[set[str] | None] = []
        store.listeners.append(self)

    def __call__(self, _: str, channel_ids: Collection[str] | None) -> None:
        self.heard.append(None if channel_ids is None else set(channel_ids))


async def test_the_same_answer_again_writes_nothing_and_tells_nobody(
    store: CatalogStore, clock: HandClock
) -> None:
    await store.upsert_device(device())
    rows = [camera(number, info={"PTZType": "1"}, parent_ids=(DEVICE,)) for number in range(5)]
    assert (await store.replace_catalog(DEVICE, rows, complete=True)).written == 5
    told = Told(store)
    clock.advance(60)
    again = await store.replace_catalog(DEVICE, list(reversed(rows)), complete=True)
    assert (again.stored, again.written, again.missing) == (5, 0, 0)
    assert told.heard == []
    found = await store.get_device(DEVICE)
    assert found is not None
    assert found.catalog_time == clock.now, "that it was compared is known"


async def test_only_what_differs_is_written_and_told(store: CatalogStore) -> None:
    await store.upsert_device(device())
    await store.replace_catalog(DEVICE, [camera(number) for number in range(5)], complete=True)
    told = Told(store)
    changed = [camera(0), camera(1, name="renamed"), camera(2), camera(9)]
    result = await store.replace_catalog(DEVICE, changed, complete=True)
    assert (result.written, result.missing) == (2, 2)
    assert told.heard == [{camera_id(1), camera_id(9), camera_id(3), camera_id(4)}]
    back = await store.replace_catalog(DEVICE, [*changed, camera(3)], complete=True)
    assert (back.written, back.missing) == (1, 0), "a channel that comes back is written"


@pytest.mark.parametrize("kind", [ChangeKind.OFF, ChangeKind.UPDATE, ChangeKind.DEL])
async def test_what_was_notified_since_is_put_right_by_the_next_answer(
    store: CatalogStore, kind: ChangeKind
) -> None:
    """A notification that was a lie, or whose opposite was lost."""
    await store.upsert_device(device())
    rows = [camera(0), camera(1)]
    await store.replace_catalog(DEVICE, rows, complete=True)
    await store.apply_events(DEVICE, [CatalogChange(kind, camera(0, name="x"), frozenset({"name"}))])
    assert (await store.replace_catalog(DEVICE, rows, complete=True)).written == 1
    found = await store.get_channel(ChannelKey(DEVICE, camera_id(0)))
    assert found is not None
    assert (found.status_online, found.name, found.present) == (True, rows[0].name, True)


async def test_an_answer_with_holes_takes_nothing_away(store: CatalogStore) -> None:
    await store.upsert_device(device())
    await store.replace_catalog(DEVICE, [camera(0), camera(1)], complete=True)
    result = await store.replace_catalog(DEVICE, [camera(1), camera(1)], complete=False)
    assert (result.stored, result.written, result.missing) == (1, 0, 0)


def test_so_many_changes_are_told_without_names() -> None:
    many = Difference(missing=[str(number) for number in range(TOUCHED_MAX + 1)])
    assert many.touched is None
    assert not Difference()


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.text(max_size=5),
    "parent_ids": st.lists(st.sampled_from(["1", "2"]), max_size=2).map(tuple),
    "status_online": st.sampled_from([None, True, False]),
    "longitude": st.sampled_from([None, 1.5, 2.5]),
    "info": st.dictionaries(st.sampled_from("ab"), st.text(max_size=2), max_size=2),
}


@given(st.fixed_dictionaries(FIELDS), st.fixed_dictionaries(FIELDS))
def test_digests_are_equal_for_equal_rows_alone(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = (CatalogRow(channel_id="1", **fields) for fields in (first, second))
    assert (digest_of(one) == digest_of(other)) == (one == other)
