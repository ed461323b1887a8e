"""What a superior knows of a platform below it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipserver.gb.editions import Edition
from sipserver.gb.messages.catalog import CatalogItem
from sipserver.gb.messages.record_info import RecordItem
from sipserver.sip.flow import Flow


@dataclass(slots=True)
class Subordinate:
    """One registration, and what was learnt from its answers. Times are monotonic seconds."""

    platform_id: str
    flow: Flow
    domain: str
    edition: Edition
    expires_at: float
    registrations: int = 1
    keepalives: int = 0
    items: tuple[CatalogItem, ...] = ()
    """Of the last catalogue."""
    records: dict[str, tuple[RecordItem, ...]] = field(default_factory=dict)
    """Of the last search, by channel."""
