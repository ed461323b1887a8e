"""Receive ports for the media planes of tests: no two workers, and no two planes of one test, share any."""

import itertools
import os
import socket

# Below the kernel's ephemeral ports (32768 and up), from which clients of other tests take theirs.
FIRST, WORKERS, PER_WORKER = 10_000, 6, 3_600

_offsets = itertools.count(0, 2)


def _all_free(ports: range) -> bool:
    for port in ports:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return False
    return True


def free_ports_in_a_row(count: int) -> range:
    """The next ``count`` ports of this worker, an even one first, none of them held by anybody now."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        offset = next(_offsets) % PER_WORKER
        if offset + count > PER_WORKER:
            continue
        start = FIRST + worker * PER_WORKER + offset
        if _all_free(range(start, start + count)):
            for _ in range(count // 2 - 1):
                next(_offsets)
            return range(start, start + count)


def rtp_ports(count: int = 200) -> str:
    """The same, as the setting ``media.rtp_ports``."""
    ports = free_ports_in_a_row(count)
    return f"{ports.start}-{ports.stop - 1}"
