"""Instants that the API takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from console.api.models import Instant

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@pytest.mark.parametrize("text", ["2026-01-31T08:00:00+08:00", "2026-01-31T00:00:00Z"])
def test_an_instant_is_told_in_utc(text: str) -> None:
    assert INSTANT.validate_python(text) == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T08:00:00",
        "0001-01-01T00:00:00+23:59",
        "0001-06-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_one_that_has_no_date_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(text)
