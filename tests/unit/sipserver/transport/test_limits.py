"""Connections in all and per source."""

from __future__ import annotations

from sipserver.transport.limits import ConnectionLimits
from sipserver.transport.settings import SipTransportSettings


def test_both_limits_hold_at_n_and_n_plus_one() -> None:
    limits = ConnectionLimits(SipTransportSettings(connections_max=3, connections_per_source_max=2))
    first, second = limits.take("a"), limits.take("a")
    assert first is not None
    assert second is not None
    assert limits.take("a") is None
    third = limits.take("b")
    assert third is not None
    assert limits.take("c") is None
    assert limits.total == 3


def test_a_slot_is_given_back_once() -> None:
    limits = ConnectionLimits(SipTransportSettings(connections_per_source_max=1))
    slot = limits.take("a")
    assert slot is not None
    slot.release()
    slot.release()
    assert limits.total == 0
    assert limits.take("a") is not None
