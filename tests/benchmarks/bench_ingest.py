"""CPU cost of receiving media: milliseconds of one core for each second of one stream.

``python tests/benchmarks/bench_ingest.py [--seconds 5] [--streams 1 50 200] [--directory DIR]``

Streams of 4 Mbit/s (H.264 in PS with G.711A, 25 pictures a second, a key frame every 2 s) are sent over
loopback by other processes from prebuilt packets, one picture at a time as cameras do, with sendmmsg.
Measured is the CPU time (getrusage, user and system, all threads) of the receiving process: the kernel's work
for its reads is in it, the senders' work is not. The floor is a loop in Python that only empties the same
sockets with recvmmsg or large reads; with one stream it shows what waking up costs. Datagrams are sent one
by one: loopback joins none, so the gain of UDP GRO on a real network is not in the numbers (``--gso`` sends
runs, the best case). ``UDP_SHARED`` and ``TCP_SHARED`` are all streams on one port, told apart by their SSRC;
the floor of ``UDP_SHARED`` empties one socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import platform
import random
import resource
import select
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from media.nal import VideoCodec, split_nal_units
from media.ps import PsMuxer
from media.ps_format import AudioCodec
from media.rtp import frame_for_tcp, rtp_packetize
from media.session import MediaPlane, MediaSession, MediaTransport, RecorderFact
from media.settings import MediaSettings, ReceiveOn

FPS: Final = 25
GOP: Final = 50
KEY_BYTES: Final = 100_000
OTHER_BYTES: Final = 18_000
LOOP_S: Final = 8
"""Length of the prebuilt stream; it begins anew at its end, as a restarted camera would."""
SETTLE_S: Final = 2 * GOP / FPS + 0.5
"""Until each stream has taken memory for a whole group of pictures and has begun to use it again: that the
kernel clears 200 MB once, at the start, is no cost of a stream-second."""
NAP_S: Final = 0.005
BATCH: Final = 32
FIRST_PORT: Final = 24_000
SHARED_PORT: Final = 23_900
FIRST_SSRC: Final = 200_000_000
SEGMENT_BYTES: Final = 1_412
"""Payload and RTP header of a full packet."""
TRANSPORTS: Final = ("UDP", "UDP_SHARED", "TCP_PASSIVE", "TCP_SHARED")


def parameter_sets() -> bytes:
    """SPS and PPS of a true 1920x1080 picture, so that the receiver has something to describe."""
    encoder = av.CodecContext.create("libx264", "w")
    if not isinstance(encoder, av.VideoCodecContext):
        raise SystemExit("this PyAV has no H.264 encoder")
    encoder.width, encoder.height, encoder.pix_fmt = 1920, 1080, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, FPS), {"preset": "ultrafast", "tune": "zerolatency"}
    encoder.thread_count = 1
    [packet, *_] = [*encoder.encode(av.VideoFrame(1920, 1080, "yuv420p")), *encoder.encode(None)]
    units = [unit for unit in split_nal_units(bytes(packet)) if unit[0] & 0x1F in (7, 8)]
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def pictures() -> Iterator[tuple[bytes, bool]]:
    """Annex B access units of the right sizes. Slices are noise without zeros: nothing here decodes them."""
    noise = random.Random(1)
    sets = parameter_sets()
    body = bytes(noise.randrange(1, 256) for _ in range(KEY_BYTES))
    for index in range(LOOP_S * FPS):
        if index % GOP == 0:
            yield sets + b"\0\0\0\1\x65\x88" + body, True
        else:
            yield b"\0\0\0\1\x41\x9a" + body[:OTHER_BYTES], False


def packets_by_picture() -> list[list[bytes]]:
    """The stream as serialized RTP packets."""
    muxer = PsMuxer(VideoCodec.H264, AudioCodec.G711A)
    sequence, result = 0, []
    for index, (annexb, keyframe) in enumerate(pictures()):
        pts = 90_000 + index * 90_000 // FPS
        pack = muxer.mux_video(annexb, pts, keyframe=keyframe, audio=b"\xd5" * (8_000 // FPS))
        packets = rtp_packetize(pack, sequence=sequence, timestamp=pts, ssrc=1)
        sequence += len(packets)
        result.append([packet.serialize() for packet in packets])
    return result


class IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    """``struct msghdr`` of Linux on 64 bits."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(IoVector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Message(ctypes.Structure):
    """``struct mmsghdr``."""

    _fields_ = (("header", Header), ("received", ctypes.c_uint32))


LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass
class Batch:
    """Messages for one call, with the memory that they point to."""

    messages: Any
    kept: list[Any]

    @classmethod
    def of(cls, buffers: Sequence[Any]) -> Batch:
        messages = (Message * len(buffers))()
        vectors = (IoVector * len(buffers))()
        for index, buffer in enumerate(buffers):
            vectors[index] = IoVector(ctypes.cast(buffer, ctypes.c_void_p).value, len(buffer))
            messages[index].header.vectors = ctypes.pointer(vectors[index])
            messages[index].header.vector_count = 1
        return cls(messages, [*buffers, vectors])

    def send(self, fd: int) -> None:
        done = 0
        while done < len(self.messages):
            rest = ctypes.byref(self.messages, done * ctypes.sizeof(Message))
            sent = LIBC.sendmmsg(fd, rest, len(self.messages) - done, 0)
            if sent < 0:
                return  # the receiver has closed
            done += sent

    def set_ssrc(self, ssrc: int) -> None:
        """Write the SSRC of a camera into its packets; the kernel has copied those sent before."""
        for buffer in self.kept[:-1]:
            for start in range(0, len(buffer), SEGMENT_BYTES):
                struct.pack_into("!I", buffer, start + 8, ssrc)

    def receive(self, fd: int) -> int:
        return int(LIBC.recvmmsg(fd, self.messages, len(self.messages), socket.MSG_DONTWAIT, None))


Target = tuple[int, int]
"""Port and SSRC of one camera."""


def is_udp(transport: str) -> bool:
    return transport.startswith("UDP")


def is_shared(transport: str) -> bool:
    return transport.endswith("_SHARED")


def send_streams(
    transport: str, targets: Sequence[Target], phase_s: float, gso: bool, cores: Sequence[int], ready: Any
) -> None:
    """A process of cameras: each sends a picture every 40 ms, spread evenly over that time."""
    resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)
    if cores:
        os.sched_setaffinity(0, cores)
    stream = packets_by_picture()
    sockets = [connected(transport, port, gso) for port, _ in targets]
    if is_udp(transport):
        batches = [
            Batch.of([(ctypes.c_char * len(p)).from_buffer_copy(p) for p in runs(packets, gso)])
            for packets in stream
        ]
    else:
        wires = [bytearray(b"".join(map(frame_for_tcp, packets))) for packets in stream]
        places = [ssrc_places(packets) for packets in stream]
    ready.set()
    start, picture = time.monotonic() + phase_s, 0
    with contextlib.suppress(ConnectionError):
        while True:
            for number, made in enumerate(sockets):
                at = start + (picture + number / len(sockets)) / FPS
                if (left := at - time.monotonic()) > 0.001:
                    time.sleep(left)
                at_picture, ssrc = picture % len(stream), targets[number][1]
                if is_udp(transport):
                    if is_shared(transport):
                        batches[at_picture].set_ssrc(ssrc)
                    batches[at_picture].send(made.fileno())
                    continue
                if is_shared(transport):
                    for place in places[at_picture]:
                        struct.pack_into("!I", wires[at_picture], place, ssrc)
                made.sendall(wires[at_picture])
            picture += 1


def ssrc_places(packets: Sequence[bytes]) -> list[int]:
    """Where the SSRCs are in the packets of a picture, each behind its length of two bytes."""
    starts = itertools.accumulate((2 + len(packet) for packet in packets), initial=0)
    return [start + 2 + 8 for start in itertools.islice(starts, len(packets))]


def runs(packets: list[bytes], gso: bool) -> list[bytes]:
    """With GSO up to 40 packets of equal size go as one buffer."""
    if not gso:
        return packets
    return [b"".join(packets[start : start + 40]) for start in range(0, len(packets), 40)]


