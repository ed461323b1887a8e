"""What superiors reach of the rooms that face cameras, as it may be replaced in tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from catalog.model import ChannelKey
from sipserver.devices.alarms.model import Guard
from sipserver.devices.commands.commands import Outcome
from sipserver.devices.configuration.outcomes import ConfigReport, Confirmation, SetOutcome
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import StopReason
from sipserver.devices.ptz.ptz import PtzEvent
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.messages.cruise_track import CruiseTrack, CruiseTrackResponse
from sipserver.gb.messages.device_control import Command, DragZoom, HomePosition, PtzPrecise, TargetTrack
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.preset_query import NamedPreset
from sipserver.gb.messages.ptz_position import PtzPosition
from sipserver.gb.messages.sd_card import SdCard
from sipserver.gb.messages.snapshot import UploadSnapShotFinished


class Heads(Protocol):
    """The part of ``sipserver.devices.ptz`` that superiors move cameras with."""

    @property
    def listeners(self) -> list[Callable[[PtzEvent], None]]: ...
    async def relay(
        self, key: ChannelKey, holder: Holder, frame: str, *, preset_name: str = ..., cruise_name: str = ...
    ) -> None: ...
    def release(self, key: ChannelKey, holder_id: str, reason: StopReason = ...) -> bool: ...
    def release_holder(self, holder_id: str, reason: StopReason = ...) -> None: ...


class CameraCommands(Protocol):
    """The part of ``sipserver.devices.commands`` that superiors reach."""

    async def send(self, device_id: str, target_id: str, command: Command) -> Outcome: ...
    async def aim(
        self, key: ChannelKey, holder: Holder, command: DragZoom | PtzPrecise | TargetTrack
    ) -> Outcome: ...
    async def presets(self, key: ChannelKey) -> tuple[NamedPreset, ...]: ...
    async def home_position(self, key: ChannelKey) -> HomePosition | None: ...
    async def cruises(self, key: ChannelKey) -> tuple[CruiseTrack, ...]: ...
    async def cruise(self, key: ChannelKey, number: int) -> CruiseTrackResponse: ...
    async def position(self, key: ChannelKey) -> PtzPosition: ...


class StorageCards(Protocol):
    """The part of ``sipserver.devices.configuration.sd_cards`` that superiors ask."""

    async def status(self, key: ChannelKey) -> tuple[SdCard, ...]: ...


class CameraSettings(Protocol):
    """The part of ``sipserver.devices.configuration`` that superiors reach."""

    @property
    def sd_cards(self) -> StorageCards: ...
    async def download(self, key: ChannelKey, types: Sequence[str]) -> ConfigReport: ...
    async def set(self, key: ChannelKey, block: Block) -> SetOutcome: ...
    async def send(self, key: ChannelKey, block: Block) -> Confirmation: ...


class Guards(Protocol):
    """The part of ``sipserver.devices.alarms.guarding`` that superiors reach."""

    async def set_guard(self, device_id: str, target_id: str, *, armed: bool, by: str) -> Guard: ...


class CameraAlarms(Protocol):
    """The part of ``sipserver.devices.alarms`` that superiors reach."""

    @property
    def guarding(self) -> Guards: ...


class CameraUploads(Protocol):
    """The part of ``sipserver.devices.uploads`` that superiors reach."""

    @property
    def elsewhere(self) -> list[Callable[[str, UploadSnapShotFinished | DeviceUpgradeResult], bool]]: ...


class Cameras(Protocol):
    """What can be said to and asked of a channel's device; see ``sipserver.devices.service``."""

    @property
    def ptz(self) -> Heads: ...
    @property
    def commands(self) -> CameraCommands: ...
    @property
    def configuration(self) -> CameraSettings: ...
    @property
    def alarms(self) -> CameraAlarms: ...
    @property
    def uploads(self) -> CameraUploads: ...
    async def request_keyframe(self, key: ChannelKey) -> None: ...
