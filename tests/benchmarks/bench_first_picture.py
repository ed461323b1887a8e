"""How long a viewer waits for the first picture: on a stream that runs, and on a camera that is asleep.

``python tests/benchmarks/bench_first_picture.py [--requests 100] [--starts 20] [--streams 20]``

Running: from before the connection is opened to the moment when the first key frame is read to its end, as a
fragment with its initialisation before it (``fmp4_ws``, ``fmp4_http``), as an FLV tag behind its header
(``flv_http``), as RTP behind DESCRIBE, SETUP and PLAY (``rtsp``). Aim: 50 ms. PyAV decodes what each way
gives, before the measurement.

Stopped: through the API of a platform in a process of its own, from POST ``/channels/{id}/live`` to the first
fragment over WebSocket. The camera is a simulated one in another process, which tells when it was given the
ACK and when its first picture had left: that is its own delay, and is taken off. ``late`` is a camera that
begins amid a group of pictures and sends a key frame when it is asked. Aim: 300 ms.

These are wall times: other load on the machine is in them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import multiprocessing
import os
import queue
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))

import av
import httpx

from media.session import MediaPlane, MediaTransport
from media.settings import MediaSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings, cached_loop
from sipserver.simulator.sender import RtpSender
from sipserver.simulator.settings import SimulatedDeviceSettings, nvr_settings
from tests.benchmarks.bench_ingest import conditions
from tests.benchmarks.bench_viewers import address_of
from tests.support.platform_process import (
    ADMIN_PASSWORD,
    PLATFORM_ID,
    SIP_PASSWORD,
    PlatformProcess,
    eventually,
    free_ports,
)

FIRST_PORT: Final = 37_000
PICTURES: Final = PictureSettings(width=1280, height=720, bitrate_kbps=2_000, gop_s=2.0, loop_s=4)
WAYS: Final = ("fmp4_ws", "fmp4_http", "flv_http", "rtsp")
PIECES: Final = 2
"""A description, and the unit that begins with a key frame."""
PATIENCE_S: Final = 20.0


class Connection:
    """A viewer that reads exactly."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = bytearray()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, words: bytes) -> None:
        self._socket.sendall(words)

    def exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            self._more()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def line(self, end: bytes = b"\r\n") -> bytes:
        while (at := self._held.find(end)) < 0:
            self._more()
        return self.exactly(at + len(end))

    def _more(self) -> None:
        read = self._socket.recv(256 << 10)
        if not read:
            raise SystemExit("the connection was closed")
        self._held += read


def websocket_pieces(connection: Connection) -> Iterator[bytes]:
    """Binary messages (RFC 6455 section 5.2)."""
    while True:
        kind, short = connection.exactly(2)
        size = short if short < 126 else int.from_bytes(connection.exactly(2 if short == 126 else 8))
        body = connection.exactly(size)
        if kind & 0x0F == 2:
            yield body


def chunks(connection: Connection) -> Iterator[bytes]:
    """RFC 9112 section 7.1."""
    while True:
        body = connection.exactly(int(connection.line(), 16))
        connection.exactly(2)
        yield body


def watch(url: str) -> bytes:
    """Everything up to the first picture, over HTTP or a WebSocket."""
    host, port, request = address_of(url)
    with Connection(host, port) as connection:
        connection.say(request)
        status = connection.line(b"\r\n\r\n").split(None, 2)[1]
        if status not in (b"200", b"101"):
            raise SystemExit(f"{url} answers {status.decode()}")
        pieces = websocket_pieces(connection) if status == b"101" else chunks(connection)
        return b"".join(next(pieces) for _ in range(PIECES))


