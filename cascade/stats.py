"""What cascade counts; only ``health/`` knows the exposition format."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class CascadeStats:
    """Counters since the start, of all superiors; read by health."""

    queries: int = 0
    """Taken, and answered or under way."""
    queries_refused: Counter[str] = field(default_factory=Counter)
    """By SIP status; like the other refusals of requests."""
    controls: int = 0
    controls_refused: Counter[str] = field(default_factory=Counter)
    misaddressed: int = 0
    """Queries and controls for somebody else."""
    unreadable: int = 0
    subscribes: int = 0
    """Taken, refreshes included."""
    subscribes_refused: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    """NOTIFYs and pushed MESSAGEs, by what became of them."""
    catalogue_items: int = 0
    """Sent as answers to queries."""
    catalogue_fragments_refused: int = 0
    permits: Counter[str] = field(default_factory=Counter)
    """What lasts and was allowed, by the right that it took."""
    permits_refused: Counter[str] = field(default_factory=Counter)
    """By reason."""
    permits_ended: Counter[str] = field(default_factory=Counter)
    """What ended because its right did, by reason."""
    audit_entries_lost: int = 0
