"""Builds the rooms, joins them, opens them in order and closes them in reverse."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request

from access.audit import AuditLog
from access.policy_store import PolicyStore
from access.rights import Rights
from access.secrets import SecretBox
from access.stats import AccessStats
from access.tokens import Tokens
from access.users import Users
from cascade.below.subordinates import Subordinates
from cascade.ports import HistoryRooms, NewsRooms
from cascade.post import Surroundings
from cascade.rights.trail import Trail
from cascade.stats import CascadeStats
from cascade.store import SuperiorStore
from cascade.superiors import Superiors
from catalog.forest import Forest
from catalog.model import ChannelKey
from catalog.store import CAMERAS, CatalogStore
from catalog.subordinates import SubordinateCatalogs
from config.database import migrate, open_database
from config.schema import Settings, cautions
from console.api.application import make_application
from console.api.context import ApiContext
from console.api.leases import Leases
from console.api.limiter import LoginLimiter
from console.api.models import ServerInfo
from console.auth import COOKIE, source_of
from console.channel_standing import ChannelStanding
from console.channel_streams import ChannelStreams
from console.client import Client
from console.errors import StartFailed
from console.event_hub import EventHub
from console.gathering import Gathering, Troubles
from console.news import News
from console.notices import log_storage_event
from console.outage_source import OutageSource
from console.pages.mount import mount
from console.push_desk import PushDesk
from console.rooms import RoomStreams
from console.server import HttpServer, bind_tcp
from console.starting import advice_on, secrets_directory
from console.steps import Step, Steps
from console.version import product_version
from gateway.gateway import Gateway
from gateway.model import SourceState
from health.exposition import Exposition
from health.outages.store import OutageStore
from health.outages.watch import OutageWatch
from media.session import MediaPlane
from sipserver.devices.alarms.linkage import Ports as LinkedRooms
from sipserver.devices.alarms.model import AlarmNews
from sipserver.devices.dialog_store import SqlDialogStore
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceRemoved,
    DeviceWentOffline,
)
from sipserver.devices.presence import wall_clock
from sipserver.devices.service import DeviceService
from sipserver.devices.uploads.ports import Outside
from sipserver.gb.ssrc import SsrcPool
from sipserver.transport.driver import SipTransport
from storage.blobs import BlobStore
from storage.disk import DiskWatch
from storage.downloads import Downloads
from storage.service import StorageService

# Devices are told BYE and may be slow to answer; files are closed and their rows written.
# Method and type of what a camera reports about its own disk (gb28181.md 11.1).
STORAGE_ALARMS: Final = frozenset({(2, 3), (6, 1), (6, 2)})
DEVICES_CLOSE_S: Final = 12.0
STORAGE_CLOSE_S: Final = 20.0
SEAL_CONTEXT: Final = "device password"
SOURCE_CONTEXT: Final = "source"
SUPERIOR_CONTEXT: Final = "superior"
PUSHED_OVER: Final = ("rtmp", "rtsp")
CAME_BACK: Final = (DeviceCameOnline, DeviceConfirmed)
CAME_OR_WENT: Final = (*CAME_BACK, DeviceWentOffline, DeviceRemoved)

_log = logging.getLogger(__name__)


class Platform:
    """One process of the platform."""

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self.settings: Final = settings
        self.first_password: str | None = None
        """The generated password of the first user; to be shown once."""
        self._environment = os.environ if environment is None else environment
        self._steps = Steps()
        self._is_ready = False

        self._engine = open_database(settings.database.url)
        access_stats = AccessStats()
        self.users: Final = Users(self._engine, settings.access, stats=access_stats)
        self.catalog: Final = CatalogStore(self._engine)
        self._forest = Forest(self._engine)
        self.catalog.listeners.append(self._forest.channels_changed)
        self._below = SubordinateCatalogs(self._engine)
        self.media: Final = MediaPlane(settings.media)
        self.transport: Final = SipTransport(settings.sip.transport_settings())
        self._access_stats = access_stats
        self._cascade_stats = CascadeStats()

    async def open(self) -> None:
        """Start everything.

        Raises:
            StartFailed: what failed, and how to mend it; nothing stays open.
        """
        try:
            await self._open()
        except BaseException as error:
            await self._steps.close()
            if isinstance(error, Exception) and (advice := advice_on(error, self.settings)):
                raise StartFailed(advice) from error
            raise

    async def stop_recording(self) -> None:
        """Close all recordings, before the cameras of a demo leave; ``close`` finds nothing left to do."""
        await self.storage.close()

    async def close(self) -> None:
        """Stop everything: viewers, then recordings, then BYE to devices, then the sockets."""
        self._is_ready = False
        failed = await self._steps.close()
        _log.info("stopped%s", f", but not cleanly: {', '.join(failed)}" if failed else "")

    def addresses(self) -> dict[str, str]:
        """Every address that accepts work, by what it is for; real ports."""
        found: dict[str, str] = {}
        for listen in self.transport.addresses:
            name = f"sip_{listen.transport.value.lower()}"
            text = f"{listen.host}:{listen.port}"
            found[name] = f"{found[name]},{text}" if name in found else text
        host, port = self._http_socket.getsockname()[:2]
        found["http"] = f"{host}:{port}"
        host, port = self.media.address
        found["media"] = f"{host}:{port}"
        found["rtp_ports"] = self.settings.media.rtp_ports
        return found

    @property
    def http_port(self) -> int:
        port: int = self._http_socket.getsockname()[1]
        return port

    # -- inside ------------------------------------------------------------

    async def _open(self) -> None:
        settings, steps = self.settings, self._steps
        for caution in cautions(settings):
            _log.warning("%s", caution)
        self._http_socket = bind_tcp("http", settings.http.host, settings.http.port)
        await steps.take(Step("http port", close=self._close_http_socket))
        await steps.take(Step("database", close=self._engine.dispose))
        await migrate(self._engine)
        await steps.take(Step("users", close=self._close_users))
        box = SecretBox(secrets_directory(settings))
        self.audit = AuditLog(self._engine, box.derive("audit"), stats=self._access_stats)
        self.first_password = await self.users.ensure_first_admin(self._environment)

        await steps.take(Step("media", self.media.open, self.media.close))
        await steps.take(Step("sip", self.transport.open, self.transport.close))
        self.devices = DeviceService(
            settings.sip,
            self.transport,
            self.media,
            self.catalog,
            features=settings.features,
            database=self._engine,
            dialogs=SqlDialogStore(self._engine),
            unseal=lambda sealed: box.unseal(sealed, SEAL_CONTEXT),
        )
        disk = DiskWatch(settings.storage.path, settings.storage.free_floor_bytes)
        self.devices.uploads.connect(Outside(BlobStore(settings.storage.path, disk), self.http_port))
        self.outages = OutageWatch(
            settings.outages,
            OutageSource(self.devices, self.media, self.transport.clock),
            OutageStore(self._engine),
            clock=self.transport.clock,
        )
        # Before the others: they end the streams of a device that is lost.
        self.devices.presence.subscribe(self.outages.listen, self.outages.listens_to)
        await steps.take(Step("devices", self.devices.open, self.devices.close, DEVICES_CLOSE_S))
        await steps.take(Step("outages", self._open_outages, self.outages.close))
        await self._open_gateway(box)
        self.streams = ChannelStreams(self.devices.invites, self.gateway, self._below.other_ways)
        self.storage = StorageService(
            settings.storage,
            self._engine,
            self.streams,
            self.catalog,
            on_event=log_storage_event,
            player=self.media,
        )
        self.downloads = Downloads(settings.storage, self._engine, self.devices.downloads, self.storage.disk)
        self.devices.presence.subscribe(self._hear_device, CAME_BACK)
        self.gateway.listeners.append(self._hear_source)
        await steps.take(Step("storage", self.storage.open, self.storage.close, STORAGE_CLOSE_S))
        await steps.take(Step("downloads", self.downloads.open, self.downloads.close, STORAGE_CLOSE_S))
        await self._open_cascade(box)
        self.devices.alarms.connect(LinkedRooms(self.storage.clips, self.devices.ptz), self._cameras_of)
        await self._open_http(box)
        self._is_ready = True
        _log.info("ready", extra=self.addresses())

    async def _open_gateway(self, box: SecretBox) -> None:
        self.gateway = Gateway(
            self.settings.sources,
            self._engine,
            self.media,
            self.catalog,
            platform_id=self.settings.sip.id,
            seal=lambda plain: box.seal(plain, SOURCE_CONTEXT),
            unseal=lambda sealed: box.unseal(sealed, SOURCE_CONTEXT),
            push_resume_s=self.settings.media.publish_resume_s,
        )
        self.media.on_publish = self.gateway.judge
        self.devices.reserve(self.gateway.device_id)
        await self._steps.take(Step("gateway", self.gateway.open, self.gateway.close, DEVICES_CLOSE_S))

    async def _open_cascade(self, box: SecretBox) -> None:
        settings = self.settings
        zone = timezone(timedelta(minutes=settings.access.utc_offset_min))
        self.rights = Rights(PolicyStore(self._engine), zone)
        self.superiors = Superiors(
            Surroundings(
                transport=self.transport,
                store=SuperiorStore(
                    self._engine,
                    seal=lambda plain: box.seal(plain, SUPERIOR_CONTEXT),
                    unseal=lambda sealed: box.unseal(sealed, SUPERIOR_CONTEXT),
                ),
                catalog=self.catalog,
                standing=ChannelStanding(self.devices.presence, self.gateway.device_id),
                pictures=self.streams,
                cameras=self.devices,
                calls=self.devices.calls,
                ssrcs=SsrcPool(settings.sip.id),
                rights=self.rights,
                trail=Trail(self.audit, self.transport.clock, self._cascade_stats),
                stats=self._cascade_stats,
                media_host=self.devices.media_host_for,
                own_name=settings.sip.name or settings.sip.id,
                platform_id=settings.sip.id,
                path_rank=self.devices.path_rank,
                is_awaited=self.devices.audio.is_awaited,
                version=product_version(),
                wall=wall_clock,
                news=NewsRooms(self.devices.alarms, self.devices.positions, self.devices.subscriptions),
                speakers=self.devices.audio,
                history=HistoryRooms(
                    self.devices.records, self.devices.history_relays, self.storage.playbacks
                ),
            )
        )
        self.devices.foreign.own_ids = self._own_ids
        self.devices.share_transport(self.superiors.receive, self.superiors.flow_closed)
        self.devices.presence.subscribe(self._tell_superiors, CAME_OR_WENT)
        await self._steps.take(Step("superiors", self.superiors.open, self.superiors.close, DEVICES_CLOSE_S))

    def _tell_superiors(self, event: DeviceEvent) -> None:
        if isinstance(event, CAME_OR_WENT):
            self.superiors.device_changed(event.device_id)

    def _own_ids(self) -> set[str]:
        """By which other platforms know us: none of them lists these as its own."""
        towards = (post.link.superior.own_id for post in self.superiors.list())
        return {self.settings.sip.id, self.gateway.device_id, *towards}

    def _publish_authorities(self, host: str | None) -> Mapping[str, str]:
        """Where pushes are taken; without an advertised host, at the one that a caller reached us by."""
        found = self.media.authorities(self.settings.media.advertised_host or host)
        return {scheme: authority for scheme, authority in found.items() if scheme in PUSHED_OVER}

    def _hear_source(self, channel_id: str) -> None:
        """A recording that waits for its next attempt need not wait when its source is back."""
        if self.gateway.state(channel_id) in (SourceState.STREAMING, SourceState.IDLE):
            self.storage.recorder.channel_came_back(ChannelKey(self.gateway.device_id, channel_id))

    async def _open_http(self, box: SecretBox) -> None:
        settings = self.settings
        streams = RoomStreams(self.devices, self.media, self.streams)
        leases = Leases(
            streams,
            limit=settings.http.lease_limit,
            linger_s=settings.http.lease_linger_s,
            url_ttl_s=settings.media.url_ttl_s,
        )
        await self._steps.take(Step("live sessions", leases.open, leases.close, DEVICES_CLOSE_S))
        playback_leases = Leases(
            streams,
            limit=settings.history.playbacks_max,
            linger_s=settings.history.playback_linger_s,
            url_ttl_s=settings.media.url_ttl_s,
            setting="history.playbacks_max",
        )
        await self._steps.take(
            Step("playbacks", playback_leases.open, playback_leases.close, DEVICES_CLOSE_S)
        )
        recorded_leases = Leases(
            streams,
            limit=settings.storage.playbacks_max,
            linger_s=settings.storage.playback_linger_s,
            url_ttl_s=settings.media.url_ttl_s,
            setting="storage.playbacks_max",
        )
        await self._steps.take(
            Step("recorded playbacks", recorded_leases.open, recorded_leases.close, DEVICES_CLOSE_S)
        )
        pushes = PushDesk(lambda key, stream, tag: self.streams.hold(key, "push", tag=tag, stream=stream))
        await self._steps.take(Step("pushes", close=pushes.close))
        exposition = Exposition(settings.health)
        gathering = Gathering(
            self.catalog, streams, self.storage, exposition, self._counters, self._troubles, self.media
        )
        context = ApiContext(
            http=settings.http,
            users=self.users,
            tokens=Tokens(self._engine, box.derive("tokens"), settings.access, stats=self._access_stats),
            audit=self.audit,
            rights=self.rights,
            catalog=self.catalog,
            forest=self._forest,
            below=self._below,
            streams=streams,
            devices=self.devices,
            gateway=self.gateway,
            superiors=self.superiors,
            subordinates=Subordinates(
                self.devices,
                self.catalog,
                self._below,
                self.storage.index,
                self.superiors.ranks_changed,
            ),
            pictures=self.streams,
            media=self.media,
            pushes=pushes,
            leases=leases,
            playback_leases=playback_leases,
            recorded_playbacks=self.storage.playbacks,
            recorded_leases=recorded_leases,
            downloads=self.downloads,
            recorder=self.storage.recorder,
            storage=self.storage,
            outages=self.outages.store,
            segments=self.storage.index,
            playback=self.storage.playback,
            seal=lambda plain: box.seal(plain, SEAL_CONTEXT),
            rates=gathering.rates,
            overview=gathering.overview,
            metrics=gathering.metrics,
            server=self._server_info,
            is_ready=lambda: self._is_ready,
            alarm_files=self.storage.clips,
            limiter=LoginLimiter(settings.http.logins_per_minute),
            media_advertised_host=settings.media.advertised_host,
            publish_authorities=self._publish_authorities,
        )
        self.app = make_application(context)
        mount(self.app, lambda request: browser_client(self.app, request))
        self._server = HttpServer(self.app, self._http_socket, settings.http)
        await self._steps.take(
            Step("http", self._server.open, self._server.close, settings.http.close_timeout_s + 5.0)
        )
        self._publish_news(context.events)
        # Before the listener, which waits for its answers to end.
        await self._steps.take(Step("event streams", close=context.events.close))
        await self._steps.take(Step("conformance runs", close=context.conformance.close))

    def _hear_alarm(self, news: AlarmNews) -> None:
        """A camera that reports its own disk has a gap in its recordings, until somebody saw to it."""
        alarm = news.alarm
        if (alarm.method, alarm.alarm_type) not in STORAGE_ALARMS:
            return
        if not alarm.is_acknowledged:
            self.outages.storage_failed(alarm.device_id, alarm.channel_id, f"alarm: {alarm.type_text}")
        else:
            self.outages.storage_works(alarm.device_id, alarm.channel_id)

    def _publish_news(self, hub: EventHub) -> None:
        news = News(hub)
        self.devices.alarms.listeners.extend((news.alarm, self._hear_alarm))
        self.devices.positions.listeners.append(news.position)
        self.devices.presence.subscribe(news.device, news.listens_to)
        self.outages.site_listeners.append(news.site)
        self.storage.clips.listeners.append(news.alarm_file)

    async def _cameras_of(self, device_id: str) -> list[str]:
        """Two are enough to know that a device is more than one camera."""
        page = await self.catalog.list_channels(device_id, limit=2, kinds=CAMERAS)
        return [channel.channel_id for channel in page.items if channel.present]

    def _hear_device(self, event: DeviceEvent) -> None:
        # A recording that waits for its next attempt need not wait when its device is back.
        if isinstance(event, CAME_BACK):
            self.storage.recorder.device_came_back(event.device_id)
            self.downloads.device_came_back(event.device_id)

    async def _open_outages(self) -> None:
        presence = self.devices.presence
        await self.outages.open(view.device_id for view in presence.snapshot() if view.online)

    async def _close_users(self) -> None:
        await asyncio.to_thread(self.users.close)

    async def _close_http_socket(self) -> None:
        self._http_socket.close()

    def _counters(self) -> Mapping[str, object]:
        return {
            "sip": self.transport.endpoint.stats,
            "transport": self.transport.stats,
            "devices": self.devices.stats,
            "media": self.media.counters(),
            "storage": self.storage.stats,
            "access": self._access_stats,
            "outages": self.outages.stats,
            "sources": self.gateway.stats,
            "cascade": self._cascade_stats,
        }

    def _troubles(self) -> Troubles:
        superiors = [post.link for post in self.superiors.list() if post.link.superior.is_enabled]
        return Troubles(
            superiors=len(superiors),
            superiors_online=sum(link.is_online for link in superiors),
            outages_open=Counter(outage.cause.value for outage in self.outages.book.open_outages()),
            sites_out=len(self.outages.book.open_sites()),
            clocks_drifting=len(self.devices.clocks.drifting()),
        )

    def _server_info(self) -> ServerInfo:
        addresses = self.addresses()
        return ServerInfo(
            version=product_version(),
            sip_id=self.settings.sip.id,
            sip_domain=self.settings.sip.realm,
            sip_addresses=[f"{name[4:]}:{text}" for name, text in addresses.items() if name[:4] == "sip_"],
            media_address=addresses["media"],
        )


def browser_client(app: FastAPI, request: Request) -> Client:
    """The API client of the person behind a page request."""
    return Client.in_process(
        app,
        request.cookies.get(COOKIE),
        base_url=str(request.base_url),
        client_host=source_of(request),
    )
