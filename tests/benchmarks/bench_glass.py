"""What the platform adds between a camera and a viewer: wall time for each picture, fMP4 over WebSocket.

``python tests/benchmarks/bench_glass.py [--seconds 8] [--streams 1 50 200]``

From the moment when the camera has given the last packet of a picture to the kernel, to the moment when a
viewer has read the whole fragment with that picture. Each picture carries its number, so nothing is guessed.
Cameras (H.264 in PS with G.711A, 4 Mbit/s, 25 pictures/s, RTP over UDP) and viewers (one of each stream) are
other processes.

This is wall time, and on a machine with few cores it is mostly the time until somebody else lets go of one.
So the same cameras and viewers are measured around a bare relay as well: one loop that reads datagrams and
writes each picture to a connection when its last packet has come, and does nothing else. What is above that
is ours: the naps of the receiving threads (``nap_ms``), and the work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from media.nal import VideoCodec
from media.ps import PsMuxer
from media.ps_format import AudioCodec
from media.rtp import rtp_packetize
from media.session import MediaPlane, MediaTransport
from media.settings import MediaSettings
from tests.benchmarks.bench_ingest import BATCH, FPS, GOP, Batch, conditions, connected, pictures
from tests.benchmarks.bench_viewers import address_of

FIRST_PORT: Final = 34_000
MARK: Final = b"\xa7TONGSHI\xa7"
"""Before the number of a picture, which is four bytes of seven bits each: no start code comes about."""
MARK_WITHIN_BYTES: Final = 4_096
WARM_S: Final = 4.0
"""At the start a picture is known to be whole only when the next one begins (``ingest/endings.rs``)."""
LAST_S: Final = 4.0
READ_BYTES: Final = 256 << 10

Times = Any
"""Nanoseconds of the monotonic clock, by stream and picture, in memory that all processes share."""


def number_bytes(number: int) -> bytes:
    return bytes(0x80 | number >> shift & 0x7F for shift in (21, 14, 7, 0))


def number_of(data: bytes | bytearray | memoryview, mark_at: int) -> int:
    first, second, third, fourth = (byte & 0x7F for byte in data[mark_at + len(MARK) :][:4])
    return first << 21 | second << 14 | third << 7 | fourth


def stream_packets(count: int) -> Iterator[list[bytes]]:
    """RTP of ``count`` pictures that know their numbers."""
    muxer, sequence, plain = PsMuxer(VideoCodec.H264, AudioCodec.G711A), 0, list(pictures())[: 2 * GOP]
    for index in range(count):
        annexb, keyframe = plain[index % len(plain)]
        mark_at = annexb.rindex(b"\0\0\0\1") + 6
        marked = MARK + number_bytes(index)
        annexb = annexb[:mark_at] + marked + annexb[mark_at + len(marked) :]
        pts = 90_000 + index * 90_000 // FPS
        pack = muxer.mux_video(annexb, pts, keyframe=keyframe, audio=b"\xd5" * (8_000 // FPS))
        packets = rtp_packetize(pack, sequence=sequence & 0xFFFF, timestamp=pts, ssrc=1)
        sequence += len(packets)
        yield [packet.serialize() for packet in packets]


def run_cameras(streams: Sequence[tuple[int, int]], of: int, count: int, sent: Times, ready: Any) -> None:
    """A process of cameras: ``streams`` are their numbers and ports. Each sends a picture every 40 ms."""
    batches = [
        Batch.of([(ctypes.c_char * len(packet)).from_buffer_copy(packet) for packet in packets])
        for packets in stream_packets(count)
    ]
    sockets = [connected("UDP", port, False) for _, port in streams]
    ready.set()
    start = time.monotonic()
    for picture, batch in enumerate(batches):
        for (stream, _), made in zip(streams, sockets, strict=True):
            due = start + (picture + stream / of) / FPS
            if (left := due - time.monotonic()) > 0.0005:
                time.sleep(left)
            batch.send(made.fileno())
            sent[stream * count + picture] = time.monotonic_ns()
    time.sleep(60)


@dataclass
class Viewer:
    stream: int
    connection: socket.socket
    is_websocket: bool
    held: bytearray
    is_answered: bool = False


def run_viewers(
    targets: Sequence[tuple[str, int, bytes]], count: int, got: Times, is_websocket: bool, ready: Any
) -> None:
    """A process of viewers, one of each stream: notes when each picture was whole."""
    poll, viewers = select.epoll(), {}
    for stream, (host, port, request) in enumerate(targets):
        made = socket.create_connection((host, port))
        made.sendall(request)
        made.setblocking(False)
        viewers[made.fileno()] = Viewer(stream, made, is_websocket, bytearray(), not is_websocket)
        poll.register(made.fileno(), select.EPOLLIN)
    buffer = memoryview(bytearray(READ_BYTES))
    ready.set()
    while viewers:
        for fd, _ in poll.poll(1.0):
            viewer = viewers[fd]
            try:
                taken = viewer.connection.recv_into(buffer)
            except BlockingIOError:
                continue
            except ConnectionError:
                taken = 0
            if taken == 0:
                poll.unregister(fd)
                viewers.pop(fd).connection.close()
                continue
            viewer.held += buffer[:taken]
            for number in whole_pictures(viewer):
                if number < count:
                    got[viewer.stream * count + number] = time.monotonic_ns()


def whole_pictures(viewer: Viewer) -> list[int]:
    """Takes whole messages; the numbers of the pictures in them."""
    numbers: list[int] = []
    held, at = viewer.held, 0
    if not viewer.is_answered:
        if (end := held.find(b"\r\n\r\n")) < 0:
            return []
        viewer.is_answered, at = True, end + 4
    while (size := message_size(held, at)) is not None and at + size <= len(held):
        mark_at = held.find(MARK, at, min(at + size, at + MARK_WITHIN_BYTES))
        if mark_at >= 0:
            numbers.append(number_of(held, mark_at))
        at += size
    del held[:at]
    return numbers


def message_size(held: bytearray, at: int) -> int | None:
    """Of the frame that begins there, with its head (RFC 6455 section 5.2); none: the head is not whole."""
    if len(held) < at + 10:
        return None if len(held) < at + 2 or held[at + 1] > 125 else 2 + held[at + 1]
    short = held[at + 1]
    if short < 126:
        return 2 + int(short)
    if short == 126:
        return 4 + int(struct.unpack_from("!H", held, at + 2)[0])
    return 10 + int(struct.unpack_from("!Q", held, at + 2)[0])


def run_relay(count: int, ports: Any) -> None:
    """The floor: reads datagrams, writes each picture to its viewer when the last packet has come."""
    poll = select.epoll()
    intakes: dict[int, tuple[int, socket.socket]] = {}
    for stream in range(count):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind(("127.0.0.1", 0))
        intakes[made.fileno()] = stream, made
        poll.register(made.fileno(), select.EPOLLIN)
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        ports.put(([made.getsockname()[1] for _, made in intakes.values()], listener.getsockname()[1]))
        outlets = [listener.accept()[0] for _ in range(count)]
    for made in outlets:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setblocking(False)
        made.recv(1, socket.MSG_PEEK) if select.select([made], [], [], 10)[0] else None
    buffers = [(ctypes.c_char * 2_048)() for _ in range(BATCH)]
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    batch = Batch.of(buffers)
    pending: list[list[bytes]] = [[] for _ in range(count)]
    while True:
        for fd, _ in poll.poll():
            stream, _ = intakes[fd]
            while (taken := batch.receive(fd)) > 0:
                for index in range(taken):
                    view = views[index]
                    pending[stream].append(bytes(view[12 : batch.messages[index].received]))
                    if view[1] & 0x80:
                        body = b"".join(pending[stream])
                        pending[stream].clear()
                        with contextlib.suppress(BlockingIOError):
                            outlets[stream].send(struct.pack("!BBQ", 0x82, 127, len(body)) + body)
                if taken < BATCH:
                    break


@dataclass(frozen=True)
class Result:
    p50_ms: float
    p99_ms: float
    most_ms: float
    pictures: int
    missing: int


class Scene:
    """Shared times, and the processes around what is measured."""

    def __init__(self, streams: int, seconds: float) -> None:
        self.streams = streams
        self.seconds = seconds
        self.count = int((WARM_S + seconds + LAST_S) * FPS)
        self.spawn = multiprocessing.get_context("spawn")
        self.sent: Times = self.spawn.RawArray("q", streams * self.count)
        self.got: Times = self.spawn.RawArray("q", streams * self.count)
        self._processes: list[Any] = []

    def start(self, target: Callable[..., None], *arguments: Any) -> None:
        process = self.spawn.Process(target=target, args=arguments, daemon=True)
        process.start()
        self._processes.append(process)

    def start_and_wait(self, target: Callable[..., None], *arguments: Any) -> None:
        ready = self.spawn.Event()
        self.start(target, *arguments, ready)
        if not ready.wait(60):
            raise SystemExit("a process of the load did not start")

    def start_cameras(self, ports: Sequence[int]) -> None:
        numbered = list(enumerate(ports))
        processes = 1 if self.streams < 100 else 2
        for index in range(processes):
            part = numbered[index::processes]
            self.start_and_wait(run_cameras, part, self.streams, self.count, self.sent)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def result(self) -> Result:
        first, last = int(WARM_S * FPS), int((WARM_S + self.seconds) * FPS)
        passed, missing = [], 0
        for stream in range(self.streams):
            for index in range(stream * self.count + first, stream * self.count + last):
                if self.got[index]:
                    # A viewer may have a picture before its camera is given the processor again.
                    passed.append(max(0, self.got[index] - self.sent[index]) / 1e6)
                else:
                    missing += 1
        passed.sort()
        if not passed:
            return Result(0.0, 0.0, 0.0, 0, missing)
        return Result(
            passed[len(passed) // 2], passed[len(passed) * 99 // 100], passed[-1], len(passed), missing
        )


async def measure(streams: int, options: argparse.Namespace) -> Result:
    """Around the plane."""
    scene = Scene(streams, options.seconds)
    plane = MediaPlane(
        MediaSettings(
            host="127.0.0.1",
            port=0,
            rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 2_000}",
            nap_ms=options.nap_ms,
            threads=options.threads,
            strangers_per_address=1_000,
        )
    )
    await plane.open()
    try:
        sessions = [
            await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=str(number))
            for number in range(streams)
        ]
        targets = [address_of(session.grant("glass")["fmp4_ws"]) for session in sessions]
        await asyncio.to_thread(scene.start_and_wait, run_viewers, targets, scene.count, scene.got, True)
        await asyncio.to_thread(scene.start_cameras, [session.port for session in sessions])
        await asyncio.sleep(WARM_S + options.seconds + LAST_S)
    finally:
        scene.stop()
        await plane.close()
    return scene.result()


def measure_floor(streams: int, options: argparse.Namespace) -> Result:
    """Around the bare relay."""
    scene = Scene(streams, options.seconds)
    try:
        given = scene.spawn.Queue()
        scene.start(run_relay, streams, given)
        ports, outlet = given.get(timeout=60)
        targets = [("127.0.0.1", outlet, b"x")] * streams
        scene.start_and_wait(run_viewers, targets, scene.count, scene.got, False)
        scene.start_cameras(ports)
        time.sleep(WARM_S + options.seconds + LAST_S)
    finally:
        scene.stop()
    return scene.result()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time from a camera's last packet to its viewer.")
    parser.add_argument("--seconds", type=float, default=8.0, help="of pictures that are counted")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--rounds", type=int, default=1, help="each measured so often, the floor beside it")
    parser.add_argument("--threads", type=int, default=0, help="receiving threads; 0 = the default")
    parser.add_argument("--nap-ms", type=float, default=5.0)
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args()
    print(next(iter(conditions(argparse.Namespace(**vars(options), gso=False), Path()))))
    print(f"load       {os.getloadavg()[0]:.1f} before the start")
    print("stream     4 Mbit/s, H.264 in PS with G.711A, 25 pictures/s, key frame every 2 s, UDP on loopback")
    print(f"plane      {options.threads or 'default'} threads, naps of {options.nap_ms:g} ms")
    print(f"window     {options.seconds:g} s after {WARM_S:g} s; cameras and viewers are other processes")
    print("\nMilliseconds from the camera's last packet to the whole fragment (aim: p99 60 at 200 streams)")
    print(
        f"{'streams':>7} {'what':6} {'p50':>7} {'p99':>7} {'most':>7} {'pictures':>8} {'missing':>7}",
        flush=True,
    )
    for streams in options.streams:
        for _ in range(options.rounds):
            rows = [] if options.no_floor else [("relay", measure_floor(streams, options))]
            rows.append(("plane", asyncio.run(measure(streams, options))))
            for name, row in rows:
                print(
                    f"{streams:7} {name:6} {row.p50_ms:7.2f} {row.p99_ms:7.2f} {row.most_ms:7.2f}"
                    f" {row.pictures:8} {row.missing:7}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
