"""Times on the protocol's clock. GB-C035."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb import gb_time
from sipserver.gb.errors import MalformedTime

EIGHT = datetime(2024, 5, 1, 8, 0, 0, tzinfo=gb_time.BEIJING)


def test_date_header_is_beijing_time_with_milliseconds_and_no_zone() -> None:
    """GB-C035."""
    moment = datetime(2024, 5, 1, 0, 0, 0, 125_000, tzinfo=UTC)
    assert gb_time.format_date_header(moment) == "2024-05-01T08:00:00.125"
    assert gb_time.format_date_header(moment.replace(microsecond=0)) == "2024-05-01T08:00:00.000"


def test_documents_carry_whole_seconds() -> None:
    assert gb_time.format_datetime(EIGHT + timedelta(microseconds=999_999)) == "2024-05-01T08:00:00"


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T08:00:00",
        "2024-05-01T08:00:00.000",
        "2024-05-01T00:00:00Z",
        "2024-05-01T08:00:00+08:00",
        "2024-05-01T08:00:00+0800",
        "2024-05-01 08:00:00",
        "2024/05/01 08:00:00",
        "2024-5-1T8:0:0",
        "2024-05-01T08:00",
        " 2024-05-01T08:00:00 ",
        "Wed, 01 May 2024 00:00:00 GMT",
    ],
)
def test_every_form_that_devices_send_names_the_same_moment(text: str) -> None:
    assert gb_time.parse_time(text) == EIGHT


def test_midnight_written_as_24_is_the_next_day() -> None:
    assert gb_time.parse_time("2024-04-30T24:00:00") == datetime(2024, 5, 1, tzinfo=gb_time.BEIJING)


def test_leap_second_is_taken_back() -> None:
    assert gb_time.parse_time("2016-12-31T23:59:60").second == 59


def test_fraction_is_kept() -> None:
    assert gb_time.parse_time("2024-05-01T08:00:00.5").microsecond == 500_000


def test_zone_of_a_device_can_be_given() -> None:
    assert gb_time.parse_time("2024-05-01T00:00:00", UTC) == EIGHT


@pytest.mark.parametrize(
    "text", ["", "now", "2024-13-01T00:00:00", "2024-02-30", "2024-05-01T25:00:00", "24:00"]
)
def test_what_is_no_moment_is_malformed(text: str) -> None:
    with pytest.raises(MalformedTime):
        gb_time.parse_time(text)


def test_unknown_month_and_impossible_zone_are_malformed() -> None:
    for text in ("01 Foo 2024 00:00:00", "2024-05-01T00:00:00+99:00"):
        with pytest.raises(MalformedTime):
            gb_time.parse_time(text)


def test_sdp_time_is_unix_seconds_not_ntp() -> None:
    assert gb_time.to_unix(EIGHT) == 1_714_521_600
    assert gb_time.from_unix(1_714_521_600) == EIGHT


def test_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        gb_time.format_datetime(datetime(2024, 5, 1))


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))
def test_what_is_written_is_read_back(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    assert gb_time.parse_time(gb_time.format_datetime(moment)) == moment
    assert gb_time.parse_time(gb_time.format_date_header(moment)) == moment


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedTime):
        assert gb_time.parse_time(text).tzinfo is not None