def connected(transport: str, port: int, gso: bool) -> socket.socket:
    kind = socket.SOCK_DGRAM if is_udp(transport) else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    if gso and is_udp(transport):
        made.setsockopt(socket.IPPROTO_UDP, 103, SEGMENT_BYTES)  # UDP_SEGMENT
    made.connect(("127.0.0.1", port))
    return made


@contextlib.contextmanager
def cameras(
    transport: str, targets: Sequence[Target], gso: bool, cores: Sequence[int] = ()
) -> Iterator[None]:
    """Sending processes, on these cores if any are named; stopped at the end."""
    spawn = multiprocessing.get_context("spawn")
    count = 1 if len(targets) < 100 else 2
    senders, flags = [], []
    for index in range(count):
        ready = spawn.Event()
        phase_s = index / count / FPS / len(targets)
        arguments = (transport, list(targets[index::count]), phase_s, gso, cores, ready)
        senders.append(spawn.Process(target=send_streams, args=arguments, daemon=True))
        flags.append(ready)
    for sender in senders:
        sender.start()
    try:
        for ready in flags:
            ready.wait(60)
        yield
    finally:
        for sender in senders:
            sender.kill()
            sender.join()


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Result:
    cpu_ms: float
    mbit_s: float
    lost: int


async def measure(
    transport: str, count: int, seconds: float, directory: Path | None, options: argparse.Namespace
) -> Result:
    """One point with the data plane."""
    receive_on = ReceiveOn.SHARED_PORT if is_shared(transport) else ReceiveOn.OWN_PORT
    settings = MediaSettings(
        host="127.0.0.1", port=0, rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 8_000}", nap_ms=options.nap_ms,
        threads=options.threads, receive_on=receive_on,
        shared_udp_port=SHARED_PORT, shared_tcp_port=SHARED_PORT,
    )  # fmt: skip
    plane = MediaPlane(settings)
    await plane.open()
    facts: list[RecorderFact] = []
    sessions: list[MediaSession] = []
    targets: list[Target] = []
    way = MediaTransport.UDP if is_udp(transport) else MediaTransport.TCP_PASSIVE
    for number in range(count):
        ssrc = FIRST_SSRC + number if is_shared(transport) else None
        session = await plane.open_session(transport=way, ssrc=ssrc, label=str(number))
        sessions.append(session)
        targets.append((session.port, FIRST_SSRC + number))
        if directory is not None:
            session.attach_recorder(f"{number:04x}", directory, metadata=b"", on_fact=facts.append)
    try:
        with cameras(transport, targets, options.gso, options.sender_cores):
            await asyncio.gather(*(session.wait_first_keyframe(30) for session in sessions))
            await asyncio.sleep(SETTLE_S)
            before, cpu, at = plane.snapshot(), cpu_s(), time.monotonic()
            await asyncio.sleep(seconds)
            used, passed, after = cpu_s() - cpu, time.monotonic() - at, plane.snapshot()
    finally:
        await plane.close()
    received = sum(row.bytes for row in after) - sum(row.bytes for row in before)
    lost = sum(row.lost for row in after) - sum(row.lost for row in before)
    return Result(used * 1000 / count / passed, received * 8 / 1e6 / count / passed, lost)


