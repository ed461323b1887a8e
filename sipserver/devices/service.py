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
from sipserver.devices.catalog_sync import CatalogSync, CatalogSyncResult
from sipserver.devices.control import Control
from sipserver.devices.dialog_store import DialogStore, MemoryDialogStore
from sipserver.devices.errors import DeviceError, Refused
from sipserver.devices.features import Feature, FeatureSettings, Parts
from sipserver.devices.invites import Invites
from sipserver.devices.limiter import TokenBuckets
from sipserver.devices.ports import DeviceCatalog, MediaPort
from sipserver.devices.presence import Presence, wall_clock
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.queries import QueryDesk
from sipserver.devices.reconcile import Reconciler
from sipserver.devices.registrar import Registrar
from sipserver.devices.router import Router
from sipserver.devices.senders import Senders
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.signalling import Signalling
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_info import DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.sip.digest import DigestServer
from sipserver.sip.flow import Flow
from sipserver.transport.driver import SipTransport
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
        self.settings: Final = settings
        self.stats: Final = DeviceStats()
        self._transport = transport
        self._wall = wall
        self._catalog = catalog
        self._attempts = TokenBuckets(settings.attempts_burst, settings.attempts_per_second)
        self._admission = Admission(settings, unseal)
        self.presence: Final = Presence(
            settings, catalog, self.stats, clock=clock, wall=wall, open_flow=self._open_flow
        )
        self._signalling = Signalling(settings, transport, self.presence)
        self._queries = QueryDesk(self._signalling)
        self._control = Control(settings, self._signalling)
        self.catalog_sync: Final = CatalogSync(
            settings, self._signalling, self._queries, self.presence, catalog, self.stats, clock=clock
        )
        self._stale = StaleDialogs(
            dialogs or MemoryDialogStore(),
            self._signalling,
            self.stats,
            is_online=self.presence.is_online,
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
        )
        self._reconciler = Reconciler(settings, self.invites, media, self.presence, self.stats, clock=clock)
        self._router = self._make_router()
        self.profiles: Final = Profiles(wall=wall)
        self._parts: Final = Parts(
            settings=settings,
            features=features or FeatureSettings(),
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
        )
        # In the order in which they are opened; closed the other way round.
        self._features: Final[tuple[Feature, ...]] = ()

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        devices = await self.presence.open()
        self._admission.load(devices)
        self.catalog_sync.load(devices, self._wall())
        self.presence.probe = self._probe
        self.presence.listeners += [
            self.catalog_sync.listen,
            self.invites.listen,
            self._stale.listen,
            *(feature.listen for feature in self._features),
        ]
        self._transport.flow_closed_handler = self.presence.flow_closed
        self._transport.request_handler = self._router.receive
        await self._stale.open()
        for feature in self._features:
            await feature.open()
        self._reconciler.open()

    async def close(self) -> None:
        """End the invites while devices can still be told, then save what is known."""
        await self._reconciler.close()
        for feature in reversed(self._features):
            await feature.close()
        await self.catalog_sync.close()
        await self.invites.close()
        await self._stale.close()
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

    async def request_keyframe(self, key: ChannelKey) -> None:
        """Ask a channel for a key frame.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused
        """
        await self._control.request_keyframe(key)

    async def reconcile(self) -> None:
        """One turn of the loop that compares intended with real sessions; it also runs by itself."""
        await self._reconciler.sweep()

    def device_changed(self, device: Device) -> None:
        """An operator entered or changed a device; one that may not stay loses its registration."""
        self._admission.set(device)
        remote = self.presence.get(device.device_id)
        host = remote.remote[0] if remote is not None and remote.remote is not None else ""
        if self._admission.refusal(device.device_id, host, device.user_agent) is not None:
            self.presence.unregistered(device.device_id)

    def device_removed(self, device_id: str) -> None:
        """An operator removed a device."""
        self._admission.forget(device_id)
        self.presence.unregistered(device_id)
        self.presence.forget(device_id)

    @property
    def stale_dialogs(self) -> int:
        return len(self._stale)

    # ---------------------------------------------------------------- inside

    def _make_router(self) -> Router:
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
            wall=self._wall,
        )
        senders = Senders(settings, self.presence.table, self._attempts, self.stats)
        return Router(
            self._transport, registrar, senders, self.presence, self._queries, self.invites, self.stats
        )

    def _open_flow(self, remote: tuple[str, int], local: tuple[str, int] | None) -> Flow | None:
        try:
            return self._transport.flow_to(remote, local=local)
        except FlowClosed:
            return None

    async def _probe(self, device_id: str) -> bool:
        """Whether a silent device answers when asked; any answer will do, a refusal too."""
        sn = self._signalling.next_sn()
        query = DeviceStatusQuery(sn, GbId(device_id)).to_xml()
        try:
            await self._signalling.send_document(device_id, query, timeout_s=self.settings.probe_timeout_s)
        except Refused:
            return True
        except DeviceError:
            return False
        return True
