"""What relaying to a superior costs: the time until it is answered, and CPU for each stream that goes up.

``python tests/benchmarks/bench_cascade_relay.py [--rounds 10] [--seconds 5] [--streams 200] [--no-set-up]``

Set-up: a whole platform, a simulated NVR below and a superior above are in one process, on loopback. The
camera's share is the time from our INVITE to its answer, with its own work in it; ``added`` is what is left
of the time from the superior's INVITE to our 200, and the bound of 20 ms is for it. CPU is that of all three.
``first`` is a device that sends for the first time since our start: there the key frame is waited for.

Streams: so many pictures of 4 Mbit/s come from processes of their own and go up over UDP to one superior
which INVITEs each of them. The cost is compared with senders that nobody INVITEd (``bench_relay``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from access.rights import Grant, Policy, Right
from cascade.model import RecordSource, Superior
from cascade.rights.permits import subject_of
from cascade.shown.shares import Share, ShareKind
from catalog.model import CatalogRow, ChannelKey
from media.session import MediaSession, MediaTransport, RtpSender, SenderRequest
from media.settings import MediaSettings
from sipserver.devices.settings import DeviceSettings
from sipserver.gb.sdp import PS, Direction, SessionDescription, SessionKind
from sipserver.simulator.history.recordings import RecordedSpan
from sipserver.simulator.loops import PictureSettings
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.calls import InviteCall
from sipserver.transport.driver import SipTransport
from tests.benchmarks.bench_ingest import FIRST_SSRC, cameras, conditions, cpu_s
from tests.benchmarks.bench_relay import FIRST_PORT, platforms
from tests.support.small_site import HOST, SIP_PASSWORD, SmallSite, small_site
from tests.unit.cascade.conftest import superior_at
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SmallPlatform

BOUND_MS: Final = 20.0
OWN: Final = "34010000002000000001"
NVR: Final = "34010200001180000001"
START: Final = datetime(2026, 5, 1, tzinfo=UTC)
SMALL: Final = PictureSettings(width=160, height=96, fps=10, gop_s=1.0, loop_s=1)
CHANNELS: Final = 4
ALL: Final = Policy((Grant(frozenset(Right)),))


@dataclass
class Times:
    """Of one kind of set-up, milliseconds."""

    total: list[float] = field(default_factory=list)
    camera: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def added(self) -> list[float]:
        return [total - camera for total, camera in zip(self.total, self.camera, strict=True)]


class CameraWatch:
    """Times the INVITEs that go down, from sending to their final answer."""

    def __init__(self, transport: SipTransport) -> None:
        self.spent_s = 0.0
        self._invite = transport.invite
        transport.invite = self.invite  # type: ignore[method-assign]

    def invite(self, request: SipRequest, flow: Flow) -> InviteCall:
        begun, call = time.monotonic(), self._invite(request, flow)
        take = call.receive

        def receive(response: SipResponse, source: Flow) -> None:
            if response.status >= 200 and not call.is_finished:
                self.spent_s += time.monotonic() - begun
            take(response, source)

        call.receive = receive  # type: ignore[method-assign]
        return call


def superior(above: SmallPlatform) -> Superior:
    return superior_at(
        above.port,
        own_id=OWN,
        keepalive_s=3_600.0,
        shares=(Share(ShareKind.ALL),),
        record_source=RecordSource.DEVICE_FIRST,
    )


def offer(port: int, kind: SessionKind = SessionKind.PLAY, number: int = 0) -> SessionDescription:
    wanted = SessionDescription(
        PLATFORM_ID, "127.0.0.1", port, payloads=(PS,), direction=Direction.RECVONLY,
        ssrc=f"{0 if kind is SessionKind.PLAY else 1}20000{number:04d}",
    )  # fmt: skip
    if kind is SessionKind.PLAY:
        return wanted
    return replace(
        wanted, kind=kind, start=int(START.timestamp()), stop=int((START + timedelta(minutes=5)).timestamp())
    )


@contextlib.asynccontextmanager
async def superior_platform() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    try:
        yield opened
    finally:
        await opened.transport.close()


async def set_ups(rounds: int, directory: Path) -> dict[str, Times]:
    """Every kind of set-up, so often."""
    sip = DeviceSettings(host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=1.0, linger_s=0.0)
    spans = (RecordedSpan(START, START + timedelta(hours=1)),)
    async with (
        superior_platform() as above,
        small_site(directory, sip=sip) as site,
    ):
        device = await site.add_nvr(channels=CHANNELS, pictures=SMALL, recordings=spans)
        post = await site.platform.superiors.add(superior(above))
        await site.platform.rights.replace(subject_of(PLATFORM_ID), ALL)
        await above.until(lambda: post.link.is_online, 40.0)
        channels = device.settings.all_channel_ids
        watch = CameraWatch(site.platform.transport)

        async def measure(kind: SessionKind, times: Times, number: int, *, keep: bool = False) -> None:
            watch.spent_s, cpu, begun = 0.0, cpu_s(), time.monotonic()
            response, dialog = await above.invite(
                channels[number % CHANNELS], offer(40_000, kind, number), timeout_s=20.0
            )
            took = time.monotonic() - begun
            if response.status != 200 or dialog is None:
                raise SystemExit(f"{kind}: {response.status} {response.reason}")
            times.total.append(took * 1e3)
            times.camera.append(watch.spent_s * 1e3)
            times.cpu.append((cpu_s() - cpu) * 1e3)
            if not keep:
                await above.bye(dialog)
                await until(lambda: not post.relay.streams and site.platform.media.sessions == {}, above)

        found = {name: Times() for name in ("live, first", "live", "live, shared", "playback", "download")}
        await measure(SessionKind.PLAY, found["live, first"], 0)
        for number in range(rounds):
            await measure(SessionKind.PLAY, found["live"], number)
            await measure(SessionKind.PLAYBACK, found["playback"], number)
            await measure(SessionKind.DOWNLOAD, found["download"], number)
        await measure(SessionKind.PLAY, Times(), 0, keep=True)
        for number in range(rounds):
            await measure(SessionKind.PLAY, found["live, shared"], number * CHANNELS, keep=True)
        post.relay.end_all("measured")
        return found


async def until(claim: Callable[[], bool], above: SmallPlatform) -> None:
    await above.until(claim, 30.0)


# -------------------------------------------------------------------- streams


class Held:
    """See ``HeldPicture``."""

    route_path = ()
    lost_reason = ""

    def __init__(self, session: MediaSession) -> None:
        self.session = session
        self.lost = asyncio.Event()

    async def release(self) -> None:
        """It stays for the next."""


@dataclass
class Load:
    """What some streams cost."""

    cpu_ms: float
    mbit_s: float
    dropped: int
    memory_mb: float


async def streams(count: int, seconds: float, directory: Path, *, by_superior: bool) -> Load:
    """CPU of one core for each stream-second, with senders that a superior INVITEd, or with bare ones."""
    media = MediaSettings(host=HOST, port=0, rtp_ports=f"{FIRST_PORT}-{FIRST_PORT + 4_000}")
    # Its sessions are nobody's: they must not be swept away.
    sip = DeviceSettings(host=HOST, port=0, password=SIP_PASSWORD, reconcile_interval_s=3_600.0)
    async with superior_platform() as above, small_site(directory, media=media, sip=sip) as site:
        plane = site.platform.media
        ids = [f"{NVR[:10]}1320{number:06d}" for number in range(1, count + 1)]
        opened = [
            await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label=each) for each in ids
        ]
        targets = [(session.port, FIRST_SSRC + number) for number, session in enumerate(opened)]
        with platforms("UDP", count, True) as ports, cameras("UDP", targets, False):
            await asyncio.gather(*(session.wait_first_keyframe(30) for session in opened))
            if by_superior:
                await invited(site, above, dict(zip(ids, opened, strict=True)), ports)
            else:
                bare(opened, ports)
            senders = [sender for session in opened for sender in session.senders]
            while not all(sender.stats().form == "passed" for sender in senders):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(2.0)
            before, cpu, at = sent(senders), cpu_s(), time.monotonic()
            await asyncio.sleep(seconds)
            used, passed, after = cpu_s() - cpu, time.monotonic() - at, sent(senders)
            dropped = sum(sender.stats().dropped_frames for sender in senders)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Load(used * 1e3 / count / passed, (after - before) * 8 / 1e6 / count / passed, dropped, memory)


async def invited(
    site: SmallSite, above: SmallPlatform, sessions: dict[str, MediaSession], ports: Sequence[int]
) -> None:
    """A superior INVITEs every picture."""

    async def hold(key: ChannelKey, purpose: str, **_: object) -> Held:
        return Held(sessions[key.channel_id])

    site.platform.streams.hold = hold  # type: ignore[assignment,method-assign]
    await site.platform.catalog.add_devices([NVR])
    rows = [CatalogRow(channel_id=each, name=each, region_code="340102") for each in sessions]
    await site.platform.catalog.replace_catalog(NVR, rows, complete=True)
    post = await site.platform.superiors.add(superior(above))
    await site.platform.rights.replace(subject_of(PLATFORM_ID), ALL)
    await above.until(lambda: post.link.is_online, 40.0)
    for number, (channel, port) in enumerate(zip(sessions, ports, strict=True)):
        response, _ = await above.invite(channel, offer(port, number=number), timeout_s=20.0)
        if response.status != 200:
            raise SystemExit(f"{channel}: {response.status} {response.reason}")


def bare(opened: Sequence[MediaSession], ports: Sequence[int]) -> None:
    """The same without anybody who asks."""
    for number, (session, port) in enumerate(zip(opened, ports, strict=True)):
        request = SenderRequest(
            transport=MediaTransport.UDP, ssrc=FIRST_SSRC + number, host="127.0.0.1", port=port
        )
        session.attach_sender(request).start()


def sent(senders: Sequence[RtpSender]) -> int:
    return sum(sender.stats().payload_bytes for sender in senders)


def print_set_ups(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(set_ups(rounds, Path(directory)))
    print(f"\nset-up, milliseconds, medians of {rounds} (bound of what is added: {BOUND_MS:g})")
    print(f"{'':14} {'total':>8} {'camera':>8} {'added':>8} {'worst':>8} {'CPU':>8}")
    for name, times in found.items():
        added = statistics.median(times.added)
        row = (statistics.median(times.total), statistics.median(times.camera), added, max(times.added))
        print(f"{name:14} " + " ".join(f"{each:8.1f}" for each in (*row, statistics.median(times.cpu))))


def print_streams(count: int, seconds: float) -> None:
    print(f"\n{count} streams of 4 Mbit/s over UDP, CPU milliseconds of one core for each stream-second")
    print(f"{'':14} {'CPU':>8} {'Mbit/s':>8} {'dropped':>8} {'memory MB':>10}")
    for name, by_superior in (("bare senders", False), ("superior", True)):
        with tempfile.TemporaryDirectory() as directory:
            load = asyncio.run(streams(count, seconds, Path(directory), by_superior=by_superior))
        print(
            f"{name:14} {load.cpu_ms:8.3f} {load.mbit_s:8.2f} {load.dropped:8} {load.memory_mb:10.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="What relaying to a superior costs.")
    parser.add_argument("--rounds", type=int, default=10, help="set-ups of each kind")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement of streams")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--no-set-up", action="store_true")
    parser.add_argument("--no-streams", action="store_true")
    options = parser.parse_args()
    print(next(iter(conditions(options, Path()))))
    print(f"load       {os.getloadavg()[0]:.1f} before the start")
    if not options.no_set_up:
        print_set_ups(options.rounds)
    if not options.no_streams:
        print_streams(options.streams, options.seconds)


if __name__ == "__main__":
    main()
