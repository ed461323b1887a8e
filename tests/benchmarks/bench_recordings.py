"""Our own recordings for other platforms: CPU, memory and the end of hundreds of playbacks at once.

``python tests/benchmarks/bench_recordings.py [--seconds 8] [--sessions 200] [--transports UDP TCP]``

A film of 4 Mbit/s (the stream of ``bench_ingest``) is recorded by the plane itself, in files of 5 s, and
copied a few times; each playback takes one copy and goes as RTP with a program stream to a receiver of its
own, in another process that counts what comes and forgets it. Measured is the CPU time of the playing process
for each second of a stream: reading, packing and sending, the kernel's part included. The floor is a loop
that sends the same bytes, picture by picture (``bench_relay``). The files lie in the page cache.

At the end every playback has to say that it has ended behind its last picture, every picture has to have gone
out, and every byte to have come; what fell short is printed. Memory is what the process grew by, for each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import select
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from media.nal import VideoCodec
from media.ps import PsMuxer
from media.ps_format import AudioCodec
from media.recordings import Play, RecordedSegment, RecordingStream
from media.rtp import rtp_packetize
from media.session import (
    MediaPlane,
    MediaTransport,
    RecorderDetached,
    RecorderFact,
    RtpSender,
    SegmentClosed,
    SenderRequest,
)
from media.settings import MediaSettings
from tests.benchmarks.bench_ingest import FPS, conditions, cpu_s, pictures
from tests.benchmarks.bench_relay import UDP_GRO, WAYS, send_floor

PORTS: Final = "30000-34000"
COPIES: Final = 20
"""Of the film: playbacks of the same place read the same file."""
START_S: Final = 3.0
"""From the first playback to the measurement."""
RTP_HEADER_BYTES: Final = 12
FRAMING_BYTES: Final = 2
RTCP_TYPES: Final = range(200, 205)


def receive(transport: str, count: int, ports: Any, received: Any) -> None:
    """A process of other platforms: counts the bytes of each, and forgets them."""
    poll = select.epoll()
    readers: dict[int, tuple[int, socket.socket]] = {}
    listeners: dict[int, tuple[int, socket.socket]] = {}
    for number in range(count):
        if transport == "UDP":
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            made.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            made.bind(("127.0.0.1", 0))
            readers[made.fileno()] = number, made
        else:
            made = socket.create_server(("127.0.0.1", 0), backlog=4)
            listeners[made.fileno()] = number, made
        made.setblocking(False)
        poll.register(made.fileno(), select.EPOLLIN)
    ports.put([made.getsockname()[1] for _, made in (readers or listeners).values()])
    whole = bytearray(256 << 10)
    while True:
        for fd, _ in poll.poll():
            if fd in listeners:
                number, listener = listeners[fd]
                made, _ = listener.accept()
                made.setblocking(False)
                readers[made.fileno()] = number, made
                poll.register(made.fileno(), select.EPOLLIN)
                continue
            number, reader = readers[fd]
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while (taken := reader.recv_into(whole)) > 0:
                    # A neighbour's RTCP comes to the port behind its own.
                    if transport != "UDP" or whole[1] not in RTCP_TYPES:
                        received[number] += taken
                poll.unregister(fd)
                readers.pop(fd)[1].close()
        time.sleep(0.01)


@contextlib.contextmanager
def receivers(transport: str, count: int) -> Iterator[tuple[Sequence[int], Any]]:
    """The receiving process: its ports, and the bytes that came to each."""
    spawn = multiprocessing.get_context("spawn")
    ports, received = spawn.Queue(), spawn.RawArray("q", count)
    process = spawn.Process(target=receive, args=(transport, count, ports, received), daemon=True)
    process.start()
    try:
        yield ports.get(timeout=60), received
    finally:
        process.kill()
        process.join()


def film_packets(count: int) -> Iterator[list[bytes]]:
    """RTP of the stream of ``bench_ingest``, with numbers that go on where its pictures begin anew."""
    muxer, sequence = PsMuxer(VideoCodec.H264, AudioCodec.G711A), 0
    for index, (annexb, keyframe) in enumerate(itertools.islice(itertools.cycle(pictures()), count)):
        pts = 90_000 + index * 90_000 // FPS
        pack = muxer.mux_video(annexb, pts, keyframe=keyframe, audio=b"\xd5" * (8_000 // FPS))
        packets = rtp_packetize(pack, sequence=sequence & 0xFFFF, timestamp=pts, ssrc=1)
        sequence += len(packets)
        yield [packet.serialize() for packet in packets]


async def record(directory: Path, count: int) -> list[RecordedSegment]:
    """A film of ``count`` pictures; its times are those of the pictures, not of their sending."""
    plane = MediaPlane(MediaSettings(host="127.0.0.1", port=0, rtp_ports=PORTS))
    await plane.open()
    facts: list[RecorderFact] = []
    try:
        session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="film")
        session.attach_recorder("00ff", directory, segment_s=5.0, metadata=b"", on_fact=facts.append)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for packets in film_packets(count):
                for packet in packets:
                    out.sendto(packet, ("127.0.0.1", session.port))
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
        await session.close("recorded")
        while not any(isinstance(fact, RecorderDetached) for fact in facts):  # noqa: ASYNC110  (no event tells it)
            await asyncio.sleep(0.05)
    finally:
        await plane.close()
    closed = [fact for fact in facts if isinstance(fact, SegmentClosed)]
    segments, at = [], closed[0].start_time
    for fact in closed:
        end = at + timedelta(seconds=fact.duration_s)
        path = directory / f"{fact.segment_id}.mp4"
        segments.append(RecordedSegment(path, at, end, fact.audio_codec or ""))
        at = end
    return segments


def copied(segments: Sequence[RecordedSegment], directory: Path) -> list[RecordedSegment]:
    directory.mkdir()
    paths = [Path(shutil.copy(segment.path, directory)) for segment in segments]
    return [
        RecordedSegment(path, segment.start_time, segment.end_time, segment.audio_codec)
        for path, segment in zip(paths, segments, strict=True)
    ]


@dataclass
class Result:
    cpu_ms: float
    mbit_s: float
    grown_kb: float
    held_kb: float
    faults: list[str]


def memory_kb() -> int:
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def measure(
    transport: str, films: Sequence[list[RecordedSegment]], count: int, options: argparse.Namespace
) -> Result:
    plane = MediaPlane(
        MediaSettings(host="127.0.0.1", port=0, rtp_ports=PORTS, playback_threads=options.threads)
    )
    await plane.open()
    streams: list[RecordingStream] = []
    relays: list[RtpSender] = []
    try:
        with receivers(transport, count) as (ports, received):
            before_kb = memory_kb()
            for number, port in enumerate(ports):
                film = films[number % len(films)]
                stream = await plane.open_recordings(
                    film, film[0].start_time, film[-1].end_time, Play(paused=True), label=str(number)
                )
                await stream.wait_started(30)
                request = SenderRequest(
                    transport=WAYS[transport], ssrc=200_000_000 + number, host="127.0.0.1", port=port
                )
                relays.append(stream.session.attach_sender(request))
                streams.append(stream)
                relays[-1].start()
            begun = time.monotonic()
            for number, stream in enumerate(streams):
                # As if they had been asked for at any time.
                await asyncio.sleep(max(0.0, begun + number / count - time.monotonic()))
                stream.resume()
            await asyncio.sleep(START_S - 1.0)
            before, cpu, at = sum(received), cpu_s(), time.monotonic()
            await asyncio.sleep(options.seconds)
            used, passed, taken = cpu_s() - cpu, time.monotonic() - at, sum(received) - before
            grown_kb = memory_kb() - before_kb
            held_kb = max(stream.stats().held_bytes for stream in streams) / 1024
            faults = [fault async for fault in at_the_end(streams, relays, received, options.pictures)]
    finally:
        await plane.close()
    return Result(
        used * 1000 / count / passed, taken * 8 / 1e6 / count / passed, grown_kb / count, held_kb, faults
    )


async def at_the_end(
    streams: Sequence[RecordingStream], relays: Sequence[RtpSender], received: Any, count: int
) -> Any:
    """What is not as it should be when all have ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            await asyncio.gather(*(stream.wait_ended() for stream in streams))
    await asyncio.sleep(1.0)
    for number, (stream, relay) in enumerate(zip(streams, relays, strict=True)):
        reason = stream.ended.reason if stream.ended else "none"
        sent, shown = relay.stats(), stream.stats()
        if reason != "end of recordings":
            yield f"{number}: the end is {reason}"
        if (shown.pictures, sent.frames, sent.dropped_frames) != (count, count, 0):
            yield f"{number}: {shown.pictures} pictures, {sent.frames} sent, {sent.dropped_frames} dropped"
        framing = RTP_HEADER_BYTES + (0 if sent.transport == "UDP" else FRAMING_BYTES)
        if received[number] != (wanted := sent.payload_bytes + framing * sent.packets):
            yield f"{number}: {received[number]} bytes of {wanted} came"
        if shown.starved or shown.files_skipped:
            yield f"{number}: waited for the disk {shown.starved} times, {shown.files_skipped} files left out"


