"""Waits between attempts."""

from __future__ import annotations

import pytest

from media.sources.errors import SourceRefused, SourceUnauthorised
from media.sources.retry import Retries
from media.sources.settings import SourceSettings

SETTINGS = SourceSettings(retry_first_s=1.0, retry_most_s=20.0, unauthorised_wait_s=120.0)


def test_waits_double_up_to_the_most_and_begin_anew() -> None:
    retries = Retries(SETTINGS, chance=lambda: 0.0)
    failure = SourceRefused("no")
    assert [retries.after(failure) for _ in range(7)] == [1, 2, 4, 8, 16, 20, 20]
    retries.succeeded()
    assert retries.after(failure) == 1


def test_up_to_half_is_taken_off() -> None:
    retries = Retries(SETTINGS, chance=lambda: 0.999)
    assert retries.after(SourceRefused("no")) == pytest.approx(0.5, abs=0.01)


def test_a_refused_password_waits_long() -> None:
    retries = Retries(SETTINGS, chance=lambda: 0.0)
    assert retries.after(SourceUnauthorised("no")) == 120.0
