"""Instants as integers, and statements that both databases understand."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from catalog.columns import UtcTime, chunks, from_us, to_us, upsert
from catalog.keyset import decode_cursor, encode_cursor
from catalog.tables import channels


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(-12, 14))
def test_instants_survive_storage_to_the_microsecond(naive: datetime, zone_hours: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(hours=zone_hours)))
    assert from_us(to_us(instant)) == instant


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())
    assert (
        UtcTime().process_bind_param(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), sqlite.dialect()) == 1_000_000
    )


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_upsert_compiles_for_both_databases(dialect: object) -> None:
    statement = upsert(
        dialect.name,  # type: ignore[attr-defined]
        channels,
        key=["device_id", "channel_id"],
        update=["name"],
        keep_when_null=["status_online"],
    )
    text = str(statement.compile(dialect=dialect))  # type: ignore[arg-type]
    assert "ON CONFLICT (device_id, channel_id) DO UPDATE SET" in text
    assert "coalesce(excluded.status_online, channels.status_online)" in text


def test_upsert_without_columns_leaves_the_row_alone() -> None:
    statement = upsert("sqlite", channels, key=["device_id", "channel_id"], update=[])
    assert "DO NOTHING" in str(statement.compile(dialect=sqlite.dialect()))


@given(st.lists(st.integers()), st.integers(1, 7))
def test_chunks_hold_everything_in_order(values: list[int], size: int) -> None:
    parts = list(chunks(values, size))
    assert [value for part in parts for value in part] == values
    assert all(0 < len(part) <= size for part in parts)


@given(st.text(max_size=80), st.integers(-(2**62), 2**62))
def test_cursors_survive_their_text_form(text: str, number: int) -> None:
    assert decode_cursor(encode_cursor(text, number), (str, int)) == (text, number)
