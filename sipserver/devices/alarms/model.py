"""Alarms, what is done about them, and the rules for it, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.alarms.settings import AutoReset
from sipserver.gb.alarm_tables import Words, describe

LOWEST_PRIORITY: Final = 4


class AlarmForm(StrEnum):
    """How an alarm reached us."""

    MESSAGE = "message"
    NOTIFY = "notify"
    TEST = "test"  # an operator tries the rules


class ActionKind(StrEnum):
    """What a rule does."""

    RECORD = "record"
    SNAPSHOT = "snapshot"
    PRESET = "preset"


class ActionOutcome(StrEnum):
    """How a linked action ended."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left_out"  # too many alarms at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm, repeats counted in.

    ``alarm_time`` is the device's clock, or ours when the device said none that can be read; the other times
    are ours. 0 stands for a priority or method that the device did not say.
    """

    alarm_id: str
    device_id: str
    """The registered device that reported it."""
    source_id: str
    """DeviceID in the report: a channel, an alarm input, an alarm centre, or the device itself."""
    channel_id: str = ""
    """The camera that it belongs to; empty when none is known."""
    priority: int = 0
    method: int = 0
    alarm_type: int | None = None
    type_text: str = ""
    event_type: int | None = None
    alarm_time: datetime
    received_time: datetime
    last_time: datetime
    repeats: int = 0
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    extra: str = ""
    form: AlarmForm = AlarmForm.MESSAGE
    acknowledged_by: str = ""
    acknowledged_time: datetime | None = None
    note: str = ""

    @property
    def words(self) -> Words:
        """What the tables of the standard say about it (GB-C077)."""
        return describe(self.method, self.alarm_type, self.event_type)

    @property
    def is_acknowledged(self) -> bool:
        return self.acknowledged_time is not None

    @property
    def channel(self) -> ChannelKey | None:
        return ChannelKey(self.device_id, self.channel_id) if self.channel_id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmAction:
    """What was done about an alarm. ``file_id`` names a clip or picture of the storage room."""

    alarm_id: str
    number: int
    kind: ActionKind
    channel: ChannelKey | None
    outcome: ActionOutcome = ActionOutcome.WAITING
    detail: str = ""
    file_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedAction:
    """One action of a rule; without a channel it is done at the alarm's own camera."""

    kind: ActionKind
    channel: ChannelKey | None = None
    before_s: float = 0.0
    after_s: float = 0.0
    preset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """Which alarms, and what is done about them. Empty conditions hold for every alarm."""

    rule_id: str
    name: str = ""
    is_enabled: bool = True
    device_id: str = ""
    source_id: str = ""
    methods: tuple[int, ...] = ()
    types: tuple[int, ...] = ()
    lowest_priority: int = LOWEST_PRIORITY
    """4 takes all, 1 only the most serious; an alarm without a priority counts as 4."""
    actions: tuple[LinkedAction, ...] = ()

    def matches(self, alarm: Alarm) -> bool:
        return (
            self.is_enabled
            and self.device_id in ("", alarm.device_id)
            and self.source_id in ("", alarm.source_id, alarm.channel_id)
            and (not self.methods or alarm.method in self.methods)
            and (not self.types or alarm.alarm_type in self.types)
            and (alarm.priority or LOWEST_PRIORITY) <= self.lowest_priority
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePolicy:
    """A device's own rule; ``None`` takes what the settings say."""

    device_id: str
    auto_arm: bool | None = None
    auto_reset: AutoReset | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a device, or one alarm input of it, was last told: armed or disarmed (布防, 撤防)."""

    device_id: str
    target_id: str
    is_armed: bool
    is_confirmed: bool
    """False: the command was taken, but the device did not report a result."""
    changed_time: datetime
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    """Which alarms are listed; empty and None mean all."""

    device_id: str = ""
    channel_id: str = ""
    """The camera, or the id in the report."""
    method: int | None = None
    alarm_type: int | None = None
    lowest_priority: int | None = None
    is_acknowledged: bool | None = None
    start: datetime | None = None
    end: datetime | None = None


class NewsKind(StrEnum):
    """What happened to an alarm."""

    RAISED = "raised"
    CHANGED = "changed"  # repeated, acknowledged, or a linked action ended


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """For listeners; called on the event loop and never waited for."""

    kind: NewsKind
    alarm: Alarm
