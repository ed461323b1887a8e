"""What the routes work with: the rooms' public faces, handed in by ``console/app.py``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from access.audit import AuditLog
from access.rights import Rights
from access.tokens import Tokens
from access.users import Users
from cascade.below.subordinates import Subordinates
from cascade.ports import LivePictures
from cascade.superiors import Superiors
from catalog.forest import Forest
from catalog.store import CatalogStore
from catalog.subordinates import SubordinateCatalogs
from config.tables import HttpSettings
from console.api.leases import Leases
from console.api.limiter import LoginLimiter
from console.api.models import Overview, Rates, ServerInfo
from console.api.once import Once
from console.api.ports import Recorder, Segments, Streams
from console.conformance.runs import ConformanceRuns
from console.event_hub import EventHub
from console.push_desk import PushDesk
from gateway.gateway import Gateway
from health.outages.store import OutageStore
from media.session import MediaPlane
from sipserver.devices.service import DeviceService
from storage.alarm_clips import AlarmClips
from storage.downloads import Downloads
from storage.playback import Playback
from storage.recorded_playback import RecordedPlaybacks
from storage.service import StorageService


@dataclass(frozen=True, slots=True)
class ApiContext:
    """Everything a route may touch."""

    http: HttpSettings
    users: Users
    tokens: Tokens
    audit: AuditLog
    catalog: CatalogStore
    forest: Forest
    below: SubordinateCatalogs
    streams: Streams
    devices: DeviceService
    gateway: Gateway
    superiors: Superiors
    rights: Rights
    subordinates: Subordinates
    pictures: LivePictures
    media: MediaPlane
    pushes: PushDesk
    leases: Leases
    playback_leases: Leases
    recorded_playbacks: RecordedPlaybacks
    recorded_leases: Leases
    downloads: Downloads
    recorder: Recorder
    storage: StorageService
    outages: OutageStore
    segments: Segments
    playback: Playback
    seal: Callable[[str], str]
    rates: Callable[[], Awaitable[Rates]]
    overview: Callable[[], Awaitable[Overview]]
    metrics: Callable[[], Awaitable[bytes]]
    server: Callable[[], ServerInfo]
    is_ready: Callable[[], bool]
    alarm_files: AlarmClips
    limiter: LoginLimiter
    media_advertised_host: str = ""
    publish_authorities: Callable[[str | None], Mapping[str, str]] = lambda _: {}
    """``host:port`` by scheme, of the listeners that take pushes; the host is the one the caller used."""
    viewed: Once = field(default_factory=Once)
    events: EventHub = field(default_factory=EventHub)
    conformance: ConformanceRuns = field(default_factory=ConformanceRuns)


def context_of(connection: HTTPConnection) -> ApiContext:
    """The context that the application was made with."""
    context = connection.app.state.context
    assert isinstance(context, ApiContext)  # noqa: S101 - set once when the application is made
    return context
