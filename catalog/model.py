"""Devices and channels as the catalogue knows them.

Times here are wall-clock instants (aware ``datetime``), although three keep the short names that
the registrar uses (``registered_at``, ``expires_at``, ``last_seen_at``): they outlive the process,
so no monotonic clock can hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypedDict

DEFAULT_PATH_RANK: Final = 100


class RetentionClass(StrEnum):
    """How long recordings of a channel are kept (R-15)."""

    ORDINARY = "ordinary"  # 30 days
    KEY = "key"  # three months: the longer of 90 days and three calendar months
    COUNTER_TERRORISM = "counter_terrorism"  # 90 days
    TEMPORARY = "temporary"  # some days: what a superior keeps of a subordinate's channel for an event


class Priority(StrEnum):
    """Why a place is watched (R-8); it decides target rates and retention."""

    KEY_PUBLIC_AREA = "key_public_area"  # 重点公共区域
    KEY_TRADE = "key_trade"  # 重点行业、领域重要部位
    COUNTER_TERRORISM = "counter_terrorism"  # 反恐重点部位
    KEY_PROJECT = "key_project"  # 重点项目
    OTHER = "other"


RETENTION_OF_PRIORITY: Final[Mapping[Priority, RetentionClass]] = {
    Priority.KEY_PUBLIC_AREA: RetentionClass.KEY,
    Priority.KEY_TRADE: RetentionClass.KEY,
    Priority.COUNTER_TERRORISM: RetentionClass.COUNTER_TERRORISM,
    Priority.KEY_PROJECT: RetentionClass.KEY,
    Priority.OTHER: RetentionClass.ORDINARY,
}
"""R-8 with R-15: the class that a channel gets when only its priority is set."""


class ChannelKind(StrEnum):
    """What a catalogue item is, by its id (gb28181.md 1.4, 1.5) and its place in the list."""

    CAMERA = "camera"  # something that can be asked for a picture
    MAIN_DEVICE = (
        "main_device"  # DVR, NVR, encoder ... with cameras below it, or the registering device itself
    )
    ALARM = "alarm"  # alarm input or output
    AUDIO_INPUT = "audio_input"
    AUDIO_OUTPUT = "audio_output"
    OTHER_DEVICE = "other_device"  # display, barrier, door, server, user ...
    REGION = "region"  # 行政区划
    SYSTEM = "system"  # 系统
    BUSINESS_GROUP = "business_group"  # 业务分组
    VIRTUAL_ORGANISATION = "virtual_organisation"  # 虚拟组织


class ChannelKey(NamedTuple):
    """Which channel: the same channel id may stand on several devices (field lesson 13)."""

    device_id: str
    channel_id: str

    def __str__(self) -> str:
        return f"{self.device_id}~{self.channel_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form ``device~channel``.

        Raises:
            ValueError: there is not exactly one ``~`` between two non-empty ids.
        """
        device_id, separator, channel_id = text.partition("~")
        if not (separator and device_id and channel_id) or "~" in channel_id:
            raise ValueError(f"{text!r} is not of the form device~channel")
        return cls(device_id, channel_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something that registers: a camera, an NVR, a subordinate platform (设备)."""

    device_id: str
    name: str = ""
    password_sealed: str | None = field(default=None, repr=False)
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    allowed: bool = True
    blocked: bool = False
    send_date: bool = True
    media_transport: str | None = None
    transport: str | None = None
    remote_host: str | None = None
    remote_port: int | None = None
    local_host: str | None = None
    local_port: int | None = None
    contact: str | None = None
    edition: str | None = None
    user_agent: str = ""
    online: bool = False
    registered_at: datetime | None = None
    expires_at: datetime | None = None
    last_seen_at: datetime | None = None
    keepalive_interval_s: float | None = None
    catalog_time: datetime | None = None
    catalog_complete: bool = False
    created_time: datetime | None = None
    is_gateway: bool = False
    is_subordinate: bool = False
    """A platform below us, which presents what it has as one large device (下级平台)."""
    account: str = ""
    """The user name that its digest must carry; empty: nothing of its own."""
    expected_hosts: str = ""
    """Addresses and networks that it may register from, with blanks between; empty: any."""
    path_rank: int = DEFAULT_PATH_RANK
    """Of several platforms that bring the same camera, the lowest is asked first."""
    catalog_every_s: int | None = None
    """Between two queries for its whole catalogue, s; None: as all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRow:
    """The part of a device that presence writes, many at once (once a second)."""

    device_id: str
    online: bool
    transport: str | None = None
    remote_host: str | None = None
    remote_port: int | None = None
    local_host: str | None = None
    local_port: int | None = None
    contact: str | None = None
    edition: str | None = None
    user_agent: str = ""
    registered_at: datetime | None = None
    expires_at: datetime | None = None
    last_seen_at: datetime | None = None
    keepalive_interval_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRow:
    """One item of a device's catalogue, ready to be stored: what the device says, nothing of ours."""

    channel_id: str
    name: str
    kind: ChannelKind = ChannelKind.CAMERA
    manufacturer: str = ""
    model: str = ""
    owner: str = ""
    civil_code: str = ""
    region_code: str = ""
    block: str = ""
    address: str = ""
    parental: int | None = None
    parent_ids: tuple[str, ...] = ()
    register_way: int | None = None
    secrecy: int | None = None
    ip_address: str = ""
    port: int | None = None
    status_online: bool | None = None
    fault: bool = False
    defect: bool = False
    """The fault is a broken camera (DEFECT), not a picture that is missing (VLOST)."""
    longitude: float | None = None
    latitude: float | None = None
    business_group_id: str = ""
    camera_class: int | None = None
    info: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(CatalogRow):
    """One item of a device's catalogue (通道) with what this platform decided about it."""

    device_id: str
    given_name: str = ""
    priority: Priority = Priority.OTHER
    retention_class: RetentionClass = RetentionClass.ORDINARY
    record_always: bool = False
    present: bool = True
    first_seen_time: datetime | None = None
    missing_since_time: datetime | None = None
    preferred_path: str = ""

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.channel_id)

    @property
    def shown_name(self) -> str:
        """The operator's name for it, else the device's, else the id (names may be empty)."""
        return self.given_name or self.name or self.channel_id


class DeviceChanges(TypedDict, total=False):
    """What ``CatalogStore.set_device`` may change."""

    name: str
    password_sealed: str | None
    manufacturer: str
    model: str
    firmware: str
    allowed: bool
    blocked: bool
    send_date: bool
    media_transport: str | None
    is_subordinate: bool
    account: str
    expected_hosts: str
    path_rank: int
    catalog_every_s: int | None


class ChannelChanges(TypedDict, total=False):
    """What ``CatalogStore.set_channel`` may change."""

    given_name: str
    priority: Priority
    retention_class: RetentionClass
    record_always: bool
    camera_class: int | None
    preferred_path: str


@dataclass(frozen=True, slots=True)
class CatalogCounts:
    """Totals for the overview and the metrics; channels are cameras that are present."""

    devices: int
    devices_online: int
    channels: int
    channels_missing: int


@dataclass(frozen=True, slots=True)
class CatalogReplaced:
    """What one catalogue answer changed. Rows that say what they said before are left alone."""

    stored: int
    missing: int
    complete: bool
    written: int = 0
    """Rows that are new or say something else."""


Row = dict[str, Any]
"""One row on its way into a statement, by column name."""
