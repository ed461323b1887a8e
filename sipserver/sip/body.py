"""How many of the bytes after the header are the body.

The peer's Content-Length is a claim: devices count characters instead of bytes, or count the
text before it was encoded. Source: RFC 3261 section 18.3; gb28181 section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from sipserver.sip.errors import MalformedMessage

# Ten digits hold any length we could ever read; longer texts cost time to convert.
MAX_LENGTH_DIGITS: Final = 10

_ROOT: Final = re.compile(rb"<([A-Za-z_][\w.-]{0,63})")


class Body(NamedTuple):
    content: bytes
    suspicion: str = ""


def parse_content_length(values: Sequence[str]) -> int | None:
    """Read Content-Length; the same length twice is tolerated.

    Raises:
        MalformedMessage: no number, or two differing numbers.
    """
    if not values:
        return None
    text = values[0]
    if len(values) > 1 and any(other != text for other in values):
        lengths = {_length(value) for value in values}
        if len(lengths) > 1:
            raise MalformedMessage(f"{len(values)} differing Content-Length headers", status=400)
    return _length(text)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_LENGTH_DIGITS:
        raise MalformedMessage(f"Content-Length is no length: {text[:40]!r}", status=400)
    return int(text)


def cut_body(rest: bytes, declared: int | None) -> Body:
    """Take the body out of the bytes that follow the empty line of a datagram."""
    held = len(rest)
    if declared == held or declared is None:
        return Body(rest)
    if declared > held:
        return Body(rest, f"Content-Length says {declared} bytes, the message holds {held}")
    end = _document_end(rest)
    if end > declared:
        return Body(rest[:end], f"Content-Length says {declared} bytes, the XML document has {end}")
    return Body(rest[:declared], f"Content-Length says {declared} bytes, {held - declared} more follow")


def _document_end(rest: bytes) -> int:
    """Offset behind the closing tag of the root element, -1 if this is no whole XML document."""
    if not rest.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"<"):
        return -1
    root = _ROOT.search(rest)
    if root is None:
        return -1
    closing = b"</" + root[1] + b">"
    found = rest.rfind(closing, root.end())
    return found + len(closing) if found >= 0 else -1
