import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from access.audit import AuditEntry, AuditLog
from access.policy_store import PolicyStore
from access.rights import Grant, Limits, Policy, Right, Rights
from cascade.ports import NewsRooms
from cascade.post import SuperiorPost, Surroundings
from cascade.rights.permits import subject_of
from cascade.rights.trail import Trail
from cascade.shown.shares import Share, ShareKind
from cascade.stats import CascadeStats
from cascade.store import SuperiorStore
from cascade.superiors import Superiors
from catalog.model import CatalogRow, ChannelKey
from catalog.store import CatalogStore
from config.database import migrate, open_database
from media.session import MediaPlane, MediaSession
from media.settings import MediaSettings
from sipserver.devices.incoming_calls import IncomingCalls
from sipserver.devices.service import DeviceService
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stream_request import LiveStream
from sipserver.gb.editions import Edition
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.ssrc import SsrcPool
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.settings import SimulatedDeviceSettings
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.settings import SipTransportSettings, listen_pair
from tests.integration.cascade.recording_rooms import FakeRooms
from tests.integration.sipserver.fakes import FakeMediaPlane
from tests.support.port_ranges import rtp_ports
from tests.unit.cascade.conftest import OWN_ID, superior_at
from tests.unit.sipserver.simulator.small_platform import PLATFORM_ID, SMALL, SmallPlatform

NVR = "34010200001180000001"
CAMERA_PASSWORD = "Abc-12345"
ALL_LIMITS = Limits()
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class FakeStanding:
    """Which devices are online."""

    def __init__(self) -> None:
        self.online = {NVR}

    def online_ids(self) -> set[str]:
        return self.online

    def is_online(self, device_id: str) -> bool:
        return device_id in self.online


class FedHold:
    """See ``HeldPicture``."""

    def __init__(self, session: MediaSession) -> None:
        self.session = session
        self.lost = asyncio.Event()
        self.lost_reason = ""
        self.route_path: tuple[str, ...] = ()
        self.is_released = False

    async def release(self) -> None:
        self.is_released = True

    def lose(self, reason: str) -> None:
        self.lost_reason = reason
        self.lost.set()


class FedPictures:
    """Pictures of cameras that are a film; ``failure`` is raised in place of one."""

    def __init__(self) -> None:
        self.plane: MediaPlane | None = None
        self.holds: list[FedHold] = []
        self.asked: list[tuple[ChannelKey, LiveStream]] = []
        self.routes: list[InviteRoute] = []
        self.paths: dict[str, tuple[str, ...]] = {}
        self.failures: dict[ChannelKey, Exception] = {}
        self.wait = asyncio.Event()
        self.wait.set()

    async def hold(
        self,
        key: ChannelKey,
        purpose: str,
        *,
        tag: str,
        stream: LiveStream = LiveStream.MAIN,
        route: InviteRoute = DIRECT,
    ) -> FedHold:
        assert (purpose, tag[:8]) == ("relay", "superior")
        assert self.plane is not None, "this test has no pictures"
        self.asked.append((key, stream))
        self.routes.append(route)
        await self.wait.wait()
        if key in self.failures:
            raise self.failures[key]
        hold = FedHold(await self.plane.open_fed(label=str(key)))
        hold.route_path = self.paths.get(key.device_id, ())
        self.holds.append(hold)
        return hold


class Below:
    """Our side: sockets, a database, and the superiors."""

    def __init__(self, engine: AsyncEngine, transport: SipTransport) -> None:
        self.transport = transport
        self.now = NOW
        self.stats = CascadeStats()
        self.catalog = CatalogStore(engine)
        self.standing = FakeStanding()
        # Sealed by turning it round.
        self.store = SuperiorStore(engine, seal=lambda text: text[::-1], unseal=lambda text: text[::-1])
        self.pictures = FedPictures()
        self.calls = IncomingCalls()
        self.devices = DeviceService(
            DeviceSettings(
                id=OWN_ID, host="127.0.0.1", port=0, password=CAMERA_PASSWORD, query_timeout_s=2.0
            ),
            transport,
            FakeMediaPlane(),  # type: ignore[arg-type]
            self.catalog,
        )
        self.rights = Rights(PolicyStore(engine), BEIJING)
        self.audit = AuditLog(engine, b"key")
        self.recordings = FakeRooms()
        transport.ack_handler = self.calls.acknowledged
        transport.cancelled_handler = self.calls.cancelled
        transport.unacknowledged_handler = self.calls.unacknowledged
        self.others: list[IncomingRequest] = []
        self.superiors = Superiors(
            Surroundings(
                transport=transport,
                store=self.store,
                catalog=self.catalog,
                standing=self.standing,
                pictures=self.pictures,
                cameras=self.devices,
                calls=self.calls,
                ssrcs=SsrcPool(OWN_ID),
                rights=self.rights,
                trail=Trail(self.audit, transport.clock, self.stats),
                stats=self.stats,
                media_host=lambda flow: transport.advertised(flow)[0],
                own_name="county",
                version="1.0",
                news=NewsRooms(self.devices.alarms, self.devices.positions, self.devices.subscriptions),
                wall=lambda: self.now,
                history=self.recordings.rooms,
                start_spread_s=0.0,
            )
        )
        transport.request_handler = self._receive
        transport.flow_closed_handler = self.superiors.flow_closed

    async def serve_devices(self) -> None:
        """Devices may register with us; they come to the same sockets as superiors."""
        await self.devices.open()
        self.devices.share_transport(self.superiors.receive, self.superiors.flow_closed)

    async def cameras(self, count: int, device_id: str = NVR) -> None:
        """Put an NVR with so many cameras into the catalogue."""
        await self.catalog.add_devices([device_id])
        rows = [
            CatalogRow(
                channel_id=f"{device_id[:10]}1320{number:06d}",
                name=f"路口 {number} <东&西>",
                region_code="340102",
                status_online=True,
            )
            for number in range(1, count + 1)
        ]
        await self.catalog.replace_catalog(device_id, rows, complete=True)

    def _receive(self, incoming: IncomingRequest) -> None:
        if not self.superiors.receive(incoming):
            self.others.append(incoming)
            self.transport.respond(incoming, 403)