def watch_rtsp(url: str) -> bytes:
    """The packets of the first picture, inside the connection."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with Connection(parts.hostname, parts.port or 554) as connection:
        ask_rtsp(connection, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp")
        transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        head = ask_rtsp(connection, f"SETUP {track_of(url)} RTSP/1.0\r\nCSeq: 2\r\n{transport}")
        session = head.lower().partition(b"session:")[2].split()[0].partition(b";")[0].decode()
        ask_rtsp(connection, f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session}")
        packets = []
        while True:
            _, channel, *size = connection.exactly(4)
            packet = connection.exactly(int.from_bytes(bytes(size)))
            if channel == 0:
                packets.append(packet)
                if packet[1] & 0x80:
                    return b"".join(packets)


def track_of(url: str) -> str:
    """The first track. The pass stays where it is: behind the path."""
    path, mark, query = url.partition("?")
    return f"{path}/track0{mark}{query}"


def ask_rtsp(connection: Connection, request: str) -> bytes:
    connection.say(f"{request}\r\n\r\n".encode())
    head = connection.line(b"\r\n\r\n")
    if head.split(None, 2)[1] != b"200":
        raise SystemExit(head.decode())
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            connection.exactly(int(line.partition(b":")[2]))
    return head


def judge(way: str, url: str) -> None:
    """What comes decodes: one picture, by PyAV."""
    if way == "rtsp":
        opened = av.open(url, mode="r", options={"rtsp_transport": "tcp"}, timeout=PATIENCE_S)
    else:
        file = "flv" if way.startswith("flv") else "mp4"
        opened = av.open(io.BytesIO(watch(url)), mode="r", format=file)
    with opened as container:
        picture = next(container.decode(video=0))
    if (picture.width, picture.height) != (PICTURES.width, PICTURES.height):
        raise SystemExit(f"{way}: another picture")


def run_viewers(urls: dict[str, list[str]], requests: int, results: Any) -> None:
    """A process that asks again and again, one after the other, at any point of the group of pictures."""
    dice = random.Random(1)
    for way, of_streams in urls.items():
        judge(way, of_streams[0])
    took: dict[str, list[float]] = {way: [] for way in urls}
    for number in range(requests):
        for way, of_streams in urls.items():
            time.sleep(dice.uniform(0.0, 0.05))
            url = of_streams[number % len(of_streams)]
            began = time.monotonic()
            watch_rtsp(url) if way == "rtsp" else watch(url)
            took[way].append(time.monotonic() - began)
    results.put(took)


def run_senders(ports: Sequence[int], ready: Any) -> None:
    """A process of cameras that send already."""
    loops = [cached_loop(replace(PICTURES, index=index)) for index in range(2)]
    senders = [
        RtpSender(loops[number % 2], 100_000_000 + number, ("127.0.0.1", port))
        for number, port in enumerate(ports)
    ]
    start = time.monotonic()
    due = [start + number / len(senders) for number in range(len(senders))]
    ready.set()
    while True:
        now = time.monotonic()
        for number, sender in enumerate(senders):
            if due[number] <= now:
                due[number] = sender.tick(now)
        time.sleep(max(0.0, min(due) - time.monotonic()))


@contextlib.contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[None]:
    made = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    made.start()
    try:
        yield
    finally:
        made.kill()
        made.join()


async def on_running_streams(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each request, by way."""
    spawn = multiprocessing.get_context("spawn")
    [rtsp_port] = free_ports(1)
    plane = MediaPlane(
        MediaSettings(
            host="127.0.0.1",
            port=0,
            rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 2_000}",
            rtsp_port=rtsp_port,
        )
    )
    await plane.open()
    try:
        sessions = [
            await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=str(number))
            for number in range(options.streams)
        ]
        ready, results = spawn.Event(), spawn.Queue()
        with process(run_senders, [session.port for session in sessions], ready):
            await asyncio.gather(*(session.wait_first_keyframe(60) for session in sessions))
            await asyncio.sleep(2.0)
            grants = [session.grant("v") for session in sessions]
            urls = {way: [grant[way] for grant in grants] for way in WAYS}
            with process(run_viewers, urls, options.requests, results):
                took: dict[str, list[float]] = await asyncio.to_thread(results.get, True, 600)
                return took
    finally:
        await plane.close()


@dataclass(frozen=True)
class Left:
    """A camera's own times, on the monotonic clock that all processes share."""

    channel_id: str
    acknowledged_at: float
    sent_at: float


def run_cameras(fleet: Sequence[SimulatedDeviceSettings], left: Any) -> None:
    """A process of simulated devices that tells when their first pictures had left."""
    asyncio.run(_serve(fleet, left))


async def _serve(fleet: Sequence[SimulatedDeviceSettings], left: Any) -> None:
    devices = [SimulatedDevice(settings) for settings in fleet]
    for device in devices:
        for channel_id in device.channels:
            # Drawn before anybody asks: encoding is no part of a camera's delay.
            number = list(device.channels).index(channel_id)
            cached_loop(device.settings.pictures_of(number))
        await device.start()
    acknowledged: dict[object, float] = {}
    told: set[object] = set()
    while True:
        for served in (served for device in devices for served in device.parts.invites.open):
            now = time.monotonic()
            if served.task is not None:
                acknowledged.setdefault(served.key, now)
            if served.key not in told and served.sender is not None and served.sender.stats.pictures:
                told.add(served.key)
                left.put(Left(served.channel.channel_id, acknowledged[served.key], now))
        await asyncio.sleep(0.001)


