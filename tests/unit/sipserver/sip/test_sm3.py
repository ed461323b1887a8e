"""SM3 in plain Python against the examples of the standard and against OpenSSL."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.sip.credentials import HASHES, sm3_python
from sipserver.sip.sm3 import sm3


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_examples_of_gb_t_32905(text: bytes, digest: str) -> None:
    assert sm3(text).hex() == sm3_python(text) == HASHES["SM3"](text) == digest


@pytest.mark.parametrize("size", [0, 55, 56, 63, 64, 65, 119, 120])
def test_padding_at_block_borders_agrees_with_the_hash_in_use(size: int) -> None:
    assert sm3_python(b"x" * size) == HASHES["SM3"](b"x" * size)


@given(st.binary(max_size=200))
def test_both_implementations_agree(data: bytes) -> None:
    if "sm3" in hashlib.algorithms_available:
        assert sm3(data) == hashlib.new("sm3", data).digest()
    assert len(sm3(data)) == 32
