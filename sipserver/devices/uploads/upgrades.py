"""Firmware upgrades: the device fetches a file from us, installs it, registers again and reports."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from catalog.model import ChannelKey
from sipserver.devices.configuration.asking import ask_result
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import DeviceError, NotInEdition, Refused, TransfersBusy, UnknownTransfer
from sipserver.devices.events import DeviceCameOnline, DeviceEvent, DeviceRestarted
from sipserver.devices.features import Parts
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.devices.uploads.model import Firmware, Upgrade, UpgradeState
from sipserver.devices.uploads.place import DOWNLOAD_PREFIX, Place
from sipserver.devices.uploads.settings import UploadSettings
from sipserver.devices.uploads.snapshots import clean_name
from sipserver.devices.uploads.store import UploadStore
from sipserver.gb.editions import Feature, allows
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.device_control import DeviceControl, DeviceUpgrade
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.transport.driver import IncomingRequest

ID_BYTES: Final = 16

logger = logging.getLogger(__name__)


QueryInfo = Callable[[str], Awaitable[object]]
"""Asks a device what it is, and notes that in the catalogue."""


class FirmwareFile(NamedTuple):
    """What a device may fetch, and under which token."""

    token: str
    path: Path
    file_name: str


class Upgrades:
    """Owns every upgrade that is under way; at most one of each device."""

    def __init__(
        self,
        parts: Parts,
        settings: UploadSettings,
        store: UploadStore,
        place: Place,
        query_info: QueryInfo,
    ) -> None:
        self._parts = parts
        self._query_info = query_info
        self._settings = settings
        self._store = store
        self._place = place
        self._tasks = TaskOwner("upgrade")
        self._running: dict[str, Upgrade] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._starting: set[str] = set()
        self.elsewhere: Callable[[str, DeviceUpgradeResult], bool] = lambda _device_id, _result: False
        """Offered the results of upgrades that were not begun here."""
        parts.router.commands["Notify", "DeviceUpgradeResult"] = self._result

    async def open(self) -> None:
        """Go on waiting for upgrades of a former run."""
        for upgrade in await self._store.open_upgrades():
            self._enter(upgrade)

    async def close(self) -> None:
        await self._tasks.close()

    def listen(self, event: DeviceEvent) -> None:
        """A registration after the download: the new firmware has started."""
        match event:
            case DeviceCameOnline(device_id) | DeviceRestarted(device_id):
                upgrade = self._of(device_id)
                if upgrade is not None and upgrade.state in _BEFORE_RESTART:
                    self._update(upgrade, state=UpgradeState.RESTARTED)

    def device_removed(self, device_id: str) -> None:
        if (upgrade := self._of(device_id)) is not None:
            self._end(upgrade.session_id, UpgradeState.FAILED, "the device was removed")

    # ---------------------------------------------------------------- firmware

    async def add_firmware(
        self,
        chunks: AsyncIterator[bytes],
        *,
        file_name: str,
        manufacturer: str,
        version: str,
        uploaded_by: str = "",
    ) -> Firmware:
        """Keep a file for devices to fetch.

        Raises:
            NoCapacity; what the store raises for a file that is too large or a disk that is full.
        """
        firmware_id = secrets.token_hex(ID_BYTES)
        blob = f"{firmware_id[:2]}/{firmware_id}.bin"
        stored = await self._place.files.receive(blob, chunks, self._settings.firmware_max_bytes)
        found = Firmware(
            firmware_id=firmware_id,
            file_name=clean_name(file_name),
            manufacturer=manufacturer,
            version=version,
            blob=blob,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            uploaded_by=uploaded_by,
            uploaded_time=self._parts.wall(),
        )
        await self._store.add_firmware(found)
        return found

    async def firmware(self, firmware_id: str) -> Firmware:
        """Raises UnknownTransfer."""
        found = await self._store.firmware(firmware_id)
        if found is None:
            raise UnknownTransfer(f"no firmware has the id {firmware_id[:64]!r}")
        return found

    async def all_firmware(self) -> list[Firmware]:
        return await self._store.all_firmware()

    async def remove_firmware(self, firmware_id: str) -> None:
        """Delete a file; not while a device may still fetch it.

        Raises:
            UnknownTransfer, TransfersBusy
        """
        found = await self.firmware(firmware_id)
        users = [each.device_id for each in self._running.values() if each.firmware_id == firmware_id]
        if users:
            raise TransfersBusy(f"device {users[0]} is being upgraded with this firmware", device_id=users[0])
        await self._place.files.delete(found.blob)
        await self._store.delete_firmware(firmware_id)

    # ---------------------------------------------------------------- upgrades

    async def start(
        self, key: ChannelKey, firmware_id: str, *, requested_by: str = "", despite_edition: bool = False
    ) -> Upgrade:
        """Tell a device to install a firmware; returns when it has accepted (GB-C064).

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition, UnknownTransfer, TransfersBusy
        """
        device_id = key.device_id
        if self._of(device_id) is not None or device_id in self._starting:
            raise TransfersBusy(f"an upgrade of device {device_id} runs already", device_id=device_id)
        edition = self._parts.signalling.entry_of(device_id).edition
        if not despite_edition and not allows(edition, Feature.COMMANDS_OF_2022):
            text = f"device {device_id} speaks {edition.value}; DeviceUpgrade is of 3.0"
            raise NotInEdition(text, device_id=device_id)
        self._starting.add(device_id)
        try:
            return await self._start(key, await self.firmware(firmware_id), requested_by)
        finally:
            self._starting.discard(device_id)

    async def upgrade(self, session_id: str) -> Upgrade:
        """Raises UnknownTransfer."""
        found = self._running.get(session_id) or await self._store.upgrade(session_id)
        if found is None:
            raise UnknownTransfer(f"no upgrade has the id {session_id[:64]!r}")
        return found

    async def upgrades_of(self, device_id: str) -> list[Upgrade]:
        """The newest first."""
        stored = await self._store.upgrades_of(device_id)
        return [self._running.get(each.session_id, each) for each in stored]

    async def fetched(self, token: str) -> FirmwareFile:
        """A device asks for its file.

        Raises:
            UnknownTransfer: no upgrade runs with this address.
        """
        upgrade = self._by_token(token)
        if upgrade is None:
            raise UnknownTransfer("nothing is offered at this address")
        found = await self.firmware(upgrade.firmware_id)
        upgrade = self._by_token(token)
        if upgrade is not None and upgrade.state in {UpgradeState.REQUESTED, UpgradeState.ACCEPTED}:
            self._update(upgrade, state=UpgradeState.DOWNLOADING)
        return FirmwareFile(token, self._place.files.path(found.blob), found.file_name)

    def sent(self, token: str) -> None:
        """The last byte of the file has been sent to the device."""
        upgrade = self._by_token(token)
        if upgrade is not None and upgrade.state in {
            UpgradeState.REQUESTED,
            UpgradeState.ACCEPTED,
            UpgradeState.DOWNLOADING,
        }:
            self._update(upgrade, state=UpgradeState.DOWNLOADED)

    # ---------------------------------------------------------------- inside

    async def _start(self, key: ChannelKey, firmware: Firmware, requested_by: str) -> Upgrade:
        token = secrets.token_urlsafe(ID_BYTES)
        url = self._place.url(key.device_id, DOWNLOAD_PREFIX, token)
        wall = self._parts.wall()
        upgrade = Upgrade(
            session_id=secrets.token_hex(ID_BYTES),
            token=token,
            device_id=key.device_id,
            target_id=key.channel_id,
            firmware_id=firmware.firmware_id,
            version=firmware.version,
            requested_by=requested_by,
            requested_time=wall,
            deadline_time=wall + timedelta(seconds=self._settings.upgrade_timeout_s),
        )
        await self._store.save_upgrade(upgrade)
        self._enter(upgrade)
        command = DeviceUpgrade(firmware.version, url, firmware.manufacturer, upgrade.session_id)
        try:
            await self._command(upgrade, command)
        except DeviceError as error:
            self._end(upgrade.session_id, UpgradeState.FAILED, str(error))
            raise
        return await self.upgrade(upgrade.session_id)

    async def _command(self, upgrade: Upgrade, command: DeviceUpgrade) -> None:
        sn = self._parts.signalling.next_sn()
        document = DeviceControl(sn, GbId(upgrade.target_id), command).to_xml()
        is_ok = await ask_result(self._parts, upgrade.device_id, "DeviceControl", sn, document)
        if is_ok is False:
            text = f"device {upgrade.device_id} answered DeviceUpgrade with Result ERROR"
            raise Refused(text, status=0, device_id=upgrade.device_id)
        now = self._running.get(upgrade.session_id)
        if now is not None and now.state is UpgradeState.REQUESTED:
            detail = "" if is_ok else "accepted, no result"
            self._update(now, state=UpgradeState.ACCEPTED, detail=detail)

    def _enter(self, upgrade: Upgrade) -> None:
        self._running[upgrade.session_id] = upgrade
        self._changed[upgrade.session_id] = asyncio.Event()
        self._tasks.spawn(self._watch(upgrade.session_id), upgrade.device_id)

    def _of(self, device_id: str) -> Upgrade | None:
        return next((each for each in self._running.values() if each.device_id == device_id), None)

    def _by_token(self, token: str) -> Upgrade | None:
        return next(
            (each for each in self._running.values() if secrets.compare_digest(each.token, token)), None
        )

    def _update(self, upgrade: Upgrade, **changes: Any) -> None:
        self._running[upgrade.session_id] = replace(upgrade, **changes)
        self._changed[upgrade.session_id].set()

    def _end(self, session_id: str, state: UpgradeState, detail: str, firmware_after: str = "") -> None:
        upgrade = self._running.get(session_id)
        if upgrade is not None and not upgrade.state.is_end:
            self._update(
                upgrade,
                state=state,
                detail=detail,
                firmware_after=firmware_after,
                ended_time=self._parts.wall(),
            )

    async def _watch(self, session_id: str) -> None:
        """Save each change; end the upgrade when the device says nothing for too long."""
        changed = self._changed[session_id]
        deadline_time = self._running[session_id].deadline_time
        deadline = self._parts.clock() + (deadline_time - self._parts.wall()).total_seconds()
        saved = UpgradeState.REQUESTED
        try:
            while not saved.is_end:
                try:
                    async with asyncio.timeout(max(deadline - self._parts.clock(), 0.0)):
                        await changed.wait()
                except TimeoutError:
                    stood = f"the device reported no result; it stood at: {self._running[session_id].state}"
                    self._end(session_id, UpgradeState.TIMED_OUT, stood)
                changed.clear()
                saved = self._running[session_id].state
                await until_written(
                    lambda: self._store.save_upgrade(self._running[session_id]), f"upgrade {session_id}"
                )
        finally:
            ended = self._running.pop(session_id)
            del self._changed[session_id]
        logger.info(
            "upgrade to %s ended: %s %s",
            ended.version,
            ended.state,
            ended.detail,
            extra={"device_id": ended.device_id},
        )

    def _result(self, entry: DeviceEntry, _incoming: IncomingRequest, document: Document) -> None:
        """Matched by SessionID (GB-C069), and only by the device that was told."""
        try:
            result = DeviceUpgradeResult.from_xml(document.element)
        except MalformedText:
            self._parts.stats.malformed_bodies += 1
            return
        upgrade = self._running.get(result.session_id)
        if upgrade is None or upgrade.device_id != entry.device_id:
            if not self.elsewhere(entry.device_id, result):
                self._parts.stats.unexpected_responses += 1
            return
        state = UpgradeState.SUCCEEDED if result.ok else UpgradeState.FAILED
        self._end(result.session_id, state, result.failure_text, result.firmware)
        if result.ok:
            self._tasks.spawn(self._note_version(entry.device_id), f"version of {entry.device_id}")

    async def _note_version(self, device_id: str) -> None:
        try:
            await self._query_info(device_id)
        except (DeviceError, SQLAlchemyError, OSError) as error:
            logger.info("the new version of %s was not noted: %s", device_id, error)


_BEFORE_RESTART: Final = frozenset(
    {UpgradeState.REQUESTED, UpgradeState.ACCEPTED, UpgradeState.DOWNLOADING, UpgradeState.DOWNLOADED}
)
