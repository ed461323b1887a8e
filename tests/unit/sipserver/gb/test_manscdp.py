"""MANSCDP documents. GB-C053 to C057."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.errors import LocalViolation, MalformedDocument
from sipserver.gb.messages.catalog import CatalogResponse

VECTORS = Path(__file__).parents[3] / "vectors" / "gb"
NVR = "34020000001180000005"


def vector(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


def wrap(inner: str, root: str = "Notify") -> bytes:
    return f"<{root}><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>{NVR}</DeviceID>{inner}</{root}>".encode()


def names(data: bytes) -> list[str]:
    return [item.name for item in CatalogResponse.from_xml(manscdp.parse_document(data).element).items]


@pytest.mark.parametrize(
    "name",
    [
        "catalog_gbk_labelled_gb2312.xml",
        "catalog_utf8_labelled_gb2312.xml",
        "catalog_gb18030_labelled_utf8.xml",
        "catalog_utf8_bom.xml",
        "catalog_gb_without_declaration.xml",
    ],
)
def test_chinese_names_are_read_under_every_label(name: str) -> None:
    """GB-C053, Q26."""
    assert names(vector(name)) == ["东门１号镕", "喆停车场"]
    assert not manscdp.parse_document(vector(name)).repaired


def test_head_is_understood() -> None:
    document = manscdp.parse_document(vector("keepalive_plain.xml"))
    assert (document.root, document.cmd_type, document.sn, document.device_id) == (
        "Notify",
        "Keepalive",
        "917",
        NVR,
    )
    assert (document.charset, document.repaired) == ("GB2312", False)


def test_raw_markup_in_names_is_repaired() -> None:
    """GB-C055, Q25."""
    assert names(vector("catalog_raw_markup_in_names.xml")) == ["A&B 东门 <3F> R&D", "1<2 西门 &nbsp;"]
    assert manscdp.parse_document(vector("catalog_raw_markup_in_names.xml")).repaired


def test_unknown_vendor_elements_survive_the_repair() -> None:
    document = manscdp.parse_document(wrap("<Name>A & <B</Name><Vendor><X a='1'/></Vendor>"))
    assert manscdp.child_text(document.element, "Name") == "A & <B"
    assert manscdp.child(document.element, "Vendor") is not None


def test_control_characters_are_deleted() -> None:
    assert names(vector("catalog_control_characters.xml")) == ["东门号"]


def test_truncated_document_keeps_its_complete_items() -> None:
    document = manscdp.parse_document(vector("catalog_truncated.xml"))
    response = CatalogResponse.from_xml(document.element)
    assert document.repaired
    assert (response.sn, response.device_id, response.sum_num) == ("2201", NVR, 3)
    assert [item.name for item in response.items] == ["东门", "西门"]


def test_truncated_document_without_a_complete_item_is_malformed() -> None:
    data = vector("catalog_truncated.xml")
    with pytest.raises(MalformedDocument, match="even after repair"):
        manscdp.parse_document(data[: data.index(b"</Item>")])


def test_truncated_items_without_a_root_are_malformed() -> None:
    with pytest.raises(MalformedDocument):
        manscdp.parse_document(b"<Item><DeviceID>1</DeviceID></Item><Item>")


def test_cut_record_list_keeps_its_own_name() -> None:
    data = wrap("<RecordList Num='2'><Item><Name>a</Name></Item><Item><Na", "Response")
    data = data[: data.index(b"<Na</")]
    element = manscdp.parse_document(data).element
    assert len(manscdp.list_items(element, "RecordList")) == 1


def test_attributes_of_the_root_stand_in_for_children() -> None:
    """GB-C056, Q27."""
    document = manscdp.parse_document(vector("keepalive_attributes.xml"))
    assert (document.cmd_type, document.sn, document.device_id) == ("Keepalive", "17", NVR)


def test_names_are_matched_without_case_prefix_and_comments() -> None:
    document = manscdp.parse_document(vector("catalog_lower_case_prefixed.xml"))
    assert (document.root, document.cmd_type, document.sn) == ("Response", "Catalog", "0002201")
    assert names(vector("catalog_lower_case_prefixed.xml")) == ["East"]


def test_declared_namespace_is_ignored() -> None:
    document = manscdp.parse_document(
        b'<Notify xmlns="urn:x" xmlns:y="urn:y" y:SN="5"><CmdType>Alarm</CmdType></Notify>'
    )
    assert (document.cmd_type, document.sn) == ("Alarm", "5")
    assert not document.repaired


@pytest.mark.parametrize("name", ["bomb_billion_laughs.xml", "bomb_external_entity.xml"])
def test_dtd_and_entities_are_refused(name: str) -> None:
    """GB-C057."""
    with pytest.raises(MalformedDocument, match="DTD"):
        manscdp.parse_document(vector(name))


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_dtd_is_refused_in_any_encoding_and_case(codec: str) -> None:
    text = "<!DocType Notify [<!Entity a 'b'>]><Notify><CmdType>Alarm</CmdType></Notify>"
    with pytest.raises(MalformedDocument, match="DTD"):
        manscdp.parse_document(text.encode(codec))


@pytest.mark.parametrize("hidden", ["<!DOC&#0;TYPE", "<!DOC\x00TYPE", "<!&#x1f;ENTITY"])
def test_repairs_cannot_put_a_dtd_together(hidden: str) -> None:
    text = f"{hidden} Notify [<!x>]><Notify><CmdType>Alarm</CmdType></Notify>"
    with pytest.raises(MalformedDocument, match="DTD"):
        manscdp.parse_document(text.encode())


def test_undefined_entity_is_text_and_never_expanded() -> None:
    document = manscdp.parse_document(wrap("<Name>&secret;</Name>"))
    assert manscdp.child_text(document.element, "Name") == "&secret;"


def test_size_has_a_limit() -> None:
    padding = manscdp.MAX_DOCUMENT_BYTES - len(wrap(""))
    assert manscdp.parse_document(wrap("") + b" " * padding).cmd_type == "Alarm"
    with pytest.raises(MalformedDocument, match="bytes; a document may have"):
        manscdp.parse_document(wrap("") + b" " * (padding + 1))


def test_number_of_tags_has_a_limit() -> None:
    inner = manscdp.MAX_TAGS - 8
    body = "<A>" + "<x/>" * 9_000 + "</A>"
    count = inner // 9_002
    filler = "<B>" + "<y/>" * (inner - count * 9_002 - 2) + "</B>"
    assert manscdp.parse_document(wrap(body * count + filler)).cmd_type == "Alarm"
    with pytest.raises(MalformedDocument, match="tags; a document may have"):
        manscdp.parse_document(wrap(body * count + filler + "<z/>"))


def test_depth_has_a_limit() -> None:
    def nested(levels: int) -> bytes:
        return wrap("<a>" * levels + "</a>" * levels)

    assert manscdp.parse_document(nested(manscdp.MAX_DEPTH - 1)).cmd_type == "Alarm"
    with pytest.raises(MalformedDocument, match="deeper than"):
        manscdp.parse_document(nested(manscdp.MAX_DEPTH))
    with pytest.raises(MalformedDocument):
        manscdp.parse_document(nested(5_000))


def test_items_in_a_list_have_a_limit() -> None:
    """GB-C062: no message holds more than 10,000."""

    def listed(count: int) -> bytes:
        return wrap("<DeviceList>" + "<Item/>" * count + "</DeviceList>", "Response")

    assert (
        len(manscdp.list_items(manscdp.parse_document(listed(manscdp.MAX_ITEMS)).element))
        == manscdp.MAX_ITEMS
    )
    with pytest.raises(MalformedDocument, match="items in one list"):
        manscdp.parse_document(listed(manscdp.MAX_ITEMS + 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "even after repair"),
        (b"hello", "even after repair"),
        (b"\x00\x00\x00\x00", "even after repair"),
        (b"<html><body/></html>", "root element"),
        (b"<Notify><SN>1</SN></Notify>", "no CmdType"),
        (b"<Notify>", "even after repair"),
    ],
)
def test_other_text_is_malformed_and_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedDocument, match=reason):
        manscdp.parse_document(data)


def test_blanks_and_nul_around_the_document_are_ignored() -> None:
    assert manscdp.parse_document(b"\r\n \x00" + vector("keepalive_plain.xml") + b"\x00\x00").sn == "917"


def test_items_directly_below_the_root_are_found() -> None:
    document = manscdp.parse_document(wrap("<Item><DeviceID>34</DeviceID></Item>", "Response"))
    assert len(manscdp.list_items(document.element)) == 1


def test_numbers_are_read_or_refused() -> None:
    element = manscdp.parse_document(wrap("<A> 42 </A><B>x</B><C>-7</C><D>１２</D>")).element
    assert manscdp.child_int(element, "A") == 42
    assert manscdp.child_int(element, "C") == -7
    assert manscdp.child_int(element, "B", 5) == 5
    for name in ("B", "D", "Missing"):
        with pytest.raises(MalformedDocument, match="not a whole number"):
            manscdp.child_int(element, name)
    assert manscdp.int_or_none("9" * 18) == int("9" * 18)
    assert manscdp.int_or_none("9" * 19) is None
    assert manscdp.int_or_none("--1") is None
    assert manscdp.float_or_none("1e400") is None
    assert manscdp.float_or_none("nan") is None
    assert manscdp.float_or_none("1" * 41) is None
    assert manscdp.float_or_none("31.78") == pytest.approx(31.78)


def test_missing_id_is_malformed() -> None:
    with pytest.raises(MalformedDocument, match="DeviceID"):
        manscdp.child_id(manscdp.parse_document(b"<Notify CmdType='Alarm'/>").element)


def test_length_is_counted_in_encoded_bytes_and_round_trips() -> None:
    """GB-C054."""
    element = manscdp.new_document("Notify", "Alarm", "7", NVR)
    manscdp.add_text(element, "Name", "东门")
    for label, size in (("GB2312", 4), ("GB18030", 4), ("UTF-8", 6)):
        data = manscdp.serialize_document(element, label)
        assert data.startswith(f'<?xml version="1.0" encoding="{label}"?>\r\n<Notify>\r\n'.encode())
        assert data.index(b"</Name>") - data.index(b"<Name>") - len("<Name>") == size
        document = manscdp.parse_document(data)
        assert manscdp.child_text(document.element, "Name") == "东门"
        assert document.charset == label


def test_what_xml_cannot_hold_is_not_written() -> None:
    element = manscdp.new_document("Notify", "Alarm", "7", NVR)
    manscdp.add_text(element, "Name", "a\x00\x1fb\r\nc<&>")
    document = manscdp.parse_document(manscdp.serialize_document(element))
    assert manscdp.child_text(document.element, "Name") == "ab  c<&>"


def test_only_the_four_roots_can_be_written() -> None:
    with pytest.raises(LocalViolation):
        manscdp.new_document("Answer", "Alarm", "7", NVR)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        manscdp.parse_document(data)


@given(st.data())
def test_any_cut_of_a_catalogue_is_readable_or_malformed(data: st.DataObject) -> None:
    whole = vector("catalog_gbk_labelled_gb2312.xml")
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        response = CatalogResponse.from_xml(manscdp.parse_document(cut).element)
    except MalformedDocument:
        return
    assert all(len(item.device_id) == 20 for item in response.items)


@given(st.text(max_size=60))
def test_any_text_written_in_a_name_is_read_back(text: str) -> None:
    element = manscdp.new_document("Notify", "Alarm", "1", NVR)
    written = manscdp.add_text(element, "Name", text).text or ""
    for label in ("GB2312", "UTF-8"):
        document = manscdp.parse_document(manscdp.serialize_document(element, label))
        assert manscdp.child_text(document.element, "Name") == written.strip()
