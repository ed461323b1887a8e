"""The header fields of one message: an ordered multi-map with case-insensitive names.

The order of values under one name is kept, as RFC 3261 section 7.3.1 demands; the order
between different names has no meaning there and follows first appearance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sipserver.sip.errors import LocalViolation

_KNOWN: Final = (
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Allow-Events",
    "Authentication-Info",
    "Authorization",
    "Call-ID",
    "Call-Info",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Error-Info",
    "Event",
    "Expires",
    "From",
    "Identity",
    "In-Reply-To",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Monitor-User-Identity",
    "Note",
    "Organization",
    "Priority",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "Reason",
    "Record-Route",
    "Refer-To",
    "Referred-By",
    "Reject-Contact",
    "Reply-To",
    "Request-Disposition",
    "Require",
    "Retry-After",
    "Route",
    "SecurityInfo",
    "Server",
    "Session-Expires",
    "Subject",
    "Subscription-State",
    "Supported",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "Warning",
    "WWW-Authenticate",
    "X-GB-Ver",
    "X-PreferredPath",
    "X-RoutePath",
)

# RFC 3261 section 7.3.3 and the registry of RFC 3968.
COMPACT_NAMES: Final = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip

CANONICAL_NAMES: Final[dict[str, str]] = {
    **{form: name for name in _KNOWN for form in (name, name.lower(), name.upper())},
    **{form: name for compact, name in COMPACT_NAMES.items() for form in (compact, compact.upper())},
}

# The known names as they are kept, for the quick ways through this room.
CANONICAL_HEADERS: Final = frozenset(CANONICAL_NAMES.values())

_TOKEN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")


def is_token(text: str) -> bool:
    """RFC 3261 section 25.1: what methods, header names and parameters are made of."""
    return bool(text) and _TOKEN.issuperset(text)


def canonical_name(name: str) -> str:
    """The one spelling under which a header is kept: ``v`` → ``Via``, ``x-foo`` → ``X-Foo``."""
    known = CANONICAL_NAMES.get(name)
    if known is not None:
        return known
    lowered = name.strip(" \t").lower()
    return CANONICAL_NAMES.get(lowered) or lowered.title()


class Headers:
    """An ordered multi-map of header fields. Names are matched without case, compact or not."""

    __slots__ = ("fields",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        # Canonical name -> values. The parser and the serializer of this room work on it directly.
        self.fields: dict[str, list[str]] = {}
        for name, value in items:
            self.add(name, value)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header, or ``default``."""
        values = self.fields.get(name)
        if values is None and name not in CANONICAL_HEADERS:
            values = self.fields.get(canonical_name(name))
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """All values of a header, one entry per header line, top first."""
        return list(self.fields.get(canonical_name(name), ()))

    def add(self, name: str, value: str) -> None:
        """Append a value below those already there."""
        self.fields.setdefault(_checked_name(name), []).append(_checked_value(value))

    def set(self, name: str, value: str) -> None:
        """Replace all values by this one."""
        self.fields[_checked_name(name)] = [_checked_value(value)]

    def remove(self, name: str) -> None:
        """Take a header out; no error when it is not there."""
        self.fields.pop(canonical_name(name), None)

    def items(self) -> Iterator[tuple[str, str]]:
        for name, values in self.fields.items():
            for value in values:
                yield name, value

    def copy(self) -> Headers:
        twin = Headers()
        twin.fields = {name: values.copy() for name, values in self.fields.items()}
        return twin

    def __contains__(self, name: str) -> bool:
        return canonical_name(name) in self.fields

    def __len__(self) -> int:
        return sum(map(len, self.fields.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"


def _checked_name(name: str) -> str:
    known = CANONICAL_NAMES.get(name)
    if known is not None:
        return known
    canonical = canonical_name(name)
    if not is_token(canonical):
        raise LocalViolation(f"{name[:80]!r} is no header name")
    return canonical


def _checked_value(value: str) -> str:
    # A line end inside a value would let whoever supplied it write headers of their own.
    if "\r" in value or "\n" in value:
        raise LocalViolation(f"line end inside a header value: {value[:80]!r}")
    return value.strip(" \t")
