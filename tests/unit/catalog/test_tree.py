"""Trees from flat lists, however wrong the lists are."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.model import CatalogRow, ChannelKind
from catalog.tree import ORGANISATIONS, Tree, business_tree, physical_tree
from tests.unit.catalog.builders import DEVICE, GROUP, ORGANISATION

SYSTEM = "34020000002000000001"


def item(
    channel_id: str, *parents: str, kind: ChannelKind = ChannelKind.CAMERA, group: str = ""
) -> CatalogRow:
    return CatalogRow(channel_id=channel_id, name="", kind=kind, parent_ids=parents, business_group_id=group)


def group(channel_id: str = GROUP) -> CatalogRow:
    return item(channel_id, SYSTEM, kind=ChannelKind.BUSINESS_GROUP)


def organisation(channel_id: str, *parents: str, group: str = "") -> CatalogRow:
    return item(channel_id, *parents, kind=ChannelKind.VIRTUAL_ORGANISATION, group=group)


def test_devices_hang_under_devices_and_orphans_under_the_root() -> None:
    """GB-C005; an unknown parent, the device itself and the own id all mean the root."""
    tree = physical_tree(
        DEVICE, [item("nvr", "nowhere"), item("a", "nvr"), item("b", DEVICE), item("c", "c"), item("d")]
    )
    assert list(tree.walk()) == [(1, "nvr"), (2, "a"), (1, "b"), (1, "c"), (1, "d")]
    assert tree.has_children("nvr")
    assert not tree.has_children("a")


def test_children_may_come_before_their_parents() -> None:
    tree = physical_tree(DEVICE, [item("a", "nvr"), item("nvr")])
    assert list(tree.walk()) == [(1, "nvr"), (2, "a")]


def test_item_that_closes_a_cycle_goes_to_the_root() -> None:
    """The later item of A-B-A is cut (gb28181.md 1.6)."""
    tree = physical_tree(DEVICE, [item("a", "b"), item("b", "c"), item("c", "a")])
    assert list(tree.walk()) == [(1, "c"), (2, "b"), (3, "a")]


def test_a_device_that_lists_itself_under_its_own_organisation_is_the_root_all_the_same() -> None:
    rows = [item(DEVICE, ORGANISATION, kind=ChannelKind.SYSTEM), group(), organisation(ORGANISATION, GROUP)]
    assert list(business_tree(DEVICE, rows).walk()) == [(1, GROUP), (2, ORGANISATION)]
    assert list(physical_tree(DEVICE, rows).walk()) == []


def test_one_channel_stands_in_the_physical_and_in_the_business_tree() -> None:
    """GB-C004."""
    rows = [item("nvr"), item("a", "nvr", ORGANISATION), group(), organisation(ORGANISATION, group=GROUP)]
    assert list(physical_tree(DEVICE, rows).walk()) == [(1, "nvr"), (2, "a")]
    assert list(business_tree(DEVICE, rows).walk()) == [(1, GROUP), (2, ORGANISATION), (3, "a")]


def test_organisations_find_their_group_in_three_ways() -> None:
    """GB-C010: by BusinessGroupID, by ParentID, or not at all."""
    rows = [group(), organisation("o1", group=GROUP), organisation("o2", GROUP), organisation("o3", SYSTEM)]
    assert list(business_tree(DEVICE, rows).walk()) == [(1, GROUP), (2, "o1"), (2, "o2"), (1, "o3")]


def test_nested_organisation_hangs_under_its_organisation_not_its_group() -> None:
    rows = [group(), organisation("o1", GROUP, group=GROUP), organisation("o2", GROUP, "o1", group=GROUP)]
    assert list(business_tree(DEVICE, rows).walk()) == [(1, GROUP), (2, "o1"), (3, "o2")]


def test_device_in_two_organisations_stands_in_both_and_not_in_their_group() -> None:
    rows = [
        group(),
        organisation("o1", group=GROUP),
        organisation("o2", group=GROUP),
        item("a", "o1", "o2", group=GROUP),
    ]
    assert list(business_tree(DEVICE, rows).walk()) == [(1, GROUP), (2, "o1"), (3, "a"), (2, "o2"), (3, "a")]


def test_long_chain_is_built_and_walked_without_recursion() -> None:
    count = 20_000
    rows = [item(f"n{n}", f"n{n + 1}") for n in range(count)]
    assert sum(1 for _ in physical_tree(DEVICE, rows).walk()) == count


ids = st.sampled_from([f"i{n}" for n in range(8)])
rows_strategy = st.lists(
    st.builds(
        CatalogRow,
        channel_id=ids,
        name=st.just(""),
        kind=st.sampled_from(list(ChannelKind)),
        parent_ids=st.lists(ids | st.sampled_from([DEVICE, "unknown"]), max_size=3).map(tuple),
        business_group_id=ids | st.just(""),
    ),
    max_size=12,
    unique_by=lambda row: row.channel_id,
)


def _ids(tree: Tree) -> list[str]:
    return [item_id for _, item_id in tree.walk()]


@given(rows_strategy)
def test_every_physical_item_stands_exactly_once_below_the_root(rows: list[CatalogRow]) -> None:
    expected = [
        row.channel_id for row in rows if row.kind not in ORGANISATIONS and row.kind is not ChannelKind.REGION
    ]
    assert sorted(_ids(physical_tree(DEVICE, rows))) == sorted(expected)


@given(rows_strategy)
def test_every_organisation_stands_exactly_once_in_the_business_tree(rows: list[CatalogRow]) -> None:
    organisations = {row.channel_id for row in rows if row.kind in ORGANISATIONS}
    found = [each for each in _ids(business_tree(DEVICE, rows)) if each in organisations]
    assert sorted(found) == sorted(organisations)
