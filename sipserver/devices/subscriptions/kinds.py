"""The four things a device can be subscribed to, and how each is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.alarm import AlarmQuery
from sipserver.gb.messages.catalog import CatalogQuery
from sipserver.gb.messages.mobile_position import MobilePositionQuery
from sipserver.gb.messages.ptz_position import PtzPositionQuery


class Kind(StrEnum):
    """What is subscribed to (订阅类型)."""

    CATALOG = "catalog"  # 目录
    ALARM = "alarm"  # 报警
    MOBILE_POSITION = "mobile_position"  # 移动设备位置
    PTZ_POSITION = "ptz_position"  # 云台精准位置, 2022


class SubscriptionKey(NamedTuple):
    """Which subscription; ``target_id``: the device, or a system, region, group or channel below it."""

    device_id: str
    kind: Kind
    target_id: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.target_id} at {self.device_id}"


@dataclass(frozen=True, slots=True)
class AlarmConditions:
    """Which alarms are wanted; 0, None and empty mean all. See table 11.1 of the protocol notes."""

    start_priority: int = 0
    end_priority: int = 0
    methods: tuple[int, ...] = ()
    alarm_type: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSubscription:
    """What an operator asked for, as it outlives the process.

    ``is_wanted`` False is kept only against ``subscriptions.automatic``.
    """

    key: SubscriptionKey
    is_wanted: bool = True
    expires_s: int
    interval_s: int
    conditions: AlarmConditions = field(default_factory=AlarmConditions)
    requested_by: str = ""
    changed_time: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """How one kind is asked for.

    Args:
        cmd_type: CmdType of the query and of the notifications.
        events: values of Event, tried in this order when the device answers 489; ``{id}`` is a number.
            The standard fixes only that of the catalogue (gb28181.md 5.1).
        feature: what the device's edition must have.
        needs_subscription: whether a notification is refused when nothing of this kind is wanted. Alarms
            and positions are pushed by many devices unasked, and too good to lose.
    """

    cmd_type: str
    events: tuple[str, ...]
    body: Callable[[str, GbId, WantedSubscription], Element]
    feature: Feature | None = None
    needs_subscription: bool = False


def _catalog(sn: str, target_id: GbId, wanted: WantedSubscription) -> Element:
    return CatalogQuery(sn, target_id).to_xml()


def _alarm(sn: str, target_id: GbId, wanted: WantedSubscription) -> Element:
    conditions = wanted.conditions
    return AlarmQuery(
        sn,
        target_id,
        start_priority=conditions.start_priority,
        end_priority=conditions.end_priority,
        methods=conditions.methods,
        alarm_type=conditions.alarm_type,
    ).to_xml()


def _mobile_position(sn: str, target_id: GbId, wanted: WantedSubscription) -> Element:
    return MobilePositionQuery(sn, target_id, wanted.interval_s).to_xml()


def _ptz_position(sn: str, target_id: GbId, wanted: WantedSubscription) -> Element:
    return PtzPositionQuery(sn, target_id).to_xml()


RULES: Final[Mapping[Kind, Rules]] = {
    Kind.CATALOG: Rules(
        "Catalog", ("Catalog;id={id}", "Catalog", "presence"), _catalog, needs_subscription=True
    ),
    Kind.ALARM: Rules("Alarm", ("presence", "Alarm;id={id}"), _alarm),
    Kind.MOBILE_POSITION: Rules(
        "MobilePosition",
        ("presence", "MobilePosition;id={id}"),
        _mobile_position,
        Feature.PTZ_EXTRAS,
    ),
    Kind.PTZ_POSITION: Rules(
        "PTZPosition",
        ("PTZPosition;id={id}", "presence"),
        _ptz_position,
        Feature.COMMANDS_OF_2022,
        needs_subscription=True,
    ),
}
KIND_OF: Final[Mapping[str, Kind]] = {rules.cmd_type: kind for kind, rules in RULES.items()}


def is_in_edition(kind: Kind, edition: Edition) -> bool:
    """Whether a device of this edition can be expected to know the kind (GB-C039)."""
    feature = RULES[kind].feature
    return feature is None or allows(edition, feature)