async def run(options: argparse.Namespace, directory: Path) -> None:
    options.pictures = int((START_S + options.seconds + 2.0) * FPS)
    film = await record(directory, options.pictures)
    films = [film, *(copied(film, directory / str(number)) for number in range(1, COPIES))]
    print("\nCPU milliseconds of one core for each stream-second, memory for each playback")
    names = ("floor out", "plays", "Mbit/s", "grown kB", "held kB")
    print(f"{'transport':9} {'sessions':>8} {' '.join(f'{name:>9}' for name in names)} faults")
    for transport in options.transports:
        for count in options.sessions:
            floor = "-" if options.no_floor else f"{send_floor(transport, count, options):.3f}"
            result = await measure(transport, films, count, options)
            print(
                f"{transport:9} {count:8} {floor:>9} {result.cpu_ms:9.3f} {result.mbit_s:9.2f}"
                f" {result.grown_kb:9.0f} {result.held_kb:9.0f} {len(result.faults)}",
                flush=True,
            )
            for fault in result.faults[:5]:
                print(f"          {fault}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU cost of recordings that are played.")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement")
    parser.add_argument("--sessions", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--transports", nargs="+", choices=sorted(WAYS), default=["UDP", "TCP"])
    parser.add_argument("--threads", type=int, default=2, help="threads that read files")
    parser.add_argument("--directory", type=Path, help="where the film goes; default: a temporary directory")
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args()
    options.no_gro = False
    options.gso, options.nap_ms = True, 5.0
    print(next(iter(conditions(options, Path()))))
    print(f"load       {os.getloadavg()[0]:.1f} before the start")
    print("film       4 Mbit/s, H.264 with G.711A, 25 pictures/s, key frame every 2 s, files of 5 s")
    print(f"plane      {options.threads} reading threads; receivers with UDP GRO, in another process")
    with tempfile.TemporaryDirectory(dir=options.directory) as temporary:
        asyncio.run(run(options, Path(temporary)))


if __name__ == "__main__":
    main()
