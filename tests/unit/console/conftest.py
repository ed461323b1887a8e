"""The API over real users, catalogue and index in SQLite, and a pretend world of streams below it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from fastapi import FastAPI

import access.tables
import catalog.tables
import storage.tables
from access.audit import AuditLog
from access.rights import Rights
from access.roles import Role
from access.secrets import SecretBox
from access.settings import AccessSettings
from access.tokens import Tokens
from access.users import Users
from cascade.below.subordinates import Subordinates
from cascade.ports import LivePictures
from cascade.superiors import Superiors
from catalog.forest import Forest
from catalog.model import CatalogRow, ChannelKey, ChannelKind, Device
from catalog.store import CatalogStore
from catalog.subordinates import SubordinateCatalogs
from config.database import open_database
from config.tables import HttpSettings
from console.api.application import make_application
from console.api.context import ApiContext
from console.api.leases import Leases
from console.api.limiter import LoginLimiter
from console.api.models import Overview, RateLine, Rates, ServerInfo
from console.api.ports import CatalogSyncOutcome, Presence, StreamFigures
from console.api.reader_models import StreamReaders, ViewerRow
from console.push_desk import PushDesk
from gateway.gateway import Gateway
from health.outages.store import OutageStore
from media.session import MediaPlane
from sipserver.devices.service import DeviceService
from sipserver.devices.stream_request import LiveStream
from storage.alarm_clips import AlarmClips
from storage.downloads import Downloads
from storage.holds import SegmentHolds
from storage.index import SegmentIndex
from storage.model import Segment, SegmentState
from storage.playback import Playback
from storage.recorded_playback import RecordedPlaybacks
from storage.service import StorageService
from storage.settings import StorageSettings

PASSWORD = "correct horse battery"
DEVICE = "34020000001110000001"
OTHER_DEVICE = "34020000001110000002"
CAMERA = "34020000001320000001"
SHARED_CAMERA = "34020000001320000009"
CHEAP = AccessSettings(hash_memory_kib=32, hash_rounds=1)


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class FakeHold:
    """A claim whose viewers a test sets."""

    key: ChannelKey
    tag: str
    streams: "FakeStreams"
    stream: LiveStream = LiveStream.MAIN
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    lost_reason: str = ""
    viewers: int = 0
    revoked: list[str] = field(default_factory=list)
    released: list[bool] = field(default_factory=list)

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        return {
            "fmp4_ws": f"ws://0.0.0.0:8090/fmp4/abc?tag={tag}&ttl={ttl_s:g}",
            "fmp4_http": f"http://0.0.0.0:8090/fmp4/abc?tag={tag}&ttl={ttl_s:g}",
        }

    def revoke(self, tag: str) -> None:
        self.revoked.append(tag)

    def viewers_of(self, tag: str) -> int:
        return self.viewers

    def readers(self) -> StreamReaders:
        shown = {"way": "fmp4_ws", "source": "192.0.2.9:4000", "age_s": 1.0, "queued_bytes": 0}
        rows = [
            ViewerRow(session_id=tag, username=user, sent_bytes=7, skipped=0, **shown)  # type: ignore[arg-type]
            for tag, user in ((self.tag, "me"), ("ffff", "somebody else"))
        ]
        return StreamReaders(viewers=rows, recorders=1)

    def figures(self) -> StreamFigures:
        return StreamFigures(
            session_id="00aa",
            transport="UDP",
            ssrc=200000001,
            packets=100,
            lost=1,
            packet_loss_ratio=0.01,
            bitrate_bps=4_000_000.0,
            video_codec="H264",
            width=1920,
            height=1080,
            audio_codec="G711A",
            audio_rate_hz=8000,
            mime='video/mp4; codecs="avc1.4d401f,flac"',
            readers=1,
        )

    async def jpeg(self, max_width: int | None) -> bytes:
        return b"\xff\xd8jpeg" + str(max_width).encode()

    async def release(self, *, at_once: bool = False) -> None:
        self.released.append(at_once)
        self.streams.holds.remove(self)


class FakeStreams:
    """Every device is online; ``fault`` is what the next hold raises."""

    def __init__(self) -> None:
        self.holds: list[FakeHold] = []
        self.made: list[FakeHold] = []
        self.fault: Exception | None = None
        self.online = True
        self.changed: list[str] = []

    async def hold(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> FakeHold:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        hold = FakeHold(key, tag, self, stream)
        self.holds.append(hold)
        self.made.append(hold)
        return hold

    hold_h264 = hold

    def figures(self) -> Mapping[ChannelKey, StreamFigures]:
        return {hold.key: hold.figures() for hold in self.holds}

    def figures_of(self, key: ChannelKey) -> StreamFigures | None:
        return self.figures().get(key)

    async def sync_catalog(self, device_id: str) -> CatalogSyncOutcome:
        if self.fault is not None:
            raise self.fault
        return CatalogSyncOutcome(stored=3, complete=True, announced=3)

    def device_changed(self, device: Device) -> None:
        self.changed.append(device.device_id)

    def presences(self) -> Mapping[str, Presence]:
        return {}

    def presence(self, device_id: str) -> Presence | None:
        return Presence(self.online, "UDP", "192.0.2.9:5060", "2.0", datetime(2026, 1, 1, tzinfo=UTC))


class FakeRecorder:
    def __init__(self) -> None:
        self.wanted: set[ChannelKey] = set()

    async def start(self, key: ChannelKey, requested_by: str = "") -> None:
        self.wanted.add(key)

    async def stop(self, key: ChannelKey) -> None:
        self.wanted.discard(key)

    def is_recording(self, key: ChannelKey) -> bool:
        return key in self.wanted

    def is_desired(self, key: ChannelKey) -> bool:
        return key in self.wanted


@dataclass(eq=False)
class World:
    """Everything that a test may look at."""

    app: FastAPI
    context: ApiContext
    streams: FakeStreams
    recorder: FakeRecorder
    clock: FakeClock
    leases: Leases
    storage_path: Path
    devices: SimpleNamespace
    """Stands for DeviceService: a test hangs its fakes in, by the names of the features."""

    async def audit_actions(self) -> list[tuple[str, str, str]]:
        return [(line.action, line.actor, line.outcome) for line in await self.context.audit.list()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    engine = open_database(f"sqlite:///{tmp_path}/api.db")
    async with engine.begin() as connection:
        for tables in (access.tables, catalog.tables, storage.tables):
            await connection.run_sync(tables.metadata.create_all)
    users = Users(engine, CHEAP)
    await users.create("admin", PASSWORD, Role.ADMIN)
    await users.create("watcher", PASSWORD, Role.VIEWER)
    store = CatalogStore(engine)
    await _fill(store)
    segments = SegmentIndex(engine)
    await _record(segments, tmp_path)
    box = SecretBox(tmp_path)
    clock, streams, recorder, devices = FakeClock(), FakeStreams(), FakeRecorder(), SimpleNamespace()
    devices.ptz = SimpleNamespace(release_holder=lambda _holder_id: None)
    leases = Leases(streams, limit=3, linger_s=20.0, url_ttl_s=60.0, clock=clock)
    http = HttpSettings(logins_per_minute=10)

    async def rates() -> Rates:
        line = RateLine(scope="all", cameras=2, online=1, online_rate=0.5)
        return Rates(as_of=datetime.now(UTC), formula="online ÷ cameras", items=[line])

    async def overview() -> Overview:
        return Overview(
            devices=2,
            devices_online=2,
            cameras=3,
            cameras_online=3,
            online_rate=1.0,
            formula="online ÷ cameras",
            streaming=len(streams.holds),
            viewers=0,
            recordings=0,
            recordings_wanted=0,
        )

    async def metrics() -> bytes:
        return b"# TYPE up gauge\nup 1\n"

    context = ApiContext(
        http=http,
        users=users,
        tokens=Tokens(engine, box.signing_key, CHEAP),
        audit=AuditLog(engine, box.derive("audit")),
        catalog=store,
        forest=Forest(engine),
        below=SubordinateCatalogs(engine),
        streams=streams,
        devices=cast(DeviceService, devices),
        gateway=cast(Gateway, object()),
        superiors=cast(Superiors, SimpleNamespace()),
        rights=cast(Rights, SimpleNamespace()),
        subordinates=cast(Subordinates, SimpleNamespace()),
        pictures=cast(LivePictures, SimpleNamespace()),
        pushes=cast(PushDesk, SimpleNamespace()),
        media=cast(MediaPlane, SimpleNamespace(sessions={})),
        leases=leases,
        playback_leases=Leases(streams, limit=3, linger_s=20.0, url_ttl_s=60.0, clock=clock),
        recorded_playbacks=RecordedPlaybacks(StorageSettings(path=tmp_path), segments, SegmentHolds(), None),
        recorded_leases=Leases(streams, limit=3, linger_s=20.0, url_ttl_s=60.0, clock=clock),
        downloads=cast(Downloads, object()),
        recorder=recorder,
        storage=cast(StorageService, SimpleNamespace()),
        outages=OutageStore(engine),
        segments=segments,
        playback=Playback(tmp_path, segments),
        seal=box.seal,
        rates=rates,
        overview=overview,
        metrics=metrics,
        server=lambda: ServerInfo(version="1", sip_id="3402", sip_domain="3402", sip_addresses=[]),
        is_ready=lambda: True,
        alarm_files=cast(AlarmClips, SimpleNamespace()),
        limiter=LoginLimiter(http.logins_per_minute, clock),
    )
    yield World(make_application(context), context, streams, recorder, clock, leases, tmp_path, devices)
    await leases.close()
    users.close()
    await engine.dispose()


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a log-in."""
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://platform.example:8080") as client:
        yield client


