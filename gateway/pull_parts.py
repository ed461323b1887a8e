"""What all pictures of sources share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.ports import MediaPort
from gateway.stats import GatewayStats
from media.sources.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class PullParts:
    """Settings, the data plane, counters and a clock."""

    settings: SourceSettings
    media: MediaPort
    stats: GatewayStats
    clock: Callable[[], float] = time.monotonic
    push_resume_s: float = 15.0
    """How long the session of a push waits for its publisher to come back."""
