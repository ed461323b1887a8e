"""What access counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class AccessStats:
    """Counters since the start; read by health."""

    log_ins: int = 0
    log_ins_wrong: int = 0
    log_ins_locked_out: int = 0
    log_ins_busy: int = 0
    tokens_issued: int = 0
    tokens_refused: int = 0
    audit_entries: int = 0
