"""Catalogue notifications. GB-C091, Q43."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import read_message
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import (
    FULL_ITEMS,
    CatalogEvent,
    CatalogEventKind,
    CatalogNotify,
    carries_events,
)

SYSTEM = GbId("34020000001180000005")
CAMERA = GbId("34020000001320000012")
# As printed in section 5.3 of the protocol notes.
PRINTED = b"""<Notify>
<CmdType>Catalog</CmdType>
<SN>77</SN>
<DeviceID>34020000001180000005</DeviceID>
<SumNum>2</SumNum>
<DeviceList Num="2">
<Item><DeviceID>34020000001320000012</DeviceID><Event>OFF</Event></Item>
<Item><DeviceID>34020000001320000019</DeviceID><Event>ADD</Event>
<Name>Yard 3</Name><Manufacturer>DemoCam</Manufacturer><Model>DC-200</Model>
<CivilCode>340203</CivilCode><Address>Yard</Address><Parental>0</Parental>
<ParentID>34020000001180000005</ParentID><RegisterWay>1</RegisterWay>
<Secrecy>0</Secrecy><Status>ON</Status></Item>
</DeviceList>
</Notify>"""


def _read(inside: str, root: str = "Notify") -> CatalogNotify:
    body = f"<{root}><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{SYSTEM}</DeviceID>{inside}</{root}>"
    return CatalogNotify.from_xml(manscdp.parse_document(body.encode()).element)


def test_the_printed_example() -> None:
    notify = read_message(manscdp.parse_document(PRINTED))
    assert isinstance(notify, CatalogNotify)
    assert (notify.sn, notify.device_id, notify.sum_num, notify.unusable) == ("77", SYSTEM, 2, 0)
    off, add = notify.events
    assert (off.kind, off.channel_id, off.given) == (CatalogEventKind.OFF, CAMERA, frozenset({"deviceid"}))
    assert add.kind is CatalogEventKind.ADD
    assert (add.item.name, add.item.model, add.item.status) == ("Yard 3", "DC-200", "ON")
    assert {"name", "status", "parentid"} <= add.given
    assert "event" not in add.given
    assert "Event" not in add.item.unknown


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{20}", fullmatch=True),
            st.sampled_from([*CatalogEventKind, None]),
            st.text(alphabet="东门南海abc 123", min_size=1, max_size=20).map(str.strip).filter(bool),
        ),
        max_size=5,
    ),
    st.sampled_from(Edition),
    st.sampled_from(["Notify", "Response"]),
)
def test_what_was_written_is_read(
    found: list[tuple[str, CatalogEventKind | None, str]], edition: Edition, root: str
) -> None:
    """GB-C091: all seven events, and items without one."""
    events = tuple(CatalogEvent(kind, CatalogItem(GbId(each), name=name)) for each, kind, name in found)
    written = CatalogNotify("5", SYSTEM, len(events), events).to_xml(edition, root)
    document = manscdp.parse_document(manscdp.serialize_document(written))
    read = CatalogNotify.from_xml(document.element)
    assert document.root == root
    assert (read.sn, read.sum_num, read.unusable) == ("5", len(events), 0)
    assert [(each.kind, each.channel_id) for each in read.events] == [
        (each.kind, each.channel_id) for each in events
    ]
    for before, after in zip(events, read.events, strict=True):
        if before.kind is None or before.kind in FULL_ITEMS:
            assert after.item.name == before.item.name
        else:
            assert after.given == {"deviceid"}
    assert carries_events(document.element) == any(each.kind for each in events[:1])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("on", CatalogEventKind.ON),
        (" Off ", CatalogEventKind.OFF),
        ("vLost", CatalogEventKind.VLOST),
        ("ONLINE", CatalogEventKind.ON),
        ("delete", CatalogEventKind.DEL),
        ("", None),
    ],
)
def test_event_words_in_any_case(word: str, kind: CatalogEventKind | None) -> None:
    inside = f"<DeviceList><Item><DeviceID>{CAMERA}</DeviceID><Event>{word}</Event></Item></DeviceList>"
    assert _read(inside).events[0].kind is kind


def test_one_event_for_all_items_and_an_item_without_a_list() -> None:
    """gb28181.md 5.3: placed at Notify level."""
    read = _read(f"<Event>Del</Event><Item><DeviceID>{CAMERA}</DeviceID></Item>")
    assert [event.kind for event in read.events] == [CatalogEventKind.DEL]


def test_a_nested_field_counts_as_given() -> None:
    item = f"<Item><DeviceID>{CAMERA}</DeviceID><Event>UPDATE</Event><Info><PTZType>1</PTZType></Info></Item>"
    (event,) = _read(f"<DeviceList>{item}</DeviceList>").events
    assert event.item.info == {"PTZType": "1"}
    assert event.given == {"deviceid", "ptztype"}


def test_items_that_mean_nothing_are_counted() -> None:
    read = _read(
        "<SumNum>3</SumNum><DeviceList><Item><DeviceID>!</DeviceID><Event>ON</Event></Item>"
        f"<Item><DeviceID>{CAMERA}</DeviceID><Event>SOON</Event></Item><Item/></DeviceList>"
    )
    assert (read.events, read.unusable, read.sum_num) == ((), 3, 3)


def test_a_notification_about_nobody_is_malformed() -> None:
    with pytest.raises(MalformedDocument):
        CatalogNotify.from_xml(manscdp.parse_document(b"<Notify><CmdType>Catalog</CmdType></Notify>").element)


def test_an_answer_carries_no_events() -> None:
    vectors = Path(__file__).parents[4] / "vectors" / "gb"
    answers = [path for path in sorted(vectors.glob("*.xml")) if b"<Response>" in path.read_bytes()]
    assert answers
    for path in answers:
        assert not carries_events(manscdp.parse_document(path.read_bytes()).element), path.name
