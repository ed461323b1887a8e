"""The head of a message as text: where it ends, how it is encoded, its lines and fields.

Nothing here knows methods or status codes. Source: RFC 3261 section 7.3.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.headers import CANONICAL_NAMES, canonical_name, is_token

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MAX_HEADER_LINES: Final = 256

_BLANKS: Final = " \t"
_SINGLE: Final = frozenset(("From", "To", "Call-ID", "CSeq"))


def split_head(data: bytes) -> tuple[bytes, bytes, str]:
    """Cut at the first empty line, whatever kind of line ends surround it."""
    suspicion = ""
    end = data.find(b"\n\r\n")
    bare = data.find(b"\n\n", 0, end + 1) if end >= 0 else data.find(b"\n\n")
    if bare >= 0:
        head, rest = data[:bare], data[bare + 2 :]
    elif end >= 0:
        head, rest = data[:end], data[end + 3 :]
    else:
        head, rest, suspicion = data.rstrip(b"\r\n"), b"", "no empty line behind the headers"
    head = head.removesuffix(b"\r")
    if len(head) > MAX_HEAD_BYTES:
        raise MalformedMessage(f"head of {len(head)} bytes, at most {MAX_HEAD_BYTES} are read")
    if len(rest) > MAX_BODY_BYTES:
        raise MalformedMessage(f"body of {len(rest)} bytes, at most {MAX_BODY_BYTES} are read")
    return head, rest, suspicion


def split_lines(head: bytes) -> tuple[list[str], str]:
    """Decode a head; returns its lines and the charset to answer in."""
    charset = "utf-8"
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text, charset = _decode_foreign(head)
    ends = text.count("\r\n")
    if text.count("\n") != ends or text.count("\r") != ends:
        text = text.replace("\r\n", "\n").replace("\r", " ").replace("\n", "\r\n")
    lines = text.split("\r\n", MAX_HEADER_LINES + 1)
    if len(lines) > MAX_HEADER_LINES + 1:
        raise MalformedMessage(f"more than {MAX_HEADER_LINES} header lines")
    return lines, charset


def _decode_foreign(head: bytes) -> tuple[str, str]:
    """Decode line by line: names in GBK beside headers in UTF-8 occur in one message."""
    lines = []
    charset = "utf-8"
    for line in head.split(b"\n"):
        try:
            lines.append(line.decode())
            continue
        except UnicodeDecodeError:
            pass
        try:
            lines.append(line.decode("gb18030"))
            charset = "gb18030"
        except UnicodeDecodeError:
            lines.append(line.decode("latin-1"))
    return "\n".join(lines), charset


def read_fields(fields: dict[str, list[str]], lines: list[str]) -> tuple[int, str] | None:
    """Fill ``fields``; returns the refusal the message has earned, if any."""
    refusal = None
    # The values that a folded line continues; None behind a line that was not taken.
    latest: list[str] | None = None
    for line in islice(lines, 1, None):
        name, colon, value = line.partition(":")
        key = CANONICAL_NAMES.get(name)
        if key is None:
            if line[:1] in (" ", "\t"):
                if latest is not None:
                    latest[-1] = f"{latest[-1]} {line.strip(_BLANKS)}".strip(_BLANKS)
                continue
            key = canonical_name(name)
            if not is_token(key):
                colon = ""
        if not colon:
            latest = None  # noise between headers has no name to be found under
            continue
        value = value.strip(_BLANKS)
        latest = fields.get(key)
        if latest is None:
            latest = fields[key] = [value]
        elif key not in _SINGLE:
            latest.append(value)
        else:
            if latest[0] != value:
                # RFC 4475 section 3.3.8: nobody can tell which of the two is meant.
                refusal = 400, f"two differing {key} headers"
            latest = None
    return refusal
