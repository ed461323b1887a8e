"""Connections in all and per source, and the bytes of their half messages."""

from __future__ import annotations

from sipserver.transport.limits import FAIR_SHARE_BYTES, ConnectionLimits
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


def test_half_messages_are_bounded_together_and_small_ones_always_fit() -> None:
    limits = ConnectionLimits(SipTransportSettings(half_messages_max_bytes=200_000))
    first, second = limits.take("a"), limits.take("b")
    assert first is not None
    assert second is not None
    assert first.hold(200_000)
    assert second.hold(FAIR_SHARE_BYTES)
    assert not second.hold(FAIR_SHARE_BYTES + 1)
    second.release()
    assert limits.half_message_bytes == 200_000
    assert not first.hold(200_001)
    assert first.hold(0)
    first.release()
    first.release()
    assert limits.half_message_bytes == 0
    assert first.hold(5)
