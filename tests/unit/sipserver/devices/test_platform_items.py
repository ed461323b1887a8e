"""What a platform below us may not list. GB-C135."""

from __future__ import annotations

from sipserver.devices.platform_items import PlatformItems
from sipserver.devices.stats import DeviceStats
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem

OWN, ALSO_OWN = "34010000002000000001", "34010000002000000099"
TOWN, VILLAGE = "34010300002000000001", "34010300002000000002"
NVR = "34010300001180000001"


def item(item_id: str, *parents: str) -> CatalogItem:
    return CatalogItem(GbId(item_id), parent_ids=parents)


def camera(number: int) -> str:
    return f"3401030000132{number:07d}"


def items() -> PlatformItems:
    made = PlatformItems(lambda device_id: device_id[10:13] == "200", OWN, DeviceStats())
    made.own_ids = lambda: (OWN, ALSO_OWN)
    return made


def test_ourselves_and_what_hangs_under_us_alone_is_left_out() -> None:
    listed = [
        item(TOWN),
        item(camera(1), TOWN),
        item(camera(2), f"{NVR}"),
        item(NVR, OWN),
        item(camera(3), OWN, TOWN),
        item(OWN, TOWN),
        item(VILLAGE, ALSO_OWN),
        item(ALSO_OWN),
        item(camera(4), VILLAGE),
    ]
    found = items()
    kept = [each.device_id for each in found.admitted(TOWN, listed)]
    assert kept == [TOWN, camera(1), camera(3)], "what it has by another way as well is its own"
    assert found.refused == 6


def test_a_device_is_not_looked_through_and_nothing_is_copied_where_nothing_is_wrong() -> None:
    found = items()
    listed = [item(OWN), item(camera(1), OWN)]
    assert found.admitted(NVR, listed) is listed
    assert found.is_admitted(NVR, listed[0])
    fine = [item(TOWN), item(camera(1), TOWN), item(camera(2))]
    assert found.admitted(TOWN, fine) is fine
    assert found.refused == 0


def test_notified_items_are_looked_at_one_by_one() -> None:
    found = items()
    assert not found.is_admitted(TOWN, item(OWN))
    assert not found.is_admitted(TOWN, item(camera(1), ALSO_OWN))
    assert found.is_admitted(TOWN, item(camera(1), ALSO_OWN, TOWN))
    assert found.is_admitted(TOWN, item(camera(2)))
    assert found.refused == 2


def test_a_chain_that_ends_in_a_circle_ends() -> None:
    listed = [item(OWN, NVR), item(NVR, VILLAGE), item(VILLAGE, NVR), item(camera(1), NVR)]
    assert [each.device_id for each in items().admitted(TOWN, listed)] == [NVR, VILLAGE, camera(1)]


def test_a_chain_of_a_hundred_thousand_is_followed_once() -> None:
    ids = [f"340103000011{number:08d}" for number in range(100_000)]
    listed = [item(OWN)]
    listed += [item(each, before) for each, before in zip(ids, [OWN, *ids], strict=False)]
    assert list(items().admitted(TOWN, listed)) == []
