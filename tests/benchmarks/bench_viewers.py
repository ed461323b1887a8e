"""CPU cost of viewers: milliseconds of one core of the server for each second of one watched stream.

``python tests/benchmarks/bench_viewers.py [--seconds 5] [--streams 50 200] [--viewers 1 10] [--ways ..]``

The streams are those of ``bench_ingest.py``; senders and viewers are other processes, and what is measured is
the CPU time of the receiving process, the kernel's work for its writes included. On loopback that work
contains the reception at the other end of the connection, which on a real network is somebody else's.

Two floors stand beside it. ``send``: a bare loop that writes the same number of bytes, in pieces of the same
sizes, to the same number of connections, from one buffer. ``receive``: the floor of ``bench_ingest.py``. No
server that uses sockets can be below their sum.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))

from media.session import MediaPlane, MediaSession, MediaTransport
from media.settings import MediaSettings
from tests.benchmarks import bench_ingest as ingest

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
READ_BYTES: Final = 256 << 10


def watch(addresses: Sequence[tuple[str, int, bytes]], ready: Any, received: Any) -> None:
    """A process of viewers that read and forget."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for host, port, request in addresses:
        made = socket.create_connection((host, port))
        made.sendall(request)
        made.setblocking(False)
        sockets[made.fileno()] = made
        poll.register(made.fileno(), select.EPOLLIN)
    buffer = bytearray(READ_BYTES)
    ready.set()
    total = 0
    while sockets:
        for fd, _ in poll.poll(0.5):
            try:
                # The kernel throws it away, tcp(7): viewers must not take the cores that are measured.
                count = sockets[fd].recv_into(buffer, READ_BYTES, socket.MSG_TRUNC)
            except BlockingIOError:
                continue
            if count == 0:
                poll.unregister(fd)
                sockets.pop(fd).close()
            total += count
        received.value = total
        # Many pictures for one wake-up: these processes share the machine with the server.
        time.sleep(0.01)


def address_of(url: str) -> tuple[str, int, bytes]:
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    if parts.scheme == "ws":
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Key: {KEY}"]
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port, ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.contextmanager
def viewers(addresses: Sequence[tuple[str, int, bytes]]) -> Iterator[Any]:
    spawn = multiprocessing.get_context("spawn")
    ready, received = spawn.Event(), spawn.Value("q", 0)
    process = spawn.Process(target=watch, args=(list(addresses), ready, received), daemon=True)
    process.start()
    try:
        ready.wait(180)
        yield received
    finally:
        process.kill()
        process.join()


@dataclass(frozen=True)
class Result:
    cpu_ms: float
    mbit_s: float
    """Received by one viewer."""
    skipped: int


async def settled(sessions: Sequence[MediaSession]) -> None:
    """Until viewers have the pictures that they were given at the start. A machine too small for the load
    never comes so far: after 20 s it is measured as it is."""
    for _ in range(100):
        if max(queued(session) for session in sessions) < 1 << 18:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)


def queued(session: MediaSession) -> int:
    """Of the viewer with the most."""
    return max((row.queued_bytes for row in session.viewer_stats()), default=0)


async def measure(way: str, streams: int, per_stream: int, seconds: float, threads: int) -> Result:
    settings = MediaSettings(
        host="127.0.0.1",
        port=0,
        rtp_ports=f"{ingest.FIRST_PORT}-{ingest.FIRST_PORT + 2_000}",
        threads=threads,
        viewers_max=10_000,
        strangers_per_address=10_000,
    )
    plane = MediaPlane(settings)
    await plane.open()
    try:
        sessions = [
            await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=str(number))
            for number in range(streams)
        ]
        targets = [(session.port, ingest.FIRST_SSRC + number) for number, session in enumerate(sessions)]
        with ingest.cameras("UDP", targets, False):
            await asyncio.gather(*(session.wait_first_keyframe(30) for session in sessions))
            urls = [session.grant("v")[way] for session in sessions for _ in range(per_stream)]
            with viewers([address_of(url) for url in urls]) as received:
                async with asyncio.timeout(180):
                    while sum(session.viewers for session in sessions) < len(urls):  # noqa: ASYNC110  (no event tells it)
                        await asyncio.sleep(0.05)
                await settled(sessions)
                bytes_before, cpu, at = received.value, ingest.cpu_s(), time.monotonic()
                await asyncio.sleep(seconds)
                used, passed = ingest.cpu_s() - cpu, time.monotonic() - at
                taken = received.value - bytes_before
                skipped = sum(row.skipped for session in sessions for row in session.viewer_stats())
    finally:
        await plane.close()
    return Result(used * 1000 / streams / passed, taken * 8 / 1e6 / len(urls) / passed, skipped)


