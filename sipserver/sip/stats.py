"""What the endpoint counts. Labels come from closed sets: known methods and status codes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class EndpointStats:
    """Counters since the start. Methods outside the known ones count as OTHER."""

    requests_received: Counter[str] = field(default_factory=Counter)
    requests_sent: Counter[str] = field(default_factory=Counter)
    # By (method, status).
    responses_received: Counter[tuple[str, int]] = field(default_factory=Counter)
    responses_sent: Counter[tuple[str, int]] = field(default_factory=Counter)
    # Requests and responses of the peer seen again and absorbed.
    repetitions_received: int = 0
    # Packets of ours sent again.
    retransmissions_sent: int = 0
    malformed: int = 0
    # Messages used although something was wrong with them.
    suspicious: int = 0
    # CRLF and zero bytes that keep a NAT binding open.
    pings: int = 0
    # Responses that belong to no transaction.
    stray_responses: int = 0
    # ACKs that belong to no transaction.
    stray_acks: int = 0
    # Responses handed in after their transaction had ended.
    late_answers: int = 0
    # Requests that nobody answered within 32 s.
    unanswered: int = 0
    client_timeouts: int = 0
    # Requests refused with 503, and ACKs and the like dropped, because the table was full.
    refused_full: int = 0
    # Answered transactions forgotten early to make room.
    evicted: int = 0
