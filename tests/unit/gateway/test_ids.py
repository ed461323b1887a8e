"""Ids of the gateway and its channels."""

from __future__ import annotations

import pytest

from gateway.errors import TooManySources, UnsuitableSource
from gateway.ids import LAST_SERIAL, check_channel_id, gateway_id, next_channel_id

GATEWAY = gateway_id("34020000002000000001")


def test_the_gateway_lies_in_the_platforms_domain() -> None:
    assert GATEWAY == "34020000002090000001"


def test_the_next_free_serial_is_taken() -> None:
    first = next_channel_id(GATEWAY, [])
    assert first == "34020000001320900001"
    assert next_channel_id(GATEWAY, [first, "34020000001320900003"]) == "34020000001320900002"


def test_no_serial_is_left() -> None:
    taken = {f"34020000001320{serial:06d}" for serial in range(900_001, LAST_SERIAL + 1)}
    with pytest.raises(TooManySources):
        next_channel_id(GATEWAY, taken)


@pytest.mark.parametrize("text", ["", "3402", "3402000000132000000x", "34020000001110000001"])
def test_an_id_that_is_no_cameras_is_refused(text: str) -> None:
    with pytest.raises(UnsuitableSource):
        check_channel_id(text)


def test_cameras_of_both_types_are_taken() -> None:
    for kind in ("131", "132"):
        assert check_channel_id(f"3402000000{kind}0000001")
