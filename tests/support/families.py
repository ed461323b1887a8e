"""Address families that this machine has."""

import socket


def has_ipv6() -> bool:
    """Whether sockets can be bound to ``::1``."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
