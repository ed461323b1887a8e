"""What a probe brings back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sipserver.devices.diagnosis.reasons import REASONS, Explanation, Reason


class Outcome(StrEnum):
    """How one step of a probe ended."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason, and what shows that it is the case here."""

    reason: Reason
    evidence: tuple[str, ...]

    @property
    def explanation(self) -> Explanation:
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One question of the probe and its answer."""

    name: str
    outcome: Outcome
    text: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer to "why is there no picture"."""

    device_id: str
    channel_id: str | None
    verdict: Finding
    warnings: tuple[Finding, ...]
    steps: tuple[ProbeStep, ...]
    call_id: str
    """Of the INVITE; its messages are in the trace. Empty when none was sent."""
    begin_time: datetime
    took_s: float
