"""SSRC allocation. GB-C099, Q76, field lesson 7."""

import pytest

from sipserver.gb.errors import LocalViolation, SsrcExhausted
from sipserver.gb.ssrc import COOL_DOWN_S, SERIALS_PER_KIND, SsrcPool, from_int, to_int

DOMAIN = "34020000002000000001"


def test_value_is_class_digit_then_domain_digits_then_serial() -> None:
    """GB-C099."""
    pool = SsrcPool(DOMAIN)
    assert pool.allocate("live", now=0.0) == "0200000001"
    assert pool.allocate("history", now=0.0) == "1200000000"
    assert SsrcPool("13010000002000000001").allocate("live", now=0.0)[1:6] == "10000"


def test_text_and_number_are_the_ones_of_the_reference() -> None:
    assert to_int("0200000001") == 0x0BEBC201
    assert to_int("1200000001") == 0x47868C01
    assert from_int(0x0BEBC201) == "0200000001"
    assert from_int(2**32 - 1) == "4294967295"
    for wrong in (-1, 2**32):
        with pytest.raises(LocalViolation):
            from_int(wrong)


def test_released_value_rests_before_it_is_given_again() -> None:
    pool = SsrcPool(DOMAIN)
    values = [pool.allocate("history", now=0.0) for _ in range(SERIALS_PER_KIND)]
    assert len(set(values)) == SERIALS_PER_KIND
    pool.release(values[7], now=10.0)
    with pytest.raises(SsrcExhausted):
        pool.allocate("history", now=10.0 + COOL_DOWN_S - 0.1)
    assert pool.allocate("history", now=10.0 + COOL_DOWN_S) == values[7]


def test_kinds_do_not_share_serials() -> None:
    pool = SsrcPool(DOMAIN)
    for _ in range(SERIALS_PER_KIND):
        pool.allocate("history", now=0.0)
    assert pool.allocate("live", now=0.0).startswith("0")
    assert pool.in_use == SERIALS_PER_KIND + 1


def test_zero_is_never_given_out() -> None:
    """``y=0000000000`` breaks upper platforms (Q74)."""
    pool = SsrcPool("11000000002000000001")
    values = [pool.allocate("live", now=0.0) for _ in range(SERIALS_PER_KIND - 1)]
    assert "0000000000" not in values
    with pytest.raises(SsrcExhausted):
        pool.allocate("live", now=0.0)


def test_a_live_value_is_released_as_live() -> None:
    pool = SsrcPool(DOMAIN, cool_down_s=1.0)
    first = pool.allocate("live", now=0.0)
    pool.release(first, now=0.0)
    rest = [pool.allocate("live", now=2.0) for _ in range(SERIALS_PER_KIND)]
    assert first in rest


def test_releasing_twice_is_a_bug_of_ours() -> None:
    pool = SsrcPool(DOMAIN)
    ssrc = pool.allocate("live", now=0.0)
    pool.release(ssrc, now=0.0)
    with pytest.raises(LocalViolation):
        pool.release(ssrc, now=0.0)


def test_domain_without_digits_is_a_configuration_error() -> None:
    for domain in ("", "340", "340abcdefg"):
        with pytest.raises(LocalViolation):
            SsrcPool(domain)