@pytest.fixture
async def admin(http: httpx.AsyncClient) -> httpx.AsyncClient:
    return await _logged_in(http, "admin")


@pytest.fixture
async def watcher(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=world.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://platform.example:8080") as client:
        yield await _logged_in(client, "watcher")


async def _logged_in(client: httpx.AsyncClient, username: str) -> httpx.AsyncClient:
    answer = await client.post("/api/v1/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    client.headers["authorization"] = f"Bearer {answer.json()['token']}"
    client.cookies.clear()
    return client


async def _fill(store: CatalogStore) -> None:
    for device_id in (DEVICE, OTHER_DEVICE):
        await store.upsert_device(Device(device_id=device_id, name=f"NVR {device_id[-1]}"))
    shared = CatalogRow(channel_id=SHARED_CAMERA, name="共享")
    folder = CatalogRow(channel_id="340200", name="区域", kind=ChannelKind.REGION)
    await store.replace_catalog(
        DEVICE, [CatalogRow(channel_id=CAMERA, name="大门"), shared, folder], complete=True
    )
    await store.replace_catalog(OTHER_DEVICE, [shared], complete=True)


async def _record(index: SegmentIndex, directory: Path) -> None:
    rows = []
    for minute in range(3):
        segment_id = f"abcd-{minute:06d}"
        (directory / f"{segment_id}.mp4").write_bytes(bytes(range(100)))
        rows.append(
            Segment(
                segment_id=segment_id,
                recorder_id="abcd",
                device_id=DEVICE,
                channel_id=CAMERA,
                path=f"{segment_id}.mp4",
                start_time=datetime(2026, 1, 1, 8, minute, tzinfo=UTC),
                end_time=datetime(2026, 1, 1, 8, minute + 1, tzinfo=UTC),
                size_bytes=100,
                video_codec="H264",
                state=SegmentState.OPEN if minute == 2 else SegmentState.CLOSED,
            )
        )
    await index.save(rows)