async def on_stopped_cameras(options: argparse.Namespace, directory: Path) -> dict[str, list[Start]]:
    """Each start, by kind of camera."""
    platform = PlatformProcess(directory)
    small = replace(PICTURES, width=640, height=360, bitrate_kbps=512, loop_s=4)
    fleet = [
        replace(
            nvr_settings(index, options.starts, PLATFORM_ID, "127.0.0.1", platform.sip_port, SIP_PASSWORD),
            register_retry_s=1.0,
            pictures=small,
            faults=faults,
        )
        for index, faults in enumerate(((), ("late-keyframe",)))
    ]
    left: Any = multiprocessing.get_context("spawn").Queue()
    try:
        await platform.start()
        async with httpx.AsyncClient(
            base_url=f"{platform.base_url}/api/v1", trust_env=False, timeout=60
        ) as api:
            login = {"username": "admin", "password": ADMIN_PASSWORD}
            token = (await api.post("/login", json=login)).json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            with process(run_cameras, fleet, left):
                for settings in fleet:
                    await catalogued(api, settings)
                # The first stream of a platform loads what the later ones find loaded.
                kinds = {"plain": fleet[0], "late": fleet[1]}
                return {
                    name: [await begin(api, channel_id, left) for channel_id in settings.all_channel_ids][1:]
                    for name, settings in kinds.items()
                }
    finally:
        platform.kill()


async def catalogued(api: httpx.AsyncClient, settings: SimulatedDeviceSettings) -> None:
    async def known() -> bool:
        answer = (await api.get("/channels", params={"limit": 500})).json()
        online = {each["channel_id"] for each in answer["items"] if each["online"]}
        return set(settings.all_channel_ids) <= online

    await eventually(known, "the catalogue is there", 60)


@dataclass(frozen=True)
class Start:
    whole_s: float
    camera_s: float

    @property
    def ours_s(self) -> float:
        return self.whole_s - self.camera_s


async def begin(api: httpx.AsyncClient, channel_id: str, left: Any) -> Start:
    """One viewer of a camera that nobody watches."""
    began = time.monotonic()
    answer = await api.post(f"/channels/{channel_id}/live")
    if answer.status_code != 200:
        raise SystemExit(f"{channel_id}: {answer.text}")
    live = answer.json()
    await asyncio.to_thread(watch, live["urls"]["fmp4_ws"])
    whole_s = time.monotonic() - began
    await api.delete(f"/sessions/{live['session_id']}")
    try:
        own = left.get(timeout=10)
    except queue.Empty:
        raise SystemExit("the camera does not say when it sent") from None
    assert own.channel_id == channel_id
    return Start(whole_s, own.sent_at - own.acknowledged_at)


def row(name: str, seconds: Sequence[float], more: str = "") -> str:
    ordered = sorted(value * 1000 for value in seconds)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return f"{name:10} {len(ordered):8} {statistics.median(ordered):8.1f} {p99:8.1f} {ordered[-1]:8.1f}{more}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time to the first picture.")
    parser.add_argument("--requests", type=int, default=100, help="of each way, on running streams")
    parser.add_argument("--streams", type=int, default=20, help="that run")
    parser.add_argument("--starts", type=int, default=20, help="of stopped cameras, of each kind")
    options = parser.parse_args()
    print(next(iter(conditions(argparse.Namespace(gso=False, threads=0, nap_ms=5.0, seconds=0), Path()))))
    print(f"load       {os.getloadavg()[0]:.1f} before the start")
    print(f"running    {options.streams} streams over UDP, 1280x720, 25 pictures/s, key frame every 2 s")
    print("stopped    SIP and RTP over UDP, 640x360; platform, cameras and viewer are three processes")
    head = f"{'requests':>8} {'p50':>8} {'p99':>8} {'most':>8}"
    print(f"\nMilliseconds to the first picture of a running stream (aim: 50)\n{'way':10} {head}")
    for way, took in asyncio.run(on_running_streams(options)).items():
        print(row(way, took), flush=True)
    print("\nMilliseconds to the first picture of a stopped one, less the camera's own (aim: 300)")
    print(f"{'camera':10} {head}")
    with tempfile.TemporaryDirectory() as directory:
        for name, starts in asyncio.run(on_stopped_cameras(options, Path(directory))).items():
            own = statistics.median(start.camera_s for start in starts) * 1000
            whole = statistics.median(start.whole_s for start in starts) * 1000
            more = f"   camera's own {own:.1f}, all of it {whole:.1f}"
            print(row(name, [start.ours_s for start in starts], more), flush=True)


if __name__ == "__main__":
    main()
