"""What a simulated superior is: its id, where it listens, whom it lets in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sipserver.gb.charset import GB2312
from sipserver.gb.editions import Edition
from sipserver.transport.settings import ListenAddress, listen_pair

DEFAULT_SUPERIOR_ID: Final = "34000000002000000001"
DOMAIN_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperiorSettings:
    """One superior platform to be a subordinate of."""

    superior_id: str = DEFAULT_SUPERIOR_ID
    domain: str = ""
    """Empty: the first ten digits of its id."""
    listens: tuple[ListenAddress, ...] = listen_pair("0.0.0.0", 5060)  # noqa: S104
    password: str = field(default="", repr=False)
    """Of every subordinate; empty: all are let in without being asked."""
    edition: Edition = Edition.V3_0
    charset: str = GB2312
    media_host: str = ""
    """Where pictures are sent to; empty: the address that the subordinate is reached from."""
    expires_max_s: int = 86_400
    """The longest registration that is granted."""
    answer_timeout_s: float = 10.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @property
    def sip_domain(self) -> str:
        return self.domain or self.superior_id[:DOMAIN_DIGITS]
