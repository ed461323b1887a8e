"""Hostile platforms below us: whatever they list or say of ways, we keep our shape."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catalog.from_gb import rows_from_items
from catalog.tree import business_tree, physical_tree
from sipserver.devices.platform_items import PlatformItems
from sipserver.devices.stats import DeviceStats
from sipserver.gb.ids import GbId
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.route_path import MAX_PLATFORMS, InviteRoute, parse_path
from sipserver.sip.message import SipRequest

OWN, TOWN = "34010000002000000001", "34010300002000000001"
TYPES = ("200", "215", "216", "118", "132")
IDS = (
    OWN,
    TOWN,
    "34",
    "3401",
    *(f"3401030000{code}0{number:06d}" for code in TYPES for number in range(1, 5)),
)
ITEMS = st.lists(
    st.builds(
        lambda item_id, parents, group: CatalogItem(
            GbId(item_id), parent_ids=tuple(parents), business_group_id=group
        ),
        st.sampled_from(IDS),
        st.lists(st.sampled_from([*IDS, "unknown"]), max_size=3),
        st.sampled_from(["", *IDS]),
    ),
    max_size=40,
)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
    st.lists(st.sampled_from([*IDS, "", "x", "-"]), max_size=20).map("-".join),
)


@given(ITEMS)
def test_we_are_never_in_what_a_platform_lists(listed: list[CatalogItem]) -> None:
    """GB-C135."""
    found = PlatformItems(lambda _: True, OWN, DeviceStats())
    kept = found.admitted(TOWN, listed)
    assert all(any(each is item for item in listed) for each in kept)
    assert OWN not in {each.device_id for each in kept}
    if any(item.device_id == OWN for item in listed):
        # Of what is listed twice either line may say where it hangs.
        often = {
            item.device_id for item in listed if [each.device_id for each in listed].count(item.device_id) > 1
        }
        kept = [each for each in kept if each.device_id not in often]
        assert not any(each.parent_ids and set(each.parent_ids) <= {OWN} for each in kept)
    else:  # who hangs itself under us, and lists nothing of ours, says where it stands
        assert list(kept) == list(listed)


@given(ITEMS)
def test_each_item_stands_where_it_can_be_found_and_every_walk_ends(listed: list[CatalogItem]) -> None:
    """GB-C004, GB-C005."""
    rows = rows_from_items(TOWN, listed)
    for tree in (physical_tree(TOWN, rows), business_tree(TOWN, rows)):
        walked = [item_id for _, item_id in tree.walk()]
        assert TOWN not in walked
        assert len(walked) <= len(rows) * (len(rows) + 2)
    physical = [item_id for _, item_id in physical_tree(TOWN, rows).walk()]
    assert len(physical) == len(set(physical))


@given(st.lists(st.tuples(st.sampled_from(["X-PreferredPath", "X-VisitedPath", "Max-Forwards"]), TEXTS)))
def test_a_way_is_whatever_is_said_a_way_that_ends(headers: list[tuple[str, str]]) -> None:
    """GB-C136."""
    route = InviteRoute.of(SipRequest("INVITE", f"sip:{OWN}@3401000000", headers))
    for _ in range(MAX_PLATFORMS + 70):
        if route.is_ring([TOWN]):
            break
        printed = dict(route.passed_by([TOWN]).to_platform(TOWN, OWN))
        assert len(parse_path(printed["X-VisitedPath"])) <= MAX_PLATFORMS
        route = InviteRoute(route.passed_by([TOWN]).preferred, (*route.visited, TOWN)[-MAX_PLATFORMS:])
    else:
        raise AssertionError("it goes round for ever")
