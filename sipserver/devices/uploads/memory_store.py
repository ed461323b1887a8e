"""The twin of the store without a database: forgets with the process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sipserver.devices.uploads.model import Firmware, SnapshotBurst, SnapshotPicture, Upgrade
from sipserver.devices.uploads.store import LIST_MAX


class MemoryUploadStore:
    """Holds the same rows in dictionaries."""

    def __init__(self) -> None:
        self._bursts: dict[str, SnapshotBurst] = {}
        self._pictures: dict[str, list[SnapshotPicture]] = {}
        self._firmware: dict[str, Firmware] = {}
        self._upgrades: dict[str, Upgrade] = {}

    async def open_bursts(self) -> list[SnapshotBurst]:
        return [burst for burst in self._bursts.values() if burst.ended_time is None]

    async def save_burst(self, burst: SnapshotBurst) -> None:
        self._bursts[burst.session_id] = burst

    async def burst(self, session_id: str) -> SnapshotBurst | None:
        return self._bursts.get(session_id)

    async def bursts_of(self, device_id: str, channel_id: str) -> list[SnapshotBurst]:
        wanted = (device_id, channel_id)
        found = [each for each in self._bursts.values() if (each.device_id, each.channel_id) == wanted]
        return sorted(found, key=lambda each: each.requested_time, reverse=True)[:LIST_MAX]

    async def bursts_before(self, requested_before: datetime) -> list[SnapshotBurst]:
        old = [
            each
            for each in self._bursts.values()
            if each.requested_time < requested_before and each.ended_time is not None
        ]
        return sorted(old, key=lambda each: each.requested_time)[:LIST_MAX]

    async def delete_bursts(self, session_ids: Sequence[str]) -> None:
        for session_id in session_ids:
            self._bursts.pop(session_id, None)
            self._pictures.pop(session_id, None)

    async def add_picture(self, picture: SnapshotPicture) -> None:
        self._pictures.setdefault(picture.session_id, []).append(picture)

    async def pictures_of(self, session_ids: Sequence[str]) -> list[SnapshotPicture]:
        return [each for session_id in sorted(session_ids) for each in self._pictures.get(session_id, ())]

    async def add_firmware(self, found: Firmware) -> None:
        self._firmware[found.firmware_id] = found

    async def firmware(self, firmware_id: str) -> Firmware | None:
        return self._firmware.get(firmware_id)

    async def all_firmware(self) -> list[Firmware]:
        return sorted(self._firmware.values(), key=lambda each: each.uploaded_time, reverse=True)[:LIST_MAX]

    async def delete_firmware(self, firmware_id: str) -> None:
        self._firmware.pop(firmware_id, None)

    async def open_upgrades(self) -> list[Upgrade]:
        return [upgrade for upgrade in self._upgrades.values() if upgrade.ended_time is None]

    async def save_upgrade(self, upgrade: Upgrade) -> None:
        self._upgrades[upgrade.session_id] = upgrade

    async def upgrade(self, session_id: str) -> Upgrade | None:
        return self._upgrades.get(session_id)

    async def upgrades_of(self, device_id: str) -> list[Upgrade]:
        found = [each for each in self._upgrades.values() if each.device_id == device_id]
        return sorted(found, key=lambda each: each.requested_time, reverse=True)[:LIST_MAX]

    async def blobs(self) -> set[str]:
        pictures = {each.blob for found in self._pictures.values() for each in found}
        return pictures | {each.blob for each in self._firmware.values()}
