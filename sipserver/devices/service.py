"""Builds the parts of this room, joins them, and opens and closes them in order."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey, Device
from sipserver.devices.admission import Admission
from sipserver.devices.alarms.alarms import Alarms
from sipserver.devices.audio.service import Audio
from sipserver.devices.catalog_sync import CatalogSync, CatalogSyncResult
from sipserver.devices.clocks.clocks import Clocks
from sipserver.devices.commands.commands import Commands
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.configuration.configuration import Configuration
from sipserver.devices.control import Control
from sipserver.devices.diagnosis.diagnosis import Diagnoser
from sipserver.devices.diagnosis.probe import ProbeParts
from sipserver.devices.dialog_store import DialogStore, MemoryDialogStore
from sipserver.devices.errors import DeviceError, Refused
from sipserver.devices.events import DeviceRemoved
from sipserver.devices.features import Feature, FeatureSettings, Listening, Parts
from sipserver.devices.history.desk import HistoryDesk
from sipserver.devices.history.downloads import Downloads
from sipserver.devices.history.playbacks import Playbacks
from sipserver.devices.history.records import Records
from sipserver.devices.history.relays import HistoryRelays
from sipserver.devices.incoming_calls import IncomingCalls
from sipserver.devices.invites import Invites
from sipserver.devices.limiter import TokenBuckets
from sipserver.devices.platform_items import PlatformItems
from sipserver.devices.ports import DeviceCatalog, MediaPort
from sipserver.devices.positions.positions import Positions
from sipserver.devices.presence import Presence, wall_clock
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.profiles.store import MemoryProfileStore, SqlProfileStore
from sipserver.devices.ptz.ptz import Ptz
from sipserver.devices.queries import QueryDesk
from sipserver.devices.reconcile import Reconciler
from sipserver.devices.registrar import Registrar
from sipserver.devices.registration.overload import Overload
from sipserver.devices.registration.redirect import Redirects
from sipserver.devices.router import Router
from sipserver.devices.senders import Senders
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats
from sipserver.devices.subscriptions.subscriptions import Subscriptions
from sipserver.devices.tracing.trace import Trace
from sipserver.devices.uploads.uploads import Uploads
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_info import DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.sip.digest import DigestServer
from sipserver.sip.flow import Flow
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import FlowClosed

SECRET_BYTES: Final = 32

logger = logging.getLogger(__name__)


class DeviceService:
    """Everything that faces devices.

    The transport is opened before and closed after this. ``dialogs`` keeps accepted invites over a restart,
    ``database`` what the features remember; ``unseal`` opens the passwords that the catalogue stores sealed.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        transport: SipTransport,
        media: MediaPort,
        catalog: DeviceCatalog,
        *,
        features: FeatureSettings | None = None,
        database: AsyncEngine | None = None,
        dialogs: DialogStore | None = None,
        unseal: Callable[[str], str] | None = None,
        wall: Callable[[], datetime] = wall_clock,
    ) -> None:
        clock = transport.clock
        features = features or FeatureSettings()
        self.settings: Final = settings
        self.stats: Final = DeviceStats()
        self._transport = transport
        self._wall = wall
        self._catalog = catalog
        self._flow_listeners: list[Callable[[Flow], None]] = []
        self._attempts = TokenBuckets(settings.attempts_burst, settings.attempts_per_second)
        self._admission = Admission(settings, unseal)
        self.foreign: Final = PlatformItems(self._admission.is_platform, settings.id, self.stats)
        self.presence: Final = Presence(
            settings, catalog, self.stats, clock=clock, wall=wall, open_flow=self._open_flow
        )
        self.profiles: Final = Profiles(
            wall=wall,
            settings=features.profiles,
            store=MemoryProfileStore() if database is None else SqlProfileStore(database),
        )
        self.overload: Final = Overload(
            features.registration,
            clock=clock,
            saving_for_s=lambda: self.presence.saving_for_s,
            queue_fraction=transport.queue_fraction,
        )
        self.redirects: Final = Redirects(features.registration)
        self._signalling = Signalling(settings, transport, self.presence, self.profiles)
        self._queries = QueryDesk(self._signalling)
        gate = self._gate = EditionGate(self._signalling, self.profiles)
        self._control = Control(settings, self._signalling, self.profiles, gate)
        self.catalog_sync: Final = CatalogSync(
            settings,
            self._signalling,
            self._queries,
            self.presence,
            catalog,
            self.stats,
            self.profiles,
            self.foreign,
            self._admission.platforms,
            is_busy=self.overload.is_busy,
            clock=clock,
        )
        self._stale = StaleDialogs(
            dialogs or MemoryDialogStore(),
            self._signalling,
            self.stats,
            is_online=self.presence.is_online,
            wall=wall,
        )
        self.invites: Final = Invites(
            settings,
            self._signalling,
            transport,
            media,
            self.presence,
            catalog,
            self._stale,
            self.stats,
            clock=clock,
            wall=wall,
            ask_keyframe=self._control.request_keyframe,
            profiles=self.profiles,
            preference_of=self._admission.media_preference_of,
            is_platform=self._admission.is_platform,
        )
        self._reconciler = Reconciler(settings, self.invites, media, self.presence, self.stats, clock=clock)
        self._router = self._make_router(features.registration.expires_spread)
        self._parts: Final = Parts(
            settings=settings,
            features=features,
            transport=transport,
            signalling=self._signalling,
            queries=self._queries,
            presence=self.presence,
            catalog=catalog,
            media=media,
            invites=self.invites,
            dialogs=self._stale,
            profiles=self.profiles,
            router=self._router,
            stats=self.stats,
            database=database,
            clock=clock,
            wall=wall,
            foreign=self.foreign,
        )
        self.ptz: Final = Ptz(self._parts, gate)
        self.commands: Final = Commands(self._parts, self.ptz, gate)
        self.trace: Final = Trace(features.trace, transport, self.presence)
        self.diagnosis: Final = Diagnoser(
            ProbeParts(
                signalling=self._signalling,
                presence=self.presence,
                catalog=catalog,
                invites=self.invites,
                trace=self.trace,
                ask_status=self._ask_status,
                clock=clock,
                wall=wall,
            )
        )
        self.alarms: Final = Alarms(self._parts, self.commands)
        self.records: Final = Records(self._parts)
        history = HistoryDesk(self._parts, self.records)
        self.playbacks: Final = Playbacks(self._parts, history)
        self.downloads: Final = Downloads(self._parts, history)
        self.history_relays: Final = HistoryRelays(self._parts, history)
        self.audio: Final = Audio(self._parts)
        self.subscriptions: Final = Subscriptions(self._parts, self.sync_catalog)
        self.positions: Final = Positions(self._parts, self.subscriptions)
        self.clocks: Final = Clocks(self._parts)  # listens along with the others: after them
        self.configuration: Final = Configuration(self._parts)
        self.uploads: Final = Uploads(self._parts, self.configuration, self.query_info)
        # In the order in which they are opened; closed the other way round.
        self._features: Final[tuple[Feature, ...]] = (
            self.trace,
            self.configuration,
            self.uploads,
            self.commands,
            self.audio,
            self.alarms,
            history,
            self.playbacks,
            self.clocks,
            self.subscriptions,
            self.positions,
            # The first to be closed: whatever moves is stopped while there is time.
            self.ptz,
        )
        self._listening: Final[tuple[Listening, ...]] = (
            self.catalog_sync,
            self.invites,
            self._stale,
            self.configuration,
            self.uploads,
            self.audio,
            self.alarms,
            self.clocks,
            self.subscriptions,
            self.ptz,
        )

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        devices = await self.presence.open()
        await self.profiles.open()
        for device in devices:
            self.profiles.identify(device.device_id, device.manufacturer, device.model, device.firmware)
        self._admission.load(devices)
        self.catalog_sync.load(devices, self._wall())
        self.presence.probe = self._probe
        for part in self._listening:
            self.presence.subscribe(part.listen, part.listens_to)
        calls = self._parts.calls
        self._transport.flow_closed_handler = self._flow_closed
        self._transport.ack_handler = calls.acknowledged
        self._transport.cancelled_handler = calls.cancelled
        self._transport.unacknowledged_handler = calls.unacknowledged
        self._transport.request_handler = self._router.receive
        await self._stale.open()
        for feature in self._features:
            await feature.open()
        self._reconciler.open()
        self.catalog_sync.open()
        await self.overload.open()

    async def close(self) -> None:
        """End the invites while devices can still be told, then save what is known."""
        await self.overload.close()
        await self._reconciler.close()
        for feature in reversed(self._features):
            await feature.close()
        await self.catalog_sync.close()
        await self.invites.close()
        await self._stale.close()
        await self.profiles.close()
        await self.presence.close()

    # ---------------------------------------------------------------- what others may ask

    async def sync_catalog(self, device_id: str) -> CatalogSyncResult:
        """Ask the device for its catalogue now.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        return await self.catalog_sync.sync(device_id)

    async def query_info(self, device_id: str) -> DeviceInfoResponse:
        """Ask the device who made it.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        return await self.catalog_sync.query_info(device_id)

    async def query_status(self, device_id: str) -> DeviceStatusResponse:
        """Ask the device how it is.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        sn = self._signalling.next_sn()
        query = DeviceStatusQuery(sn, GbId(device_id)).to_xml()
        document = await self._queries.ask(
            device_id, "DeviceStatus", sn, query, timeout_s=self.settings.query_timeout_s
        )
        return DeviceStatusResponse.from_xml(document.element)

    def edition_of(self, device_id: str) -> Edition:
        """The edition to act on: what an operator pinned, else what the device stated.

        Raises:
            UnknownDevice, DeviceOffline
        """
        return self._gate.edition(device_id)

    def own_address_for(self, flow: Flow) -> tuple[str, int]:
        """Our SIP address as the device at the other end of a flow reaches it."""
        return self._transport.advertised(flow)

    @property
    def clock(self) -> Callable[[], float]:
        """The monotonic clock of this room."""
        return self._transport.clock

    async def request_keyframe(self, key: ChannelKey) -> None:
        """Ask a channel for a key frame.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        await self._control.request_keyframe(key)

    async def reconcile(self) -> None:
        """One turn of the loop that compares intended with real sessions; it also runs by itself."""
        await self._reconciler.sweep()

    def reserve(self, device_id: str) -> None:
        """An id that stands for the platform itself in the catalogue: nobody registers with it."""
        self._admission.reserve(device_id)
        self._signalling.own_ids.add(device_id)

    def device_changed(self, device: Device) -> None:
        """An operator entered or changed a device; one that may not stay loses its registration."""
        self._admission.set(device)
        remote = self.presence.get(device.device_id)
        host = remote.remote[0] if remote is not None and remote.remote is not None else ""
        if self._admission.refusal(device.device_id, host, device.user_agent) is not None:
            self.presence.unregistered(device.device_id)

    def device_removed(self, device_id: str) -> None:
        """An operator removed a device: what it had open ends, and nothing of it is kept here."""
        self._admission.forget(device_id)
        self.presence.unregistered(device_id)
        self.presence.forget(device_id)
        for feature in self._features:
            feature.device_removed(device_id)
        for part in (self.catalog_sync, self.invites, self._stale, self._router):
            part.device_removed(device_id)
        self.profiles.forget_device(device_id)
        self.redirects.forget(device_id)
        self.presence.announce(DeviceRemoved(device_id))

    def share_transport(
        self, first: Callable[[IncomingRequest], bool], flow_closed: Callable[[Flow], None]
    ) -> None:
        """Let another room see each request first, which it may take, and each connection that closes."""
        self._router.first = first
        self._flow_listeners.append(flow_closed)

    @property
    def calls(self) -> IncomingCalls:
        """Who hears of the ACK or CANCEL of an INVITE that we answered."""
        return self._parts.calls

    def media_host_for(self, flow: Flow) -> str:
        """Our address for media, as the peer of a flow reaches it."""
        return self._signalling.media_host(flow)

    def is_platform(self, device_id: str) -> bool:
        """Whether a device is a whole platform below us."""
        return self._admission.is_platform(device_id)

    def path_rank(self, device_id: str) -> int:
        """Of several that bring one camera the lowest is asked first; what registers itself goes before."""
        return self._admission.path_rank(device_id)

    @property
    def stale_dialogs(self) -> int:
        return len(self._stale)

    # ---------------------------------------------------------------- inside

    def _make_router(self, expires_spread: float) -> Router:
        settings = self.settings
        digest = DigestServer(
            settings.realm,
            secrets.token_bytes(SECRET_BYTES),
            algorithms=settings.digest_algorithms,
            qop=settings.digest_qop,
        )
        registrar = Registrar(
            settings,
            self._transport,
            self.presence,
            self._admission,
            digest,
            self._attempts,
            self.stats,
            redirects=self.redirects,
            overload=self.overload,
            expires_spread=expires_spread,
            wall=self._wall,
        )
        senders = Senders(settings, self.presence.table, self._attempts, self.stats)
        return Router(
            self._transport,
            registrar,
            senders,
            self.presence,
            self._queries,
            self.invites,
            self.stats,
            self.profiles,
        )

    def _flow_closed(self, flow: Flow) -> None:
        self.presence.flow_closed(flow)
        for listener in self._flow_listeners:
            listener(flow)

    def _open_flow(self, remote: tuple[str, int], local: tuple[str, int] | None) -> Flow | None:
        try:
            return self._transport.flow_to(remote, local=local)
        except FlowClosed:
            return None

    async def _ask_status(self, device_id: str) -> None:
        """A status query that is answered, whatever comes of it later."""
        sn = self._signalling.next_sn()
        query = DeviceStatusQuery(sn, GbId(device_id)).to_xml()
        await self._signalling.send_document(device_id, query, timeout_s=self.settings.probe_timeout_s)

    async def _probe(self, device_id: str) -> bool:
        """Whether a silent device answers when asked; any answer will do, a refusal too."""
        try:
            await self._ask_status(device_id)
        except Refused:
            return True
        except DeviceError:
            return False
        return True
