"""The address of a source: what may stand in it, and how it is shown without its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import quote, unquote, urlsplit

MAX_LENGTH: Final = 2048
MASK: Final = "***"

DEFAULT_PORTS: Final[Mapping[str, int]] = {"rtsp": 554, "rtsps": 322, "rtmp": 1935, "rtmps": 443}
"""The schemes that are pulled. No other reaches FFmpeg: it would open files and devices as well."""

_HOST: Final = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z_.-]{0,252}[0-9A-Za-z_])?|[0-9A-Fa-f:.]{2,45}")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]*")
_SECRET: Final = re.compile(
    r"(?i)(?<=[?&;/_])((?:[a-z-]*(?:pass|pwd|passwd|password|secret|token|sig|sign|signature|key|auth|user|username))=)"
    r"(?:[^&;#/]*?(?=_\w+=|[&;#/]|$))"
)


class BadAddress(ValueError):
    """Not an address of a source; the text says what is wrong, without its secrets."""


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a stream is pulled from. ``target`` is path and query as the source wants them."""

    scheme: str
    host: str
    port: int
    target: str
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``rtsp://user:password@host:port/path?query``.

        Raises:
            BadAddress: another scheme, no host, or characters that do not belong there.
        """
        stripped = text.strip()
        if len(stripped) > MAX_LENGTH:
            raise BadAddress(f"the address has {len(stripped)} characters, at most {MAX_LENGTH} are allowed")
        if _PRINTABLE.fullmatch(stripped) is None:
            raise BadAddress("the address holds blanks or characters outside ASCII: write them as %xx")
        try:
            parts = urlsplit(stripped)
            port = parts.port
        except ValueError as error:
            raise BadAddress(f"the address cannot be read: {error}") from None
        scheme = parts.scheme.lower()
        if scheme not in DEFAULT_PORTS:
            raise BadAddress(f"scheme {scheme[:20]!r} is not one of {', '.join(DEFAULT_PORTS)}")
        host = parts.hostname or ""
        if _HOST.fullmatch(host) is None:
            raise BadAddress(f"host {host[:80]!r} is not a name or an IP address")
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        if ":" in username:
            raise BadAddress("a user name cannot hold a colon")
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return cls(scheme, host, port or DEFAULT_PORTS[scheme], target, username, password)

    def with_credentials(self, username: str, password: str) -> Self:
        return replace(self, username=username, password=password)

    @property
    def is_rtsp(self) -> bool:
        return self.scheme.startswith("rtsp")

    @property
    def is_encrypted(self) -> bool:
        return self.scheme.endswith("s")

    @property
    def plain(self) -> str:
        """Without credentials before the host."""
        return f"{self.scheme}://{self._authority()}{self.target}"

    @property
    def full(self) -> str:
        """With credentials, for FFmpeg alone: never to be shown or logged."""
        if not self.username:
            return self.plain
        user = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return f"{self.scheme}://{user}@{self._authority()}{self.target}"

    @property
    def shown(self) -> str:
        """For people and logs: no credentials before the host, none in the query."""
        return masked(self.plain)

    def mask(self, text: str) -> str:
        """A text of another program (FFmpeg's errors name the address) without this source's secrets."""
        cleaned = text.replace(self.full, self.shown).replace(self.plain, self.shown)
        if len(self.password) > 2:
            cleaned = cleaned.replace(self.password, MASK).replace(quote(self.password, safe=""), MASK)
        return cleaned

    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def masked(address: str) -> str:
    """The address without the values of parameters that sound secret; some write them in the path."""
    return _SECRET.sub(rf"\g<1>{MASK}", address)
