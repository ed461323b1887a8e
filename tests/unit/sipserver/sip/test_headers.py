"""The header multi-map."""

from __future__ import annotations

import pytest

from sipserver.sip.errors import LocalViolation
from sipserver.sip.headers import CANONICAL_NAMES, COMPACT_NAMES, Headers, canonical_name


def test_names_match_without_case_and_in_compact_form() -> None:
    """GB-C018."""
    headers = Headers([("v", "one"), ("VIA", "two"), ("via", "three"), ("vIa", "four")])
    assert headers.get_all("Via") == ["one", "two", "three", "four"]
    assert headers.get("V") == "one"
    assert "viA" in headers
    assert len(headers) == 4


def test_every_compact_name_stands_for_a_known_header() -> None:
    for compact, name in COMPACT_NAMES.items():
        assert canonical_name(compact) == name
        assert CANONICAL_NAMES[name] == name


def test_the_spelling_of_the_standard_is_kept_and_unknown_names_get_one_spelling() -> None:
    assert canonical_name("x-gb-ver") == "X-GB-Ver"
    assert canonical_name("cALL-iD") == "Call-ID"
    assert canonical_name("x-vendor-THING") == "X-Vendor-Thing"


def test_set_replaces_and_remove_takes_out() -> None:
    headers = Headers([("Expires", "60"), ("Expires", "70")])
    headers.set("expires", " 3600 ")
    assert headers.get_all("Expires") == ["3600"]
    headers.remove("EXPIRES")
    headers.remove("Expires")
    assert headers.get("Expires", "none") == "none"


def test_a_copy_is_equal_and_independent() -> None:
    headers = Headers([("Via", "one")])
    twin = headers.copy()
    assert twin == headers
    twin.add("Via", "two")
    assert twin != headers
    assert headers != "Via"
    assert repr(headers) == "Headers([('Via', 'one')])"


@pytest.mark.parametrize("value", ["a\r\nTo: x", "a\nb", "a\rb"])
def test_a_value_cannot_smuggle_in_another_header(value: str) -> None:
    with pytest.raises(LocalViolation):
        Headers().add("Subject", value)
    with pytest.raises(LocalViolation):
        Headers().set("Subject", value)


@pytest.mark.parametrize("name", ["", "a b", "名", "x:y"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(LocalViolation):
        Headers().add(name, "x")
