"""The ``[uploads]`` table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Stills that devices upload, and firmware that they fetch. Files lie in ``storage.path``/uploads."""

    advertised_url: str = ""
    """How devices reach the HTTP listener: http://192.0.2.7:8080. Empty: the address that the device speaks
    SIP to, with ``http.port``."""
    picture_max_bytes: Annotated[int, Ge(10_000), Le(64_000_000)] = 16_000_000
    """Largest picture that is taken."""
    transfers_at_once: Annotated[int, Ge(1), Le(256)] = 8
    """Uploads of devices that are received at a time; each may hold ``picture_max_bytes`` of memory."""
    transfer_s: Annotated[float, Ge(5), Le(3600)] = 120.0
    """Longest time for one upload."""
    bursts_at_once: Annotated[int, Ge(1), Le(10_000)] = 500
    """Bursts of stills that may be open at the same time."""
    burst_grace_s: Annotated[float, Ge(0.1), Le(3600)] = 60.0
    """How long after its last picture is due a burst is waited for."""
    notice_grace_s: Annotated[float, Ge(0.1), Le(600)] = 10.0
    """How long pictures may come after the device said that it has uploaded them."""
    picture_days: Annotated[int, Ge(1), Le(3650)] = 30
    """Days that uploaded stills are kept."""
    firmware_max_bytes: Annotated[int, Ge(1), Le(8_000_000_000)] = 512_000_000
    """Largest firmware file that an operator may upload."""
    upgrade_timeout_s: Annotated[float, Ge(1), Le(86_400)] = 1800.0
    """How long a device may take to report the result of an upgrade."""

    def __post_init__(self) -> None:
        if self.advertised_url:
            parts = urlsplit(self.advertised_url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
                allowed = "allowed is http://HOST:PORT, with a path if a proxy needs one, or empty"
                raise ValueError(f"uploads.advertised_url = {self.advertised_url!r}: {allowed}")
