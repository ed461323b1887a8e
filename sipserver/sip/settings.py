"""Timers and bounds of one endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

T1: Final = 0.5
T2: Final = 4.0
T4: Final = 5.0
# 64*T1: timers B, F, H, J, L and M, and D of at least 32 s.
GIVE_UP_S: Final = 64 * T1
# Timer J, and T4 more: the peer's last copy leaves 31.5 s after its first and may take T4.
ANSWER_KEPT_S: Final = GIVE_UP_S + T4
# RFC 3261 section 17.2.1: 100 Trying unless the user answers within 200 ms.
TRYING_DELAY_S: Final = 0.2
# RFC 3261 section 16.6 asks for more than 3 minutes: an INVITE rings no longer.
RINGING_LIMIT_S: Final = 181.0


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What an endpoint may keep at the same time. The RFC's timers are constants, not settings."""

    # Server transactions held at once, the answered ones included (each is kept 32 s over UDP).
    max_server_transactions: int = 200_000
    # Client transactions held at once.
    max_client_transactions: int = 100_000
    # INVITEs of ours that ended, remembered so that a late 2xx can still be acknowledged.
    max_ended_invites: int = 4096
