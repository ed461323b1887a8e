"""Any sequence of catalogue answers, against a model of twenty lines."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import ChannelKey
from catalog.store import CatalogStore
from config.database import migrate, open_database
from tests.unit.catalog.builders import DEVICE, OTHER_DEVICE, HandClock, camera, camera_id, device

answers = st.tuples(
    st.sampled_from([DEVICE, OTHER_DEVICE]),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", ""])), max_size=6),
    st.booleans(),
)


@dataclass
class Model:
    """What must be known: every channel ever listed, its last name, and whether it is there."""

    names: dict[ChannelKey, str] = field(default_factory=dict)
    present: set[ChannelKey] = field(default_factory=set)

    def answer(self, device_id: str, items: list[tuple[int, str]], *, complete: bool) -> int:
        listed = {ChannelKey(device_id, camera_id(number)): name for number, name in items}
        gone = {key for key in self.present if key.device_id == device_id and key not in listed}
        self.names |= listed
        self.present |= set(listed)
        if complete:
            self.present -= gone
        return len(gone) if complete else 0


@settings(max_examples=25)
@given(st.lists(answers, max_size=6))
def test_store_agrees_with_the_model(given_answers: list[tuple[str, list[tuple[int, str]], bool]]) -> None:
    asyncio.run(_compare(given_answers))


async def _compare(given_answers: list[tuple[str, list[tuple[int, str]], bool]]) -> None:
    engine = open_database("sqlite://")
    await migrate(engine)
    store, model = CatalogStore(engine, HandClock()), Model()
    for device_id in (DEVICE, OTHER_DEVICE):
        await store.upsert_device(device(device_id))
    for device_id, items, complete in given_answers:
        rows = [camera(number, name=name) for number, name in items]
        replaced = await store.replace_catalog(device_id, rows, complete)
        assert replaced.missing == model.answer(device_id, items, complete=complete)
    stored = await store.load_channels(include_missing=True)
    assert {channel.key: channel.name for channel in stored} == model.names
    assert {channel.key for channel in stored if channel.present} == model.present
    assert (await store.counts()).channels == len(model.present)
    await engine.dispose()
