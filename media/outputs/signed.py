"""The pass in the URL of a viewer: who, what, which rights, until when, and the signature over it.

The data plane checks it (``media/native/plane/src/outputs/signed_url.rs``) with the key that both have.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote

from media.errors import BadPass, LocalViolation

PLAY: Final = "play"
"""The right to watch."""
TTL_MAX_S: Final = 86_400.0
"""Longest life of a URL: so long a revocation is remembered."""

_TAG: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_RIGHT: Final = re.compile(r"[a-z]{1,32}")
_VALUE_MAX: Final = 512
_NAMES: Final = ("user", "ch", "rights", "tag", "exp", "end", "sig")


def unix_s(instant: float) -> int:
    """The first whole second at or after an instant."""
    return math.ceil(instant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a signed URL says about its bearer.

    Raises:
        LocalViolation: a value that no URL of ours can carry.
    """

    tag: str
    user: str = ""
    channel: str = ""
    rights: frozenset[str] = frozenset({PLAY})
    expires_unix_s: int
    """Until when it opens connections."""
    ends_unix_s: int | None = None
    """When an open connection ends; None: it may stay."""

    def __post_init__(self) -> None:
        if _TAG.fullmatch(self.tag) is None:
            raise LocalViolation(f"tag {self.tag!r} is not 1 to 128 letters, digits or ._~-")
        if bad := [right for right in self.rights if _RIGHT.fullmatch(right) is None]:
            raise LocalViolation(f"rights {bad!r} are not words of small letters")
        for name, value in (("user", self.user), ("channel", self.channel)):
            if len(quote(value, safe="")) > _VALUE_MAX:
                raise LocalViolation(f"{name} {value[:32]!r}... is longer than {_VALUE_MAX} bytes in a URL")

    def query(self, key: bytes, scope: str) -> str:
        """The query of a URL that opens ``scope``, a path."""
        values = {
            "user": quote(self.user, safe=""),
            "ch": quote(self.channel, safe=""),
            "rights": ".".join(sorted(self.rights)),
            "tag": self.tag,
            "exp": str(self.expires_unix_s),
            "end": "" if self.ends_unix_s is None else str(self.ends_unix_s),
        }
        pairs = "&".join(f"{name}={value}" for name, value in values.items())
        return f"{pairs}&sig={_sign(key, [scope, *values.values()])}"

    @classmethod
    def read(cls, key: bytes, scope: str, query: str, now_unix_s: float) -> Grant:
        """The grant of a URL of ours that opens ``scope`` now.

        Raises:
            BadPass: a part is missing, doubled or changed, or it has expired.
        """
        values = parse_qs(query, keep_blank_values=True, max_num_fields=16)
        given = {name: values[name][0] for name in _NAMES if len(values.get(name, [])) == 1}
        if len(given) != len(_NAMES):
            raise BadPass("the URL is not signed by this server")
        try:
            grant = cls(
                tag=given["tag"],
                user=given["user"],
                channel=given["ch"],
                rights=frozenset(given["rights"].split(".")),
                expires_unix_s=int(given["exp"]),
                ends_unix_s=int(given["end"]) if given["end"] else None,
            )
        except (ValueError, LocalViolation):
            raise BadPass("the URL is not signed by this server") from None
        signature = parse_qs(grant.query(key, scope))["sig"][0]
        if not hmac.compare_digest(signature.encode(), given["sig"].encode()):
            raise BadPass("the URL is not signed by this server")
        if now_unix_s >= grant.expires_unix_s:
            raise BadPass("the URL has expired: ask for a new one")
        return grant


def _sign(key: bytes, lines: list[str]) -> str:
    digest = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
