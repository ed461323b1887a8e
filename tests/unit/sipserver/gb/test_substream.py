"""Asking for a sub-stream in the form that a device knows (Q62, Q63)."""

from __future__ import annotations

import pytest

from sipserver.gb import sdp
from sipserver.gb.editions import Edition
from sipserver.gb.substream import FORMS, attributes


@pytest.mark.parametrize(
    ("form", "main", "sub"),
    [
        ("streamnumber", "streamnumber:0", "streamnumber:1"),
        ("streamprofile", "streamprofile:0", "streamprofile:1"),
        ("streamMode", "streamMode:MAIN", "streamMode:SUB"),
        ("stream", "stream:0", "stream:1"),
        ("stream-word", "stream:main", "stream:sub"),
    ],
)
def test_each_form_names_both_streams(form: str, main: str, sub: str) -> None:
    assert form in FORMS
    assert attributes(0, form, Edition.V2_0) == (main,)
    assert attributes(1, form, Edition.V3_0) == (sub,)


def test_an_unknown_device_is_asked_by_its_edition() -> None:
    assert attributes(1, None, Edition.V3_0) == ("streamnumber:1",)
    assert attributes(1, None, Edition.V2_0) == ("streamprofile:1", "streamMode:SUB", "stream:1")
    assert attributes(1, "none", Edition.V3_0) == ()


def test_the_lines_stand_after_those_of_the_standard() -> None:
    lines = attributes(1, None, Edition.V2_0)
    offer = sdp.make_offer("34020000002000000001", "192.0.2.1", 30000, "0200000001", attributes=lines)
    text = offer.serialize().decode()
    assert text.index("a=rtpmap:96") < text.index("a=streamprofile:1") < text.index("y=0200000001")