@pytest.fixture
async def above() -> AsyncIterator[SmallPlatform]:
    opened = SmallPlatform()
    await opened.transport.open()
    yield opened
    await opened.transport.close()


@pytest.fixture
async def below(tmp_path: Path) -> AsyncIterator[Below]:
    engine = open_database(f"sqlite:///{tmp_path}/below.db")
    await migrate(engine)
    transport = SipTransport(SipTransportSettings(listens=listen_pair("127.0.0.1", 0)))
    await transport.open()
    opened = Below(engine, transport)
    await opened.superiors.open()
    yield opened
    await opened.superiors.close()
    await transport.close()
    await engine.dispose()


class Site:
    """A camera on real sockets that superiors reach through us."""

    def __init__(self, below: Below, above: SmallPlatform, camera: SimulatedDevice) -> None:
        self.below = below
        self.above = above
        self.camera = camera

    @property
    def post(self) -> SuperiorPost:
        return self.below.superiors.get(PLATFORM_ID)

    @property
    def subject(self) -> str:
        return subject_of(PLATFORM_ID)

    async def until(self, claim: Callable[[], object]) -> None:
        await self.above.until(lambda: bool(claim()))

    async def grant(self, *rights: Right, limits: Limits = ALL_LIMITS) -> None:
        """The superior may do this and nothing else."""
        await self.below.rights.replace(self.subject, Policy((Grant(frozenset(rights)),), limits))

    async def entries(self, action: str, count: int = 1) -> list[AuditEntry]:
        """What the audit log says about an action, the newest first."""
        found: list[AuditEntry] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                found = [each for each in await self.below.audit.list() if each.action == action]
        return found


MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def make_site(below: Below, above: SmallPlatform) -> AsyncIterator[MakeSite]:
    """A recorder with two channels, registered with us, and we with a superior that is shown both."""
    cameras: list[SimulatedDevice] = []

    async def make(*, superior: Mapping[str, object] | None = None, **changes: Any) -> Site:
        await below.cameras(2)
        await below.serve_devices()
        address = below.transport.addresses[0]
        values: dict[str, Any] = {
            "edition": Edition.V3_0,
            "channel_ids": tuple(f"{NVR[:10]}1320{number:06d}" for number in (1, 2)),
            "pictures": SMALL,
        }
        settings = SimulatedDeviceSettings(
            NVR, OWN_ID, address.host, address.port, password=CAMERA_PASSWORD, **(values | changes)
        )
        camera = SimulatedDevice(settings)
        cameras.append(camera)
        await camera.start()
        await camera.wait_registered(5.0)
        values = {"keepalive_s": 3_600.0, "shares": (Share(ShareKind.ALL),), **(superior or {})}
        post = await below.superiors.add(superior_at(above.port, **values))
        await above.until(lambda: post.link.is_online)
        return Site(below, above, camera)

    yield make
    await asyncio.gather(*(camera.stop() for camera in cameras))
    await below.superiors.close()
    await below.devices.close()


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    return await make_site()


@pytest.fixture
async def plane(below: Below) -> AsyncIterator[MediaPlane]:
    opened = MediaPlane(MediaSettings(host="127.0.0.1", port=0, rtp_ports=rtp_ports()))
    await opened.open()
    below.pictures.plane = opened
    yield opened
    await below.superiors.close()
    await opened.close()
