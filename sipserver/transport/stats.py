"""Counters of the SIP sockets. Only sipserver.health knows how they are exposed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class TransportStats:
    """Totals since the start; each counter has exactly one place that raises it."""

    datagrams_received: int = 0
    datagrams_sent: int = 0
    datagram_bytes_received: int = 0
    datagram_bytes_sent: int = 0
    datagram_pings: int = 0
    datagrams_deferred: int = 0
    datagrams_dropped: int = 0
    datagrams_lost: int = 0  # by the kernel: its queue was full, because they were not read in time
    datagram_errors: int = 0

    connections_accepted: int = 0
    connections_opened: int = 0
    connections_closed: int = 0
    connections_refused: int = 0
    connections_malformed: int = 0
    connections_timed_out: int = 0
    connections_overflowed: int = 0
    handshakes_failed: int = 0
    stream_pings: int = 0

    malformed: int = 0
    packets_without_flow: int = 0
    handler_failures: int = 0
    stray_answers: int = 0
