"""RTCP reports as some devices want them: without any they stop sending (Q100)."""

import asyncio
import socket
from typing import Final

_PACKET_MAX: Final = 2_048
_RECEIVER_REPORT: Final = 201


async def reports_missed(media: tuple[str, int], timeout_s: float) -> None:
    """Return when no receiver report came for so long to the port after the one that media leaves from.

    Raises:
        OSError: that port is taken.
    """
    host, port = media
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.bind((host, port + 1))
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    await _report(opened)
            except TimeoutError:
                return


async def _report(opened: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        packet = await loop.sock_recv(opened, _PACKET_MAX)
        if len(packet) >= 8 and packet[1] == _RECEIVER_REPORT:
            return
