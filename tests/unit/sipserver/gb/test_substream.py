"""Asking for a sub-stream in the form that a device knows (Q62, Q63)."""

from __future__ import annotations

import pytest

from sipserver.gb import sdp
from sipserver.gb.editions import Edition
from sipserver.gb.substream import FORMS, attributes, forms_to_try


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
    assert attributes(0, form) == (main,)
    assert attributes(1, form) == (sub,)


def test_forms_can_stand_together_and_none_asks_for_nothing() -> None:
    assert attributes(1, "streamnumber,streamprofile") == ("streamnumber:1", "streamprofile:1")
    assert attributes(1, "none") == ()


@pytest.mark.parametrize(
    ("edition", "manufacturer", "first"),
    [
        (Edition.V3_0, "", ("streamnumber", "streamprofile")),
        (Edition.V3_0, "Mercury", ("streamnumber", "streamMode")),
        (Edition.V2_0, "", ("streamnumber,streamprofile", "streamMode")),
        (Edition.V2_0, "Zhejiang DAHUA", ("streamprofile", "streamnumber")),
        (Edition.V2_0, "TP-LINK", ("streamMode", "streamnumber")),
        (Edition.V2_0, "大华", ("streamprofile", "streamnumber")),
    ],
)
def test_a_device_is_asked_by_its_edition_and_its_vendor(
    edition: Edition, manufacturer: str, first: tuple[str, ...]
) -> None:
    forms = forms_to_try(edition, manufacturer)
    assert forms[: len(first)] == first
    assert sorted(",".join(forms).split(",")) == sorted(FORMS)


def test_the_lines_stand_after_those_of_the_standard() -> None:
    lines = attributes(1, "streamnumber,streamprofile")
    offer = sdp.make_offer("34020000002000000001", "192.0.2.1", 30000, "0200000001", attributes=lines)
    text = offer.serialize().decode()
    places = [text.index(line) for line in ("a=rtpmap:96", "a=streamnumber:1", "a=streamprofile:1", "y=02")]
    assert places == sorted(places)