def measure_floor(transport: str, count: int, seconds: float, gso: bool) -> Result:
    """One point with a loop that only reads: recvmmsg or large reads, with the same rest between rounds."""
    ports: Sequence[int] = range(FIRST_PORT, FIRST_PORT + 2 * count, 2)
    targets = [(SHARED_PORT if is_shared(transport) else port, FIRST_SSRC + port) for port in ports]
    ports = [SHARED_PORT] if is_shared(transport) else ports
    poll = select.epoll()
    readers: dict[int, socket.socket] = {}
    listeners = []
    for port in ports:
        kind = socket.SOCK_DGRAM if is_udp(transport) else socket.SOCK_STREAM
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        if is_udp(transport):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            if gso:
                made.setsockopt(socket.IPPROTO_UDP, 104, 1)
            readers[made.fileno()] = made
        else:
            made.listen(1_024)
            listeners.append(made)
    buffers = Batch.of([(ctypes.c_char * 65_536)() for _ in range(BATCH)])
    whole = bytearray(256 << 10)
    with cameras(transport, targets, gso):
        for listener in listeners * (count // max(1, len(listeners))):
            connection, _ = listener.accept()
            connection.setblocking(False)
            readers[connection.fileno()] = connection
        for fd in readers:
            poll.register(fd, select.EPOLLIN)
        received = 0

        def drain(until: float) -> None:
            nonlocal received
            while time.monotonic() < until:
                for fd, _ in poll.poll(0.1):
                    if not is_udp(transport):
                        received += readers[fd].recv_into(whole)
                        continue
                    while (taken := buffers.receive(fd)) > 0:
                        received += sum(buffers.messages[index].received for index in range(taken))
                        if taken < BATCH:
                            break
                time.sleep(NAP_S)

        drain(time.monotonic() + 1.5)
        received, cpu, at = 0, cpu_s(), time.monotonic()
        drain(at + seconds)
        used, passed = cpu_s() - cpu, time.monotonic() - at
    poll.close()
    for open_socket in (*readers.values(), *listeners):
        open_socket.close()
    return Result(used * 1000 / count / passed, received * 8 / 1e6 / count / passed, 0)


def conditions(options: argparse.Namespace, directory: Path) -> Iterator[str]:
    model = "unknown processor"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    yield f"machine    {model}, {os.cpu_count()} cores, {software}"
    yield f"load       {os.getloadavg()[0]:.1f} before the start"
    yield (
        f"stream     4 Mbit/s, H.264 in PS with G.711A, 25 pictures/s, key frame every 2 s, loopback,"
        f" {'GSO runs of 40' if options.gso else 'single datagrams of 1,412 bytes'}"
    )
    yield f"plane      {options.threads or 'default'} threads, naps of {options.nap_ms:g} ms, no viewers"
    yield f"recording  to {directory}, {shutil.disk_usage(directory).free >> 30} GiB free, segments of 60 s"
    yield f"window     {options.seconds:g} s for each point"


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU cost of receiving media.")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--transports", nargs="+", choices=TRANSPORTS, default=TRANSPORTS)
    parser.add_argument("--threads", type=int, default=0, help="receiving threads; 0 = the default")
    parser.add_argument("--nap-ms", type=float, default=5.0)
    parser.add_argument("--gso", action="store_true", help="send runs of datagrams (best case of UDP GRO)")
    parser.add_argument("--no-floor", action="store_true")
    parser.add_argument("--directory", type=Path, help="where recordings go; default: a temporary directory")
    options = parser.parse_args()
    options.sender_cores = ()
    with tempfile.TemporaryDirectory(dir=options.directory) as temporary:
        directory = Path(temporary)
        print("\n".join(conditions(options, directory)))
        print("\nCPU ms of one core for each stream-second (aims at 200: 2 x floor and 0.4, recording 0.7)")
        names = ("floor", "ingest", "+record", "Mbit/s")
        print(f"{'transport':12} {'streams':>7} {' '.join(f'{name:>8}' for name in names)} {'lost':>6}")
        for transport in options.transports:
            for count in options.streams:
                floor = (
                    None
                    if options.no_floor
                    else measure_floor(transport, count, options.seconds, options.gso)
                )
                ingest = asyncio.run(measure(transport, count, options.seconds, None, options))
                point = directory / f"{transport}-{count}"
                point.mkdir()
                record = asyncio.run(measure(transport, count, options.seconds, point, options))
                shutil.rmtree(point)
                shown = "-" if floor is None else f"{floor.cpu_ms:.3f}"
                print(
                    f"{transport:12} {count:7} {shown:>8} {ingest.cpu_ms:8.3f} {record.cpu_ms:8.3f}"
                    f" {ingest.mbit_s:8.2f} {ingest.lost + record.lost:6}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
