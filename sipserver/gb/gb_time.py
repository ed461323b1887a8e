"""The standard's clock: Beijing time (北京时间), written without a zone.

Every function takes or gives an aware ``datetime``; none of them asks what time it is, and none uses the
host's zone.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from sipserver.gb.errors import MalformedTime

BEIJING: Final = timezone(timedelta(hours=8), "Asia/Shanghai")

# YYYY-MM-DDThh:mm:ss with what devices do to it: a blank or nothing instead of T, slashes, missing
# seconds, a fraction, a zone. GB/T 28181-2022 A.2.1; section 3.1 of the protocol notes.
_XML_TIME: Final = re.compile(
    r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})"
    r"(?:[T \t]{0,4}(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,:](\d{1,9}))?)?)?"
    r"\s{0,4}(Z|z|[+-]\d{2}:?\d{2})?"
)
_RFC_1123: Final = re.compile(
    r"(?:[A-Za-z]{3,9},? )?(\d{1,2})[ -]([A-Za-z]{3})[ -](\d{4}) (\d{2}):(\d{2}):(\d{2})(?: (?:GMT|UTC|Z))?"
)
_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip


def format_date_header(moment: datetime) -> str:
    """The Date header of a 200 to REGISTER: ``2024-05-01T08:00:00.125``. GB-C035."""
    return _beijing(moment).replace(tzinfo=None).isoformat(timespec="milliseconds")


def format_datetime(moment: datetime) -> str:
    """The ``dateTime`` of MANSCDP documents: ``2024-05-01T08:00:00``."""
    return _beijing(moment).replace(tzinfo=None).isoformat(timespec="seconds")


def parse_time(text: str, zone: timezone = BEIJING) -> datetime:
    """Read a time from a document or a Date header.

    Args:
        text: an XML dateTime in any form peers send, or an RFC 1123 date.
        zone: the sender's zone when the text names none.

    Raises:
        MalformedTime: no known form, or no such moment.
    """
    stripped = text.strip()
    try:
        if match := _XML_TIME.fullmatch(stripped):
            return _from_xml(match, zone)
        if match := _RFC_1123.fullmatch(stripped):
            day, month, year, hour, minute, second = match.groups()
            number = _MONTHS[month.lower()]
            return datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except (ValueError, OverflowError, KeyError) as error:
        raise MalformedTime(f"{stripped[:40]!r} is no moment in time: {error}") from None
    raise MalformedTime(f"{stripped[:40]!r} is not a date and time")


def from_unix(seconds: int) -> datetime:
    """The moment that an SDP ``t=`` names: Unix seconds, not NTP."""
    return datetime.fromtimestamp(seconds, BEIJING)


def to_unix(moment: datetime) -> int:
    return int(_beijing(moment).timestamp())


def _from_xml(match: re.Match[str], zone: timezone) -> datetime:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    midnight = datetime(int(year), int(month), int(day), tzinfo=_zone(offset, zone))
    clock = (int(hour or 0), int(minute or 0), int(second or 0), micros)
    if clock == (24, 0, 0, 0):  # the end of the day, as some recorders write it
        return midnight + timedelta(days=1)
    return midnight.replace(hour=clock[0], minute=clock[1], second=min(clock[2], 59), microsecond=micros)


def _zone(offset: str | None, default: timezone) -> timezone:
    if offset is None:
        return default
    if offset in "Zz":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:])))


def _beijing(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on a protocol's clock")
    return moment.astimezone(BEIJING)
