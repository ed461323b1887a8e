"""What every way out has: a scheme, a path, and a signed URL that expires."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """One way out, served by the data plane's own listener."""

    scheme: str
    path: str
    """With ``{session_id}``."""

    def url(self, authority: str, session_id: str, tag: str, expires_unix_s: int, key: bytes) -> str:
        """A URL that opens this way until it expires. ``authority`` is ``host:port``."""
        path = self.path.format(session_id=session_id)
        signature = sign(key, path, tag, expires_unix_s)
        return f"{self.scheme}://{authority}{path}?tag={tag}&exp={expires_unix_s}&sig={signature}"


def sign(key: bytes, path: str, tag: str, expires_unix_s: int) -> str:
    """HMAC-SHA256 over path, tag and expiry, as the data plane checks it."""
    message = f"{path}\n{tag}\n{expires_unix_s}".encode()
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
