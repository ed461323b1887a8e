"""A camera with several ways is reached by the first on which somebody is."""

from __future__ import annotations

import pytest

from cascade.asked.ways import by_ways
from cascade.shown.presented import PresentedChannel
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError, DeviceOffline, NotAGbDevice, Refused, UnknownDevice
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem

FIRST, SECOND, THIRD = (ChannelKey(device, "one") for device in ("a", "b", "c"))
CAMERA = PresentedChannel(CatalogItem(GbId("34010200001320000001"), "gate"), (FIRST, SECOND, THIRD))


async def tried(failures: dict[ChannelKey, DeviceError]) -> tuple[list[ChannelKey], object]:
    seen: list[ChannelKey] = []

    async def act(key: ChannelKey) -> str:
        seen.append(key)
        if key in failures:
            raise failures[key]
        return f"by {key.device_id}"

    try:
        return seen, await by_ways(CAMERA, act)
    except DeviceError as error:
        return seen, error


async def test_the_next_way_is_tried_when_nobody_is_at_the_end_of_one() -> None:
    gone = {FIRST: DeviceOffline("gone"), SECOND: UnknownDevice("never heard of it")}
    assert await tried(gone) == ([FIRST, SECOND, THIRD], "by c")


async def test_when_none_works_the_first_is_said() -> None:
    failures: dict[ChannelKey, DeviceError] = {
        FIRST: DeviceOffline("a"), SECOND: UnknownDevice("b"), THIRD: DeviceOffline("c"),
    }  # fmt: skip
    assert await tried(failures) == ([FIRST, SECOND, THIRD], failures[FIRST])


@pytest.mark.parametrize("error", [Refused("no", status=403), NotAGbDevice("a source of ours")])
async def test_whoever_is_there_and_says_no_is_believed(error: DeviceError) -> None:
    """A restart that is asked for twice would be two."""
    assert await tried({FIRST: error}) == ([FIRST], error)
