"""What the gateway counts."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class GatewayStats:
    """Totals since the start."""

    pulls: int = 0
    """Connections to sources that were begun."""
    failures: Counter[str] = field(default_factory=Counter)
    """Failures, by verdict."""
    checks: int = 0
    """Looks at sources that nobody reads."""
    publishes: int = 0
    publishes_refused: Counter[str] = field(default_factory=Counter)
    """Pushes that were turned away, by reason."""
    status_failures: int = 0
    """States that the catalogue could not be told."""
