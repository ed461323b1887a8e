"""What a superior is shown: selection, ids, trees. GB-C129, GB-C135, GB-C138."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.model import TreeForm
from cascade.shown.channel_table import ChannelTable
from cascade.shown.id_map import IdMap, OutOfIds
from cascade.shown.items import Presentation
from cascade.shown.presented import PresentedTree
from cascade.shown.shares import Rules, Share, ShareKind
from catalog.model import Channel, ChannelKind
from sipserver.gb.editions import Edition
from sipserver.gb.manscdp import leaves
from sipserver.gb.messages.catalog import CatalogItem

OWN, ABOVE = "34010000002000000001", "34000000002000000001"
NVR, OTHER_NVR = "34010200001180000001", "34010200001180000002"
BELOW, ALSO_BELOW = "34010300002000000001", "34010300002000000002"
EVERYTHING = (Share(ShareKind.ALL),)


def camera(device: str, number: int, **values: object) -> Channel:
    fields: dict[str, object] = {
        "device_id": device,
        "channel_id": f"34010200001320{number:06d}",
        "name": f"camera {number}",
        "region_code": "340102",
        "status_online": True,
    }
    return Channel(**fields | values)  # type: ignore[arg-type]


def shown(
    *channels: Channel,
    shares: tuple[Share, ...] = EVERYTHING,
    ids: IdMap | None = None,
    tree: TreeForm = TreeForm.FLAT,
    **how: object,
) -> PresentedTree:
    presentation = Presentation(superior_id=ABOVE, own_id=OWN, own_name="county", tree=tree, **how)  # type: ignore[arg-type]
    table = ChannelTable()
    for device_id in (NVR, OTHER_NVR, BELOW, ALSO_BELOW):
        table.set_online(device_id, True)
    for channel in channels:
        table.put(channel)
    found = PresentedTree(table, presentation, Rules(shares), ids or IdMap(OWN))
    found.assign(range(len(table)))
    found.refresh(range(len(table)))
    return found


def is_shown(channel: Channel, shares: Sequence[Share]) -> bool:
    return bool(shown(channel, shares=tuple(shares)).channels)


def test_only_what_is_shared_is_shown_and_the_most_particular_rule_decides() -> None:
    inside = camera(NVR, 1)
    shares = [Share(ShareKind.REGION, "34"), Share(ShareKind.REGION, "340102", is_shown=False)]
    assert not is_shown(inside, [])
    assert not is_shown(inside, shares)
    assert is_shown(camera(NVR, 2, region_code="340103"), shares)
    assert is_shown(inside, [*shares, Share(ShareKind.DEVICE, NVR)])
    hidden = Share(ShareKind.CHANNEL, str(inside.key), is_shown=False)
    assert not is_shown(inside, [*shares, Share(ShareKind.DEVICE, NVR), hidden])
    grouped = camera(NVR, 3, parent_ids=("34010200002160000001",))
    assert is_shown(grouped, [Share(ShareKind.GROUP, "34010200002160000001")])


def test_nothing_goes_back_to_where_it_came_from() -> None:
    """GB-C135, and what a device claims under our own id."""
    tree = shown(
        camera(NVR, 1), camera(ABOVE, 2), camera(NVR, 3, channel_id=OWN), camera(NVR, 4, channel_id=ABOVE)
    )
    assert [entry.paths[0].channel_id[-1] for entry in tree.channels.values()] == ["1"]


def test_only_cameras_go_up() -> None:
    assert not shown(camera(NVR, 1, kind=ChannelKind.ALARM)).channels


def test_items_are_whole_and_tell_no_secrets() -> None:
    """GB-C138; mandatory elements are never empty (gb28181.md 8.3)."""
    tree = shown(camera(NVR, 1, ip_address="10.0.0.9", manufacturer="", unknown={"Password": "x"}))
    for edition in (Edition.V2_0, Edition.V3_0):
        texts = {name: text for name, (_, text) in leaves(tree.items[1].to_xml(edition)).items()}
        assert "ipaddress" not in texts
        assert "password" not in texts
        assert ("owner" in texts) is (edition is Edition.V2_0)
        for name in ("name", "manufacturer", "model", "address", "civilcode", "parental", "registerway"):
            assert texts[name], name
        assert texts["status"] == "ON"
        assert texts["parentid"] == OWN


def test_ids_are_assigned_once_and_stay() -> None:
    ids = IdMap(OWN)
    same = camera(OTHER_NVR, 1)
    first = shown(camera(NVR, 1), same, ids=ids)
    presented = list(first.channels)
    assert presented == ["34010200001320000001", "34010000001320000001"], "two recorders, one number"
    written = ids.take_new()
    assert ids.take_new() == {}
    later = shown(same, ids=IdMap(OWN, written))
    assert list(later.channels) == presented[1:]
    assert IdMap(OWN, written).known(f"{NVR}~34010200001320000001") == presented[0]


def test_ids_of_another_plan_for_superiors_that_take_no_other() -> None:
    tree = shown(camera(NVR, 1), camera(NVR, 2), ids=IdMap("34000005", keeps_own=False))
    assert list(tree.channels) == ["34000005001320000001", "34000005001320000002"]
    short = shown(camera(NVR, 3, channel_id="1001"))
    assert list(short.channels) == ["34010000001320000001"], "18 digits or letters are no id for others"


def test_one_camera_through_two_platforms_is_one_item_with_two_paths() -> None:
    tree = shown(camera(BELOW, 1, status_online=False), camera(ALSO_BELOW, 1))
    (entry,) = tree.channels.values()
    assert [path.device_id for path in entry.paths] == [ALSO_BELOW, BELOW], "the one that is on comes first"
    assert entry.item.status == "ON"


def test_a_tree_of_regions_has_each_parent_before_its_children() -> None:
    tree = shown(
        camera(NVR, 1), camera(NVR, 2, region_code="34010201"), tree=TreeForm.REGIONS,
        region_names={"3401": "Hefei"},
    )  # fmt: skip
    assert [str(item.device_id) for item in tree.items[:5]] == [OWN, "34", "3401", "340102", "34010201"]
    assert tree.items[2].name == "Hefei"
    assert len(tree.below("340102")) == 4
    assert list(tree.below(OWN)) == list(tree.items)
    assert list(tree.below("340999")) == []


def test_a_tree_of_groups_hangs_devices_under_organisations() -> None:
    tree = shown(camera(NVR, 1), camera(OTHER_NVR, 2), tree=TreeForm.GROUPS)
    own, group, first, second, *cameras = tree.items
    assert (own.device_id, group.parent_ids) == (OWN, (OWN,))
    assert {organisation.business_group_id for organisation in (first, second)} == {group.device_id}
    assert [item.parent_ids for item in cameras] == [(OWN, first.device_id), (OWN, second.device_id)]
    assert [item.device_id for item in tree.below(str(first.device_id))] == [
        first.device_id,
        cameras[0].device_id,
    ]
    assert len(tree.below(str(group.device_id))) == 5


def test_a_single_channel_is_found_and_what_is_not_shown_is_not() -> None:
    tree = shown(
        camera(NVR, 1), camera(NVR, 2), shares=(Share(ShareKind.CHANNEL, f"{NVR}~34010200001320000001"),)
    )
    (item,) = tree.below("34010200001320000001")
    assert isinstance(item, CatalogItem)
    assert list(tree.below("34010200001320000002")) == []


def test_ids_run_out_with_an_error() -> None:
    ids = IdMap("3401000000", keeps_own=False, reserved=())
    ids._serials["132"] = 999_999
    with pytest.raises(OutOfIds):
        ids.presented("a", "34010200001320000001")


@given(
    st.lists(
        st.tuples(st.text(max_size=4), st.sampled_from(["1", "34010200001320000001", "340102000013200000AB"]))
    )
)
def test_no_two_identities_ever_share_an_id(wanted: list[tuple[str, str]]) -> None:
    ids = IdMap(OWN, reserved=(OWN,))
    given_ids = {identity: ids.presented(identity, own) for identity, own in wanted}
    assert len(set(given_ids.values())) == len(given_ids)
    assert all(ids.known(identity) == presented for identity, presented in given_ids.items())
    assert all(len(presented) == 20 and presented.isdigit() for presented in given_ids.values())


def test_a_camera_of_ours_that_a_platform_brings_back_is_no_further_camera_and_no_way_to_it() -> None:
    """A ring of platforms lists our own cameras to us, and says of them what we said a while ago (R-3)."""
    ids = IdMap(OWN)
    direct = camera(NVR, 1, status_online=False)
    told = list(shown(direct, ids=ids).channels)
    for _ in range(3):  # each round would bring one more otherwise
        tree = shown(direct, *(camera(BELOW, 0, channel_id=each) for each in told), ids=ids)
        told = list(tree.channels)
    (entry,) = tree.channels.values()
    assert [key.device_id for key in entry.paths] == [NVR]
    assert entry.item.status == "OFF"


def test_a_camera_that_moves_to_a_platform_is_shown_by_it() -> None:
    ids = IdMap(OWN)
    shown(camera(NVR, 1), ids=ids)
    gone = camera(NVR, 1, present=False)
    (entry,) = shown(gone, camera(BELOW, 1), ids=ids).channels.values()
    assert [key.device_id for key in entry.paths] == [BELOW]


def test_of_several_platforms_the_one_with_the_lowest_rank_is_the_way_unless_it_is_off() -> None:
    """GB-C013, GB-C136."""
    table = ChannelTable()
    ranks = {BELOW: 7, ALSO_BELOW: 3}
    table.path_rank = lambda device_id: ranks.get(device_id, -1)
    for device_id in ranks:
        table.set_online(device_id, True)
        table.put(camera(device_id, 1))
    tree = PresentedTree(table, Presentation(superior_id=ABOVE, own_id=OWN), Rules(EVERYTHING), IdMap(OWN))

    def ways() -> list[str]:
        tree.assign(range(2))
        tree.refresh(range(2))
        (entry,) = tree.channels.values()
        return [key.device_id for key in entry.paths]

    assert ways() == [ALSO_BELOW, BELOW]
    ranks[BELOW] = 1
    assert ways() == [BELOW, ALSO_BELOW]
    table.set_online(BELOW, False)
    assert ways() == [ALSO_BELOW, BELOW]
