"""The structured header values: CSeq, Via, and the name-addr of From, To and Contact."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import format_host
from sipserver.sip.headers import is_token
from sipserver.sip.uri import CACHE_ENTRIES, NO_PARAMETERS, Parameters, SipUri, parse_host_port, parse_uri

# RFC 3261 asks for less than 2**31; devices that count past it are still understood.
MAX_CSEQ: Final = 2**32 - 1
MAGIC_COOKIE: Final = "z9hG4bK"
_new: Final = tuple.__new__  # makes a named tuple in half the time of its class


class CSeq(NamedTuple):
    """Command sequence: ``20 MESSAGE``."""

    number: int
    method: str

    @classmethod
    def parse(cls, value: str) -> CSeq:
        words = value.split()
        if len(words) != 2:
            raise MalformedMessage(f"CSeq has {len(words)} words: {value[:80]!r}")
        digits, method = words
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 20 and is_token(method)):
            raise MalformedMessage(f"CSeq is not number and method: {value[:80]!r}")
        number = int(digits)
        if number > MAX_CSEQ:
            raise MalformedMessage(f"CSeq {number} exceeds {MAX_CSEQ}")
        return cls(number, method)

    def serialize(self) -> str:
        return f"{self.number} {self.method}"


class NameAddr(NamedTuple):
    """``"Name" <sip:user@host>;tag=x`` as in From, To, Contact, Route."""

    display: str
    uri: SipUri
    params: Parameters = NO_PARAMETERS

    @property
    def tag(self) -> str | None:
        return self.params.get("tag") or None

    @classmethod
    def parse(cls, value: str) -> NameAddr:
        """Read one name-addr or addr-spec.

        Without angle brackets everything after the first semicolon belongs to the header
        (RFC 3261 section 20.10).
        """
        # The forms of nearly every To and From: <sip:...> and <sip:...>;tag=...
        if value[:1] == "<":
            address, _, rest = value.partition(">")
            if not rest:
                return _plain_address(value)
            tag = rest[5:]
            if rest[:5] == ";tag=" and ";" not in tag and " " not in tag and '"' not in tag:
                return _new(cls, ("", parse_uri(address[1:]), {"tag": tag}))
        display, rest = _split_display(value)
        opening = rest.find("<")
        if opening < 0:
            address, _, params = rest.partition(";")
            return cls(display, SipUri.parse(address), parse_params(params))
        closing = rest.find(">", opening)
        if closing < 0:
            closing = len(rest)
        params = rest[closing + 1 :].lstrip(" \t").removeprefix(";")
        display = display or rest[:opening].strip(" \t")
        return cls(display, SipUri.parse(rest[opening + 1 : closing]), parse_params(params))

    def serialize(self) -> str:
        name = ""
        if self.display:
            escaped = self.display.replace("\\", "\\\\").replace('"', '\\"')
            name = f'"{escaped}" '
        return f"{name}<{self.uri.serialize()}>{serialize_params(self.params)}"

    def __str__(self) -> str:
        return self.serialize()


@lru_cache(maxsize=CACHE_ENTRIES)
def _plain_address(value: str) -> NameAddr:
    """``<sip:...>`` alone: in To our own address, and in a REGISTER that of the device."""
    return NameAddr("", SipUri.parse(value.strip("<>")))


def _split_display(value: str) -> tuple[str, str]:
    """Cut a quoted display name off the front; ``\\"`` does not end it."""
    value = value.strip(" \t")
    if not value.startswith('"'):
        return "", value
    end = end_of_quoted(value, 0)
    if end < 0:
        # An unclosed quote: what stands before the address is the name.
        name, opening, rest = value[1:].partition("<")
        return name.strip(" \t"), opening + rest
    return unquote(value[: end + 1]), value[end + 1 :]


def end_of_quoted(text: str, start: int) -> int:
    """Index of the quote that closes the one at ``start``, or -1."""
    position = start + 1
    while True:
        closing = text.find('"', position)
        if closing < 0:
            return -1
        backslashes = 0
        while text[closing - 1 - backslashes] == "\\":
            backslashes += 1
        if backslashes % 2 == 0:
            return closing
        position = closing + 1


def unquote(text: str) -> str:
    """Take quotes and backslash escapes off a quoted-string; other text stays as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    out: list[str] = []
    escaped = False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
            continue
        out.append(character)
        escaped = False
    return "".join(out)


def split_list(text: str, separator: str = ",") -> list[str]:
    """Split at separators that stand neither in quotes nor in angle brackets."""
    parts = text.split(separator)
    if '"' not in text and "<" not in text:
        return parts
    if "<" not in text and "\\" not in text and all(part.count('"') % 2 == 0 for part in parts):
        return parts  # whole quoted texts only, none of them cut
    return _split_carefully(text, separator)


def _split_carefully(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    start = position = 0
    while position < len(text):
        character = text[position]
        if character == separator:
            parts.append(text[start:position])
            start = position + 1
        elif character in '"<':
            end = end_of_quoted(text, position) if character == '"' else text.find(">", position)
            position = end if end >= 0 else position
        position += 1
    parts.append(text[start:])
    return parts


def parse_params(text: str) -> Parameters:
    """Read header parameters; names become lower case, values stay as sent."""
    if not text:
        return NO_PARAMETERS
    params: dict[str, str | None] = {}
    for part in split_list(text, ";"):
        name, equals, value = part.partition("=")
        name = name.strip(" \t").lower()
        if name and name not in params:
            params[name] = value.strip(" \t") if equals else None
    return params


def serialize_params(params: Parameters) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


class Via(NamedTuple):
    """One hop: ``SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK...``."""

    transport: str
    host: str
    port: int | None
    params: Parameters = NO_PARAMETERS

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    @property
    def received(self) -> str | None:
        return self.params.get("received")

    @property
    def sent_by(self) -> str:
        host = format_host(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    @classmethod
    def parse(cls, value: str) -> Via:
        """Read one Via value (no comma list)."""
        head, _, params = value.partition(";")
        # "SIP / 2.0 / UDP host" is legal: blanks around the slashes.
        protocol, slash, rest = head.partition("/")
        version, second, rest = rest.partition("/")
        transport, _, address = rest.strip(" \t").replace("\t", " ").partition(" ")
        if not slash or not second or protocol.strip(" \t").upper() != "SIP" or not transport:
            raise MalformedMessage(f"Via does not start with SIP/2.0/<transport>: {value[:80]!r}")
        if version.strip(" \t") != "2.0":
            raise MalformedMessage(f"Via of SIP version {version[:20]!r}")
        host, port = parse_host_port(address)
        if not host:
            raise MalformedMessage(f"Via without sent-by: {value[:80]!r}")
        return cls(transport.upper(), host, port, parse_params(params))

    def serialize(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{serialize_params(self.params)}"