def measure_send_floor(streams: int, per_stream: int, seconds: float) -> float:
    """A loop that writes all pictures to all viewers, evenly over the time, and does nothing else."""
    pictures = [memoryview(annexb) for annexb, _ in ingest.pictures()]
    with socket.create_server(("127.0.0.1", 0), backlog=4_096) as listener:
        host, port = listener.getsockname()[:2]
        spawn = multiprocessing.get_context("spawn")
        ready, received = spawn.Event(), spawn.Value("q", 0)
        targets = [(host, port, b"x")] * (streams * per_stream)
        process = spawn.Process(target=watch, args=(targets, ready, received), daemon=True)
        process.start()
        try:
            connections = [listener.accept()[0] for _ in targets]
            for connection in connections:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setblocking(False)
            groups = [connections[at : at + per_stream] for at in range(0, len(connections), per_stream)]
            used = _send(groups, pictures, seconds)
        finally:
            process.kill()
            process.join()
        for connection in connections:
            connection.close()
    return used * 1000 / streams / seconds


def _send(groups: list[list[socket.socket]], pictures: list[memoryview], seconds: float) -> float:
    picture, start = 0, time.monotonic()
    cpu = ingest.cpu_s()
    while (now := time.monotonic() - start) < seconds:
        for number, group in enumerate(groups):
            due = (picture + number / len(groups)) / ingest.FPS
            if (left := due - (time.monotonic() - start)) > 0.005:
                time.sleep(left)
            for connection in group:
                # A full socket costs this picture, as it would a slow viewer.
                with contextlib.suppress(BlockingIOError):
                    connection.send(pictures[picture % len(pictures)])
        picture += 1
        if picture > now * ingest.FPS + ingest.FPS:
            break
    return ingest.cpu_s() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU cost of viewers.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 10], help="of each stream")
    parser.add_argument("--ways", nargs="+", default=["fmp4_ws", "flv_http"])
    parser.add_argument("--threads", type=int, default=0, help="receiving threads; 0 = the default")
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args()
    options.gso, options.nap_ms = False, 5.0
    with tempfile.TemporaryDirectory() as directory:
        print("\n".join(ingest.conditions(options, Path(directory))))
    print("\nCPU milliseconds of one core for each stream-second (aims: 1 viewer 1.0, 10 viewers 1.9)")
    print(
        f"{'way':10} {'streams':>7} {'viewers':>7} {'receive':>8} {'send':>8} {'plane':>8} {'Mbit/s':>7}"
        " skipped"
    )
    for streams in options.streams:
        receive = None if options.no_floor else ingest.measure_floor("UDP", streams, options.seconds, False)
        for per_stream in options.viewers:
            send = None if options.no_floor else measure_send_floor(streams, per_stream, options.seconds)
            for way in options.ways:
                result = asyncio.run(measure(way, streams, per_stream, options.seconds, options.threads))
                shown = ["-" if receive is None else f"{receive.cpu_ms:.3f}"]
                shown.append("-" if send is None else f"{send:.3f}")
                print(
                    f"{way:10} {streams:7} {per_stream:7} {shown[0]:>8} {shown[1]:>8} {result.cpu_ms:8.3f}"
                    f" {result.mbit_s:7.2f} {result.skipped:7}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
