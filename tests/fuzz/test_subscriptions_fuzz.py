"""Hostile notifications: a typed error or a value, and what was read can be written again."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.from_notify import change_from_event
from catalog.notified import Fold
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import parse_document, serialize_document
from sipserver.gb.messages import read_message
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.catalog_notify import CatalogEvent, CatalogEventKind, CatalogNotify, carries_events
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery, Position
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionNotify
from sipserver.gb.messages.video_upload import VideoUploadNotify

SYSTEM, CAMERA = GbId("34020000001180000005"), GbId("34020000001320000012")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLACE = Position(CAMERA, NOW, 117.3, 31.8, 36.0, 90.0, 12.0, 3.0)
ITEMS = tuple(
    CatalogEvent(kind, CatalogItem(CAMERA, name="东门", info={"PTZType": "1"}, longitude=117.0))
    for kind in (*CatalogEventKind, None)
)
BODIES = [
    serialize_document(element)
    for element in (
        CatalogNotify("77", SYSTEM, len(ITEMS), ITEMS).to_xml(),
        CatalogNotify("77", SYSTEM, len(ITEMS), ITEMS).to_xml(root="Response"),
        MobilePositionNotify("1", CAMERA, (PLACE,)).to_xml(),
        MobilePositionNotify("1", CAMERA, (PLACE, PLACE), is_list=True).to_xml(),
        MobilePositionQuery("1", CAMERA).to_xml(),
        PtzPositionNotify("1", CAMERA, PtzPosition(1.0, 2.0, 3.0)).to_xml(),
        VideoUploadNotify("1", CAMERA, NOW, 117.3, 31.8).to_xml(),
    )
]
TOKENS = [
    b"<Item>", b"</Item>", b"<Event>", b"ON", b"<DeviceList>", b"</DeviceList>", b"<Longitude>", b"NaN",
    b"1e400", b"-1e9", b"9" * 30, b"0000-00-00T99:99:99", b"&", b"<", b"\0", b"\xff",
    "东".encode("gb18030"), b"<Info>", b"&#0;", b"<!DOCTYPE x>", b"Event='ON'",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A body of ours with a few cuts, copies and insertions."""
    data = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 40)), len(data))
        match draw(st.sampled_from(["delete", "insert", "copy", "flip", "cut"])):
            case "delete":
                del data[at:end]
            case "insert":
                data[at:at] = draw(st.sampled_from(TOKENS) | st.binary(max_size=8))
            case "copy":
                data[at:at] = data[at:end] * draw(st.integers(1, 3))
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case _ if draw(st.booleans()):
                del data[at:]
    return bytes(data)


@given(damaged())
def test_damaged_notifications_are_read_or_malformed_and_can_be_written_again(data: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        document = parse_document(data)
        message = read_message(document)
        if message is not None:
            again = parse_document(serialize_document(message.to_xml(), document.charset))
            assert (again.root, again.cmd_type) == (document.root, document.cmd_type)


@given(damaged())
def test_damaged_changes_are_folded_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        element = parse_document(data).element
        carries_events(element)
        notify = CatalogNotify.from_xml(element)
        fold = Fold(SYSTEM, {}, 1, 0, NOW)
        for event in notify.events:
            fold.take(change_from_event(SYSTEM, event))
        assert set(fold.changed) <= set(fold.rows)


@given(damaged())
def test_positions_are_places_on_earth_or_none(data: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        for position in MobilePositionNotify.from_xml(parse_document(data).element).positions:
            assert (position.longitude is None) == (position.latitude is None)
            if position.longitude is not None and position.latitude is not None:
                assert abs(position.longitude) <= 180
                assert abs(position.latitude) <= 90
            assert position.direction_deg is None or 0 <= position.direction_deg < 360


@pytest.mark.parametrize("item", [b"<Item/>", b"<Item><DeviceID>1</DeviceID><Event>ON</Event></Item>"])
def test_a_list_of_ten_thousand_items_is_read(item: bytes) -> None:
    body = b"<Notify><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>34</DeviceID><DeviceList>"
    body += item * 10_000 + b"</DeviceList></Notify>"
    notify = CatalogNotify.from_xml(parse_document(body).element)
    assert len(notify.events) + notify.unusable == 10_000
    with pytest.raises(MalformedDocument, match="10001 items"):
        parse_document(body.replace(item, item * 2, 1))
