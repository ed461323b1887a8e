"""What alarms need from others: commands to devices, and the rooms that carry out linked actions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from catalog.model import ChannelKey


class AlarmCommands(Protocol):
    """The commands that alarms send; ``sipserver.devices.commands`` has them.

    Each returns whether the device reported OK; None: it took the command and reported nothing (3.3 of the
    notes: accepted, no result).

    Raises:
        UnknownDevice, DeviceOffline, NoAnswer, Refused
    """

    async def set_guard(self, device_id: str, target_id: str, *, armed: bool) -> bool | None: ...

    async def reset_alarm(
        self, device_id: str, target_id: str, *, methods: tuple[int, ...] = (), alarm_type: int | None = None
    ) -> bool | None: ...


class EvidenceKeeper(Protocol):
    """Keeps footage and pictures of an alarm; the storage room's ``AlarmClips`` is one.

    Instants are of our own clock, as footage is.
    """

    def watch(self, before_s: Mapping[ChannelKey, float]) -> None:
        """The channels whose rules ask for footage from before an alarm, and how much of it."""

    async def keep_clip(
        self, alarm_id: str, key: ChannelKey, moment: datetime, *, before_s: float, after_s: float
    ) -> str:
        """Have the footage around a moment kept; returns the clip's id before the footage is whole."""

    async def keep_picture(self, alarm_id: str, key: ChannelKey) -> str:
        """Take a picture now and keep it; returns its id."""


class PresetCaller(Protocol):
    """Turns a dome to a preset."""

    async def call_preset(self, key: ChannelKey, preset: int) -> None: ...
