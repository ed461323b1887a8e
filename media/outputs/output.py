"""What every way out has: a scheme, a path, and a signed URL that expires."""

from __future__ import annotations

from dataclasses import dataclass

from media.outputs.signed import Grant


@dataclass(frozen=True, slots=True)
class Output:
    """One way out, served by the data plane's own listener."""

    scheme: str
    path: str
    """With ``{session_id}``."""
    scope: str = ""
    """The path that is signed, when it is not ``path`` itself: the folder of a way out with many files."""
    has_tls: bool = True
    """Whether its listener speaks TLS where there is a certificate."""

    def url(self, authority: str, session_id: str, grant: Grant, key: bytes, *, secure: bool = False) -> str:
        """A URL that opens this way until it expires. ``authority``: ``host:port``; ``secure``: by TLS."""
        path, scope = (part.format(session_id=session_id) for part in (self.path, self.scope or self.path))
        scheme = f"{self.scheme}s" if secure and self.has_tls else self.scheme
        return f"{scheme}://{authority}{path}?{grant.query(key, scope)}"
