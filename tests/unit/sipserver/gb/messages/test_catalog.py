"""Catalogue items and fragments. GB-C004, C006, C008 to C011, C060, C062."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId, ItemKind
from sipserver.gb.messages.catalog import (
    MAX_PARENTS,
    CatalogItem,
    CatalogQuery,
    CatalogResponse,
    fragments,
    split_parents,
)

VECTORS = Path(__file__).parents[4] / "vectors" / "gb"
NVR = GbId("34020000001180000005")
CHANNEL = GbId("34020000001320000012")
GROUP = "34020000002150000001"
ORGANISATION = "34020000002160000003"


def response(name: str) -> CatalogResponse:
    return CatalogResponse.from_xml(manscdp.parse_document((VECTORS / name).read_bytes()).element)


def item_of(fields: str) -> CatalogItem:
    body = (
        f"<Response><CmdType>Catalog</CmdType><Item><DeviceID>{CHANNEL}</DeviceID>{fields}</Item></Response>"
    )
    return CatalogResponse.from_xml(
        manscdp.parse_document(
            body.replace("<Item>", f"<DeviceID>{NVR}</DeviceID><Item>", 1).encode()
        ).element
    ).items[0]


def written(item: CatalogItem, edition: Edition) -> list[str]:
    return [str(child.tag) for child in item.to_xml(edition)]


def test_layout_of_2016_is_read() -> None:
    """GB-C011."""
    item = response("catalog_2016_layout.xml").items[0]
    assert (item.device_id, item.name, item.manufacturer, item.model) == (
        CHANNEL,
        "东门",
        "DemoCam",
        "DC-200",
    )
    assert (item.owner, item.address, item.civil_code) == ("Owner", "湖滨路8号", "340203")
    assert item.parent_ids == (NVR, ORGANISATION)
    assert (item.safety_way, item.register_way, item.secrecy, item.parental) == (0, 1, 0, 0)
    assert (item.status, item.fault) == ("ON", False)
    assert (item.longitude, item.latitude) == (117.300512, 31.780221)
    assert item.business_group_id == GROUP
    assert item.info == {"PTZType": "1", "PositionType": "8"}
    assert item.unknown == {"VendorThing": "7"}


def test_layout_of_2022_is_read() -> None:
    """GB-C011: BusinessGroupID in the item, and a child of Info outside of it."""
    item = response("catalog_2022_layout.xml").items[0]
    assert item.business_group_id == GROUP
    assert item.security_level_code == "A"
    assert item.info == {
        "PTZType": "1",
        "StreamNumberList": "0/1",
        "GrassrootsCode": "000000",
        "PointType": "2",
        "MAC": "A0-B1-C2-D3-E4-F5",
    }
    assert item.owner == ""
    assert not item.unknown


@pytest.mark.parametrize(
    ("word", "status", "fault"),
    [
        ("ON", "ON", False),
        ("OK", "ON", False),
        ("ONLINE", "ON", False),
        ("1", "ON", False),
        ("on", "ON", False),
        ("OFF", "OFF", False),
        ("OFFLINE", "OFF", False),
        ("0", "OFF", False),
        ("VLOST", "ON", True),
        ("DEFECT", "ON", True),
        ("", None, False),
        ("strange", None, False),
    ],
)
def test_status_words_are_mapped(word: str, status: str | None, fault: bool) -> None:
    """Q32; an empty status keeps the old value."""
    item = item_of(f"<Status>{word}</Status>")
    assert (item.status, item.fault) == (status, fault)


@pytest.mark.parametrize(("text", "flag"), [("0", 0), ("1", 1), ("65535", 1), ("", None), ("yes", None)])
def test_parental_is_a_flag_whatever_number_it_is(text: str, flag: int | None) -> None:
    """Q32."""
    assert item_of(f"<Parental>{text}</Parental>").parental == flag


@pytest.mark.parametrize("text", ["", "null", "3402000000", "34020000001320000012", "江苏", "000000", "340"])
def test_free_text_in_civil_code_is_replaced_by_the_region_of_the_id(text: str) -> None:
    """GB-C006, Q35."""
    assert item_of(f"<CivilCode>{text}</CivilCode>").civil_code == "3402"


def test_parents_are_split_and_cleaned() -> None:
    """GB-C004, Q34."""
    text = f" {NVR} /{ORGANISATION}//{CHANNEL}/{NVR}"
    assert split_parents(text, CHANNEL) == (NVR, ORGANISATION)
    assert split_parents("", CHANNEL) == ()


def test_number_of_parents_has_a_limit() -> None:
    text = "/".join(str(number) for number in range(MAX_PARENTS + 1))
    assert len(split_parents("/".join(text.split("/")[:MAX_PARENTS]), CHANNEL)) == MAX_PARENTS
    assert len(split_parents(text, CHANNEL)) == MAX_PARENTS


@pytest.mark.parametrize("text", ["0", "", "0.0", "999", "nan", "somewhere"])
def test_no_fix_is_no_coordinate(text: str) -> None:
    """Q48."""
    item = item_of(f"<Longitude>{text}</Longitude><Latitude>{text}</Latitude>")
    assert item.longitude is None
    assert item.latitude is None


def test_name_falls_back_to_the_id() -> None:
    assert item_of("<Name></Name>").name == CHANNEL


def test_fields_written_as_attributes_of_the_item_are_read() -> None:
    """Q27."""
    body = f'<Response CmdType="Catalog" SN="1" DeviceID="{NVR}" SumNum="1"><DeviceList Num="1">'
    body += f'<Item DeviceID="{CHANNEL}" Name="East" Status="ON"/></DeviceList></Response>'
    parsed = CatalogResponse.from_xml(manscdp.parse_document(body.encode()).element)
    assert (parsed.sum_num, parsed.items[0].name, parsed.items[0].status) == (1, "East", "ON")


def test_group_of_a_device_goes_into_info_for_2016_and_beside_it_for_2022() -> None:
    item = CatalogItem(CHANNEL, business_group_id=GROUP)
    assert "Info" in written(item, Edition.V2_0)
    assert "BusinessGroupID" in written(item, Edition.V3_0)
    assert "Info" not in written(CatalogItem(CHANNEL), Edition.V2_0)


def test_password_is_neither_shown_nor_written() -> None:
    item = item_of("<Password>secret</Password>")
    assert item.password == "secret"
    assert "secret" not in repr(item)
    assert all("secret" not in (child.text or "") for child in item.to_xml())


def test_items_without_an_id_are_counted_and_left_out() -> None:
    body = (
        b"<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>34</DeviceID><SumNum>2</SumNum><DeviceList>"
    )
    body += b"<Item><Name>x</Name></Item><Item><DeviceID>3402</DeviceID></Item></DeviceList></Response>"
    parsed = CatalogResponse.from_xml(manscdp.parse_document(body).element)
    assert (len(parsed.items), parsed.unusable, parsed.sum_num) == (1, 1, 2)


@pytest.mark.parametrize("text", ["", "<SumNum/>", "<SumNum>-1</SumNum>", "<SumNum>many</SumNum>"])
def test_without_a_sum_the_fragment_speaks_for_itself(text: str) -> None:
    head = "<Response><CmdType>Catalog</CmdType><DeviceID>34</DeviceID>"
    body = f"{head}{text}<Item><DeviceID>34</DeviceID></Item></Response>"
    parsed = CatalogResponse.from_xml(manscdp.parse_document(body.encode()).element)
    assert parsed.sum_num == 1


def test_empty_result_has_sum_zero_and_no_list() -> None:
    """GB-C060."""
    assert response("catalog_empty.xml").items == ()
    [empty] = fragments("1", NVR, [], 10)
    data = manscdp.serialize_document(empty.to_xml())
    assert b"<SumNum>0</SumNum>" in data
    assert b"DeviceList" not in data


def test_answer_is_cut_into_fragments_that_all_carry_the_total() -> None:
    """GB-C061, C062."""
    items = [CatalogItem(GbId(f"3402000000132{number:07d}"), name=str(number)) for number in range(7)]
    parts = fragments("1", NVR, items, 3)
    assert [len(part.items) for part in parts] == [3, 3, 1]
    assert {part.sum_num for part in parts} == {7}
    for size in (0, manscdp.MAX_ITEMS + 1):
        with pytest.raises(ValueError, match="a fragment holds"):
            fragments("1", NVR, items, size)
    assert len(fragments("1", NVR, items, manscdp.MAX_ITEMS)) == 1


def test_region_is_written_with_id_and_name_alone() -> None:
    """GB-C008."""
    assert written(CatalogItem(GbId("340203"), name="区", address="x"), Edition.V3_0) == ["DeviceID", "Name"]


def test_group_is_written_with_its_fixed_fields() -> None:
    """GB-C008."""
    item = CatalogItem(GbId(GROUP), name="组", civil_code="3402", parent_ids=(NVR,), status="ON")
    assert item.kind is ItemKind.BUSINESS_GROUP
    assert written(item, Edition.V3_0) == ["DeviceID", "Name", "CivilCode", "ParentID"]


def test_top_level_organisation_has_no_parent_for_2022_and_its_group_before() -> None:
    """GB-C009, Q36."""
    top = CatalogItem(GbId(ORGANISATION), name="组织", business_group_id=GROUP, parent_ids=(GROUP,))
    assert written(top, Edition.V3_0) == ["DeviceID", "Name", "BusinessGroupID"]
    assert written(top, Edition.V2_0) == ["DeviceID", "Name", "ParentID", "BusinessGroupID"]
    assert manscdp.child_text(top.to_xml(Edition.V2_0), "ParentID") == GROUP


def test_nested_organisation_keeps_its_parent_organisation() -> None:
    parent = "34020000002160000001"
    nested = CatalogItem(GbId(ORGANISATION), business_group_id=GROUP, parent_ids=(GROUP, parent))
    assert manscdp.child_text(nested.to_xml(Edition.V3_0), "ParentID") == parent


def test_system_is_written_with_its_fixed_fields() -> None:
    system = CatalogItem(GbId("34020000002000000001"), name="平台", parent_ids=("34000000002000000001",))
    assert "Owner" in written(system, Edition.V2_0)
    assert written(system, Edition.V3_0) == [
        "DeviceID", "Name", "Manufacturer", "Model", "CivilCode", "Address", "ParentID", "RegisterWay",
        "Secrecy", "Status",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("edition", "vector"),
    [(Edition.V2_0, "catalog_2016_layout.xml"), (Edition.V3_0, "catalog_2022_layout.xml")],
)
def test_device_item_survives_being_written_in_its_own_layout(edition: Edition, vector: str) -> None:
    original = response(vector)
    data = manscdp.serialize_document(original.to_xml(edition))
    again = CatalogResponse.from_xml(manscdp.parse_document(data).element)
    kept, before = again.items[0], original.items[0]
    assert {**kept.info} == {**before.info}
    for name in ("device_id", "name", "parent_ids", "business_group_id", "longitude", "civil_code", "owner"):
        assert getattr(kept, name) == getattr(before, name)


def test_fields_of_2022_do_not_go_to_a_peer_of_2016() -> None:
    """GB-C039."""
    item = CatalogItem(CHANNEL, info={"PTZType": "1", "GrassrootsCode": "000000"}, security_level_code="A")
    data = manscdp.serialize_document(CatalogResponse("1", NVR, 1, (item,)).to_xml(Edition.V2_0))
    assert b"PTZType" in data
    assert b"GrassrootsCode" not in data
    assert b"SecurityLevelCode" not in data


def test_query_round_trips() -> None:
    query = CatalogQuery("2201", NVR)
    assert CatalogQuery.from_xml(query.to_xml()) == query


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_name_and_address_survive(name: str, address: str) -> None:
    item = CatalogItem(CHANNEL, name=name, address=address)
    data = manscdp.serialize_document(CatalogResponse("1", NVR, 1, (item,)).to_xml())
    again = CatalogResponse.from_xml(manscdp.parse_document(data).element)
    assert again.items[0].device_id == CHANNEL
