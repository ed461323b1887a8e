"""CPU cost of receiving media and sending each stream on: ms of one core for each stream-second.

``python tests/benchmarks/bench_relay.py [--seconds 5] [--streams 50 200] [--transports UDP TCP]``

Cameras, stream and measure are those of ``bench_ingest``; each stream goes to one other platform. The
receivers are a process of their own which reads and forgets; over UDP it asks for GRO (``--no-gro`` for one
datagram at a time): on loopback the kernel does the receiver's part of the work inside the sender's call, so
its cutting of runs is paid by the plane, which on a real network it is not. The floors are a loop that only
empties the intake's sockets, and one that only sends the same bytes, picture by picture, with UDP_SEGMENT or
one large write.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from media.rtp import frame_for_tcp
from media.session import MediaPlane, MediaSession, MediaTransport, RtpSender, SenderRequest
from media.settings import MediaSettings
from tests.benchmarks.bench_ingest import (
    FIRST_SSRC,
    FPS,
    Result,
    cameras,
    conditions,
    cpu_s,
    measure_floor,
    packets_by_picture,
    runs,
)

FIRST_PORT: Final = 24_000
UDP_SEGMENT, UDP_GRO = 103, 104
WAYS: Final = {"UDP": MediaTransport.UDP, "TCP": MediaTransport.TCP_ACTIVE}


def receive_streams(transport: str, count: int, gro: bool, ports: Any) -> None:
    """A process of other platforms: it reads and forgets. Puts its ports into ``ports``."""
    poll = select.epoll()
    readers: dict[int, socket.socket] = {}
    listener = None
    if transport == "UDP":
        for _ in range(count):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            if gro:
                made.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            made.bind(("127.0.0.1", 0))
            made.setblocking(False)
            readers[made.fileno()] = made
            poll.register(made.fileno(), select.EPOLLIN)
        ports.put([made.getsockname()[1] for made in readers.values()])
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        poll.register(listener.fileno(), select.EPOLLIN)
        ports.put([listener.getsockname()[1]] * count)
    whole = bytearray(256 << 10)
    while True:
        for fd, _ in poll.poll():
            if listener is not None and fd == listener.fileno():
                made, _ = listener.accept()
                made.setblocking(False)
                readers[made.fileno()] = made
                poll.register(made.fileno(), select.EPOLLIN)
                continue
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while readers[fd].recv_into(whole):
                    pass
        time.sleep(0.01)


@contextlib.contextmanager
def platforms(transport: str, count: int, gro: bool) -> Iterator[Sequence[int]]:
    """The receiving process and its ports."""
    spawn = multiprocessing.get_context("spawn")
    ports = spawn.Queue()
    process = spawn.Process(target=receive_streams, args=(transport, count, gro, ports), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=60)
    finally:
        process.kill()
        process.join()


async def measure(transport: str, count: int, options: argparse.Namespace) -> tuple[Result, int]:
    """One point with the data plane, and how many frames its senders dropped."""
    settings = MediaSettings(
        host="127.0.0.1", port=0, rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 4_000}", nap_ms=options.nap_ms,
        threads=options.threads,
    )  # fmt: skip
    plane = MediaPlane(settings)
    await plane.open()
    way = MediaTransport.UDP if transport == "UDP" else MediaTransport.TCP_PASSIVE
    sessions: list[MediaSession] = [
        await plane.open_session(transport=way, ssrc=None, label=str(number)) for number in range(count)
    ]
    senders: list[RtpSender] = []
    targets = [(session.port, FIRST_SSRC + number) for number, session in enumerate(sessions)]
    name = "UDP" if transport == "UDP" else "TCP_PASSIVE"
    try:
        with platforms(transport, count, not options.no_gro) as ports, cameras(name, targets, False):
            await asyncio.gather(*(session.wait_first_keyframe(30) for session in sessions))
            for number, (session, port) in enumerate(zip(sessions, ports, strict=True)):
                request = SenderRequest(
                    transport=WAYS[transport], ssrc=FIRST_SSRC + number, host="127.0.0.1", port=port
                )
                senders.append(session.attach_sender(request))
                senders[-1].start()
            while not all(sender.stats().form == "passed" for sender in senders):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(2.0)
            before, cpu, at = sent(senders), cpu_s(), time.monotonic()
            await asyncio.sleep(options.seconds)
            used, passed, after = cpu_s() - cpu, time.monotonic() - at, sent(senders)
            dropped = sum(sender.stats().dropped_frames for sender in senders)
            lost = sum(row.lost for row in plane.snapshot())
    finally:
        await plane.close()
    result = Result(used * 1000 / count / passed, (after - before) * 8 / 1e6 / count / passed, lost)
    return result, dropped


def sent(senders: Sequence[RtpSender]) -> int:
    return sum(sender.stats().payload_bytes for sender in senders)


def send_floor(transport: str, count: int, options: argparse.Namespace) -> float:
    """CPU of a loop that only sends: one call for each picture."""
    stream = packets_by_picture()
    with platforms(transport, count, not options.no_gro) as ports:
        sockets = []
        for port in ports:
            kind = socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM
            made = socket.socket(socket.AF_INET, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
            if transport == "UDP":
                made.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1_412)
            made.connect(("127.0.0.1", port))
            sockets.append(made)
        udp = transport == "UDP"
        wires = [runs(p, True) if udp else [b"".join(map(frame_for_tcp, p))] for p in stream]
        cpu, at, picture = cpu_s(), time.monotonic(), 0
        while (passed := time.monotonic() - at) < options.seconds:
            # Rounds of 5 ms, as the plane has them: every stream has its turn each 40 ms.
            due = int(passed * FPS * count)
            while picture < due:
                for wire in wires[picture // count % len(wires)]:
                    sockets[picture % count].sendall(wire) if not udp else sockets[picture % count].send(wire)
                picture += 1
            time.sleep(0.005)
        used = cpu_s() - cpu
        for made in sockets:
            made.close()
    return used * 1000 / count / options.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU cost of receiving media and sending it on.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--streams", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--transports", nargs="+", choices=sorted(WAYS), default=["UDP", "TCP"])
    parser.add_argument("--threads", type=int, default=0, help="receiving threads; 0 = the default")
    parser.add_argument("--nap-ms", type=float, default=5.0)
    parser.add_argument("--no-gro", action="store_true", help="receivers take one datagram at a time")
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args()
    print(next(iter(conditions(options, Path()))))
    print(f"load       {os.getloadavg()[0]:.1f} before the start")
    print("stream     4 Mbit/s, H.264 in PS with G.711A, 25 pictures/s, key frame every 2 s, loopback")
    print(f"plane      {options.threads or 'default'} threads, naps of {options.nap_ms:g} ms, no viewers")
    print(f"receivers  {'one datagram at a time' if options.no_gro else 'UDP GRO'}, in another process")
    print("\nCPU milliseconds of one core for each stream-second (aim: ingest and relay 0.8 at 200)")
    names = ("floor in", "floor out", "relay", "Mbit/s")
    columns = " ".join(f"{name:>9}" for name in names)
    print(f"{'transport':9} {'streams':>7} {columns} {'lost':>6} {'dropped':>7}")
    for transport in options.transports:
        for count in options.streams:
            way = "UDP" if transport == "UDP" else "TCP_PASSIVE"
            floors = ["-", "-"]
            if not options.no_floor:
                floors = [
                    f"{measure_floor(way, count, options.seconds, False).cpu_ms:.3f}",
                    f"{send_floor(transport, count, options):.3f}",
                ]
            result, dropped = asyncio.run(measure(transport, count, options))
            print(
                f"{transport:9} {count:7} {floors[0]:>9} {floors[1]:>9} {result.cpu_ms:9.3f}"
                f" {result.mbit_s:9.2f} {result.lost:6} {dropped:7}",
                flush=True,
            )


if __name__ == "__main__":
    main()
