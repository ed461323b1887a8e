"""SIP URIs, read as cameras write them.

``sip:34020000001320000001@3402000000`` is the normal form: the host may be all digits,
which strict parsers refuse. Source: RFC 3261 section 19.1; GB/T 28181 (see gb28181 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import format_host

MAX_URI_CHARS: Final = 1024
# Devices repeat the same few URIs for ever; values are immutable, so they can be shared.
CACHE_ENTRIES: Final = 16_384

Parameters = Mapping[str, str | None]
NO_PARAMETERS: Final[Parameters] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip: or sips: address; other schemes keep everything after the colon in ``host``.

    ``user`` is the text before ``@`` as sent (no unescaping), empty when missing.
    A parameter without value maps to None.
    """

    scheme: str = "sip"
    user: str = ""
    host: str = ""
    port: int | None = None
    params: Parameters = field(default_factory=lambda: NO_PARAMETERS)
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read a URI, with or without angle brackets, with blanks in odd places.

        Raises:
            MalformedMessage: no host, a port that is no port, or a text beyond MAX_URI_CHARS.
        """
        return parse_uri(text)

    def serialize(self) -> str:
        if self.scheme not in ("sip", "sips"):
            return f"{self.scheme}:{self.host}"
        parts = [self.scheme, ":"]
        if self.user:
            parts += (self.user, "@")
        parts.append(format_host(self.host))
        if self.port is not None:
            parts.append(f":{self.port}")
        parts += [f";{name}" if value is None else f";{name}={value}" for name, value in self.params.items()]
        if self.headers:
            parts += ("?", self.headers)
        return "".join(parts)

    def __str__(self) -> str:
        return self.serialize()


@lru_cache(maxsize=CACHE_ENTRIES)
def parse_uri(text: str) -> SipUri:
    """``SipUri.parse`` without the way through the class."""
    if len(text) > MAX_URI_CHARS:
        raise MalformedMessage(f"URI of {len(text)} characters, at most {MAX_URI_CHARS} are read")
    scheme, rest = _split_scheme(text.strip(" \t<>"))
    if scheme not in ("sip", "sips"):
        return SipUri(scheme=scheme, host=rest)
    user, at, rest = rest.partition("@")
    if not at:
        user, rest = "", user
    rest, _, headers = rest.partition("?")
    address, _, params = rest.partition(";")
    host, port = parse_host_port(address)
    if not host:
        raise MalformedMessage(f"URI without host: {text[:80]!r}")
    return SipUri(scheme, user.strip(" \t"), host, port, parse_uri_params(params), headers.strip(" \t"))


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, colon, rest = text.partition(":")
    lowered = scheme.strip(" \t").lower()
    if colon and lowered in ("sip", "sips"):
        return lowered, rest
    # "user@host" and "192.0.2.1:5060" without scheme occur; a host cannot be told from an
    # unknown scheme except by what follows the colon.
    if not colon or "@" in text or rest.isdigit() or not lowered.isalpha():
        return "sip", text
    return lowered, rest


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``."""
    text = text.strip(" \t")
    if text.startswith("["):
        host, _, tail = text[1:].partition("]")
        port = tail.strip(" \t").removeprefix(":")
    else:
        host, _, port = text.partition(":")
    host, port = host.strip(" \t"), port.strip(" \t")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise MalformedMessage(f"port {port[:20]!r} is not in 0..65535")
    return host, int(port)


def parse_uri_params(text: str) -> Parameters:
    """Read ``a=b;lr``; names become lower case, values stay as sent."""
    if not text:
        return NO_PARAMETERS
    params: dict[str, str | None] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip(" \t").lower()
        if name and name not in params:
            params[name] = value.strip(" \t") if equals else None
    return MappingProxyType(params)
