"""Hostile bodies of a superior: controls are understood or refused, and queries too."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from access.rights import Right
from cascade.asked.camera_answers import CameraAnswers
from cascade.asked.orders import RIGHTS, Order, UnknownOrder, read_order
from cascade.model import Superior
from cascade.rights.trail import Asker
from sipserver.gb.config_blocks.basic import BasicParam
from sipserver.gb.config_blocks.picture import FrameMirror, SnapShotConfig
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, parse_document, serialize_document
from sipserver.gb.messages.config_download import ConfigDownloadQuery
from sipserver.gb.messages.cruise_track import CruiseTrackQuery
from sipserver.gb.messages.device_config import DeviceConfig
from sipserver.gb.messages.device_control import PtzCommand
from sipserver.gb.messages.preset_query import PresetQuery
from sipserver.gb.ptz import FocusIris, Move
from tests.fuzz.test_control_fuzz import MESSAGES, TOKENS, DeviceControl

CHANNEL = GbId("34020000001320000012")
CONTROLS = [
    *(message for message in MESSAGES if isinstance(message, DeviceControl)),
    DeviceConfig("1", CHANNEL, (FrameMirror(mode=1), BasicParam(name="门"))),
    DeviceConfig("1", CHANNEL, (SnapShotConfig(count=1, upload_url="http://h/", session_id="s" * 32),)),
]
QUERIES = [
    PresetQuery("1", CHANNEL),
    CruiseTrackQuery("1", CHANNEL, 3),
    ConfigDownloadQuery("1", CHANNEL, ("BasicParam", "OSDConfig")),
]
BODIES = [serialize_document(each.to_xml()) for each in (*CONTROLS, *QUERIES)]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 12))] = draw(
            st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))
        )
    return bytes(body)


def understood(document: Document) -> Order | None:
    with contextlib.suppress(MalformedText, UnknownOrder):
        return read_order(document)
    return None


@given(st.one_of(damaged(), st.binary(max_size=300)))
def test_any_body_is_an_order_or_refused(body: bytes) -> None:
    try:
        document = parse_document(body)
    except MalformedText:
        return
    order = understood(document)
    if order is None:
        return
    assert order.right in Right
    assert not (order.stops and order.moves)
    assert order.moves is (isinstance(order.instruction, Move | FocusIris) and not order.stops)
    if order.reply is not None:
        for ok in (True, False):
            assert parse_document(serialize_document(order.reply(ok))).device_id == order.presented


def test_every_command_of_the_standard_has_its_right() -> None:
    found = [understood(parse_document(body)) for body in BODIES[: len(CONTROLS)]]
    assert all(order is not None for order in found)
    kinds = {type(each.command) for each in CONTROLS if isinstance(each, DeviceControl)}
    assert kinds <= RIGHTS.keys()
    assert PtzCommand in kinds


@given(damaged(), st.sampled_from((CHANNEL, "34020000002000000002")))
def test_any_query_is_begun_or_refused(body: bytes, own_id: str) -> None:
    try:
        document = parse_document(body)
    except MalformedText:
        return
    nobody = cast(Any, SimpleNamespace())
    superior = Superior(superior_id="34020000002000000001", host="192.0.2.1", own_id=own_id)
    link = cast(Any, SimpleNamespace(superior=superior))
    make = CameraAnswers(link, nobody, nobody, nobody).table.get(document.cmd_type)
    if make is None:
        return
    with contextlib.suppress(MalformedText):
        make(document.element, Asker()).close()
