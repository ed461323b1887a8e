"""CPU cost of RTSP players: milliseconds of one core for each second of one stream.

``python tests/benchmarks/bench_rtsp.py [--seconds 5] [--streams 5] [--readers 10]``

Streams as in ``bench_ingest.py`` (4 Mbit/s, H.264 in PS with G.711A) come over UDP from another process. Each
is read by so many players, which are one loop in a third process that has spoken RTSP and only empties its
sockets. Measured is the CPU time of the plane's process, ingest alone and with players over TCP and UDP. The
floor is a loop that writes as many bytes into as many TCP sockets and nothing else: what the kernel takes.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from media.session import MediaPlane, MediaSession, MediaTransport
from media.settings import MediaSettings
from tests.benchmarks.bench_ingest import FIRST_PORT, cameras, cpu_s

RTSP_PORT: Final = FIRST_PORT + 4_000
FLOOR_BYTES: Final = 20_000
"""One picture of 4 Mbit/s at 25 a second."""


def connect(url: str, transport: str) -> list[socket.socket]:
    """A player that has asked for everything; the sockets that it reads."""
    parts = urlsplit(url)
    talk = socket.create_connection((parts.hostname or "", parts.port or 0))
    talk.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened, session = [talk], ""
    wishes = ["DESCRIBE"]
    ways = []
    for track in (0, 1):
        way = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
        if transport == "UDP":
            port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            port.bind(("127.0.0.1", 0))
            port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            opened.append(port)
            number = port.getsockname()[1]
            way = f"RTP/AVP;unicast;client_port={number}-{number}"
        ways.append(way)
    wishes += [f"SETUP {track}" for track in (0, 1)] + ["PLAY"]
    for number, wish in enumerate(wishes):
        method, _, track = wish.partition(" ")
        uri = f"{url}/track{track}" if track else url
        extra = f"Transport: {ways[int(track)]}\r\n" if track else ""
        talk.sendall(f"{method} {uri} RTSP/1.0\r\nCSeq: {number}\r\n{extra}{session}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += talk.recv(65_536)
        if not head.startswith(b"RTSP/1.0 200"):
            raise SystemExit(f"{method}: {head[:200]!r}")
        if b"\r\nSession: " in head:
            session = f"Session: {head.split(b'Session: ')[1].split(b';')[0].decode()}\r\n"
    return opened


def read_streams(urls: Sequence[str], transport: str, ready: Any) -> None:
    """A process of players; what they read is thrown away."""
    poll = select.epoll()
    opened = {made.fileno(): made for url in urls for made in connect(url, transport)}
    for fd in opened:
        poll.register(fd, select.EPOLLIN)
    ready.set()
    buffer = bytearray(1 << 20)
    while True:
        for fd, _ in poll.poll():
            opened[fd].recv_into(buffer)
        time.sleep(0.01)


def write_floor(ports: Sequence[int], seconds: float, result: Any) -> None:
    """One process that writes a picture into each socket every 40 ms."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    picture = bytes(FLOOR_BYTES)
    began, cpu = time.monotonic(), cpu_s()
    count = 0
    while (passed := time.monotonic() - began) < seconds:
        for made in sockets:
            made.sendall(picture)
        count += 1
        if (left := began + count / 25 - time.monotonic()) > 0:
            time.sleep(left)
    result.put((cpu_s() - cpu) * 1_000 / passed)


def drain(port: Any, connections: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=connections)
    port.put(listener.getsockname()[1])
    poll = select.epoll()
    opened = {}
    for _ in range(connections):
        made, _ = listener.accept()
        opened[made.fileno()] = made
        poll.register(made.fileno(), select.EPOLLIN)
    buffer = bytearray(1 << 20)
    while True:
        for fd, _ in poll.poll():
            if opened[fd].recv_into(buffer) == 0:
                return


def measure_floor(streams: int, readers: int, seconds: float) -> float:
    """Milliseconds for each stream-second of plain writes."""
    spawn = multiprocessing.get_context("spawn")
    port, result = spawn.Queue(), spawn.Queue()
    reader = spawn.Process(target=drain, args=(port, streams * readers), daemon=True)
    reader.start()
    number = port.get(timeout=60)
    writer = spawn.Process(
        target=write_floor, args=([number] * streams * readers, seconds, result), daemon=True
    )
    writer.start()
    cost: float = result.get(timeout=seconds + 60)
    for process in (writer, reader):
        process.kill()
        process.join()
    return cost / streams


@dataclass(frozen=True)
class Result:
    cpu_ms: float
    skipped: int
    sent_mbit_s: float


async def measure(streams: int, readers: int, transport: str, seconds: float) -> Result:
    """One point with the data plane."""
    settings = MediaSettings(
        host="127.0.0.1", port=0, rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 2_000}", rtsp_port=RTSP_PORT
    )
    plane = MediaPlane(settings)
    await plane.open()
    sessions: list[MediaSession] = [
        await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=str(number))
        for number in range(streams)
    ]
    spawn = multiprocessing.get_context("spawn")
    process = None
    try:
        with cameras("UDP", [(session.port, 1) for session in sessions], False):
            await asyncio.gather(*(session.wait_first_keyframe(30) for session in sessions))
            if readers:
                ready = spawn.Event()
                urls = [session.grant("bench")["rtsp"] for session in sessions for _ in range(readers)]
                process = spawn.Process(target=read_streams, args=(urls, transport, ready), daemon=True)
                process.start()
                await asyncio.to_thread(ready.wait, 60)
            await asyncio.sleep(1.0)
            cpu, at = cpu_s(), time.monotonic()
            before = sum(row.sent_bytes for session in sessions for row in session.viewer_stats())
            await asyncio.sleep(seconds)
            used, passed = cpu_s() - cpu, time.monotonic() - at
            rows = [row for session in sessions for row in session.viewer_stats()]
            sent = sum(row.sent_bytes for row in rows) - before
            skipped = sum(row.skipped for row in rows)
    finally:
        if process is not None:
            process.kill()
            process.join()
        await plane.close()
    return Result(
        used * 1_000 / streams / passed, skipped, sent * 8 / 1e6 / passed / max(1, streams * readers)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU cost of RTSP players.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--streams", type=int, default=5)
    parser.add_argument("--readers", type=int, default=10)
    options = parser.parse_args()
    streams, readers, seconds = options.streams, options.readers, options.seconds
    print(f"{streams} streams of 4 Mbit/s, loopback, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("CPU milliseconds of one core for each stream-second")
    print(f"{'floor, writes alone':28} {measure_floor(streams, readers, seconds):8.3f}")
    for count, transport in ((0, "TCP"), (1, "TCP"), (readers, "TCP"), (1, "UDP"), (readers, "UDP")):
        result = asyncio.run(measure(streams, count, transport, seconds))
        name = f"{count} players, {transport}" if count else "ingest alone"
        sent = f"{result.sent_mbit_s:6.2f} Mbit/s each, {result.skipped} skipped"
        print(f"{name:28} {result.cpu_ms:8.3f}  {sent}", flush=True)


if __name__ == "__main__":
    main()
