"""The settings of access: table ``[access]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """How log-ins are checked and how long they last."""

    token_ttl_s: Annotated[float, Ge(60), Le(2_592_000)] = 43_200.0
    """How long a log-in lasts, in seconds."""

    lockout_failures: Annotated[int, Ge(1), Le(100)] = 5
    """Failed log-ins of one user name before it is locked for a while."""

    lockout_source_failures: Annotated[int, Ge(1), Le(10_000)] = 20
    """Failed log-ins from one address before that address is locked for a while."""

    lockout_first_s: Annotated[float, Ge(1), Le(86_400)] = 30.0
    """First lock, in seconds; each further failure doubles it."""

    lockout_longest_s: Annotated[float, Ge(1), Le(86_400)] = 900.0
    """Longest lock, in seconds; failures older than this after the lock are forgotten."""

    parallel_hashes: Annotated[int, Ge(1), Le(64)] = 2
    """Password checks at the same time; each uses hash_memory_kib of memory."""

    waiting_log_ins: Annotated[int, Ge(1), Le(10_000)] = 32
    """Log-ins that may wait for a password check; more are answered "busy"."""

    password_min_length: Annotated[int, Ge(8), Le(128)] = 10
    """Shortest password that may be set, in characters."""

    hash_memory_kib: Annotated[int, Ge(32), Le(4_194_304)] = 65_536
    """Memory of one Argon2id hash, in KiB."""

    hash_rounds: Annotated[int, Ge(1), Le(100)] = 3
    """Rounds of one Argon2id hash."""

    utc_offset_min: Annotated[int, Ge(-720), Le(840)] = 480
    """The local time in which the hours of rights are meant, in minutes ahead of UTC; Beijing: 480."""
