"""Alarms, their rules and the stream of events, as the API says them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, Instant

Method = Annotated[int, Field(ge=1, le=7)]
Priority = Annotated[int, Field(ge=1, le=4)]


class AlarmActionItem(ApiModel):
    """What was done about an alarm."""

    kind: str = Field(examples=["record", "snapshot", "preset"])
    device_id: str | None = Field(default=None, description="Null: no camera was known for the alarm.")
    channel_id: str | None = None
    outcome: str = Field(examples=["waiting", "done", "failed", "left_out"])
    detail: str = Field(default="", description="Why it failed.")
    file: AlarmFileItem | None = Field(default=None, description="The clip or picture.")


class AlarmFileItem(ApiModel):
    """A clip or picture that is kept with an alarm."""

    file_id: str
    kind: str = Field(examples=["clip", "picture"])
    state: str = Field(description="waiting until its time is over; ready; failed; deleted.")
    start: Instant
    end: Instant
    size_bytes: int
    keep_until: Instant
    detail: str = Field(default="", description="Why it failed, or what is missing in it.")
    url: str | None = Field(default=None, description="The file, once it is ready.")


class AlarmItem(ApiModel):
    """An alarm (报警). Repeats within a few seconds are counted, not listed."""

    alarm_id: str
    device_id: str = Field(description="The registered device that reported it.")
    source_id: str = Field(description="DeviceID in the report: camera, alarm input, alarm centre or device.")
    channel_id: str | None = Field(description="The camera that it belongs to; null when none is known.")
    priority: int | None = Field(description="1 most serious to 4; null: not said.")
    method: int | None = Field(description="1 telephone, 2 device, 3 SMS, 4 GPS, 5 video, 6 fault, 7 other.")
    type: int | None = Field(description="By method, as GB/T 28181 lists them.")
    event: int | None = Field(default=None, description="Of an intrusion: 1 entering, 2 leaving.")
    text: str = Field(examples=["intrusion, entering"])
    text_chinese: str = Field(examples=["入侵检测报警(进入区域)"])
    time: Instant = Field(description="By the device's clock.")
    received: Instant = Field(description="By ours; lists are in this order.")
    last: Instant = Field(description="When it was repeated last.")
    repeats: int = 0
    description: str = ""
    type_text: str = Field(default="", description="AlarmType, where the device wrote no number.")
    extra: list[str] = Field(default_factory=list, description="Further texts of the device.")
    longitude: float | None = None
    latitude: float | None = None
    form: str = Field(examples=["message", "notify", "test"])
    acknowledged_by: str | None = None
    acknowledged: Instant | None = None
    note: str = ""
    actions: list[AlarmActionItem] = Field(default_factory=list)


class Acknowledgement(ApiCommand):
    """POST alarms/{alarm_id}/acknowledge."""

    note: str = Field(default="", max_length=1000)


class CommandResult(ApiModel):
    """What a device said to a command."""

    confirmed: bool = Field(
        description="False: the device took the command and reported no result within sip.query_timeout_s."
    )


class GuardChange(ApiCommand):
    """PUT devices/{device_id}/guard."""

    armed: bool = Field(description="True arms (SetGuard, 布防), false disarms (ResetGuard, 撤防).")
    target_id: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z]{1,64}$",
        description="An alarm input or camera of it; missing: the device.",
    )


class GuardState(ApiModel):
    """What a device, or one input of it, was last told."""

    target_id: str
    armed: bool
    confirmed: bool
    changed: Instant
    changed_by: str = Field(description="Empty: by itself, after a registration.")


class AlarmPolicy(ApiCommand):
    """PUT devices/{device_id}/alarm-policy; null: as the settings say."""

    auto_arm: bool | None = Field(default=None, description="Arm it after each registration.")
    auto_reset: Literal["never", "acknowledged", "at_once"] | None = Field(
        default=None, description="When a device alarm (method 2) is reset without being asked for."
    )


class AlarmSituation(ApiModel):
    """Why alarms of a device come or do not."""

    device_id: str
    guards: list[GuardState]
    auto_arm: bool
    auto_reset: str
    own_auto_arm: bool | None = Field(description="The device's own policy; null: as the settings say.")
    own_auto_reset: str | None
    subscription: str | None = Field(description="State of the alarm subscription; null: none is wanted.")
    newest: Instant | None = Field(description="When the newest alarm came.")
    advice: list[str] = Field(description="What to try when no alarm arrives.")


class AlarmResetRequest(ApiCommand):
    """POST devices/{device_id}/alarm-reset."""

    target_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]{1,64}$")
    methods: list[Method] = Field(default_factory=list, max_length=7, description="Empty: all.")
    type: int | None = Field(default=None, ge=0, le=1000)


class TestAlarm(ApiCommand):
    """POST devices/{device_id}/test-alarm: as if the device had sent it."""

    __test__ = False
    source_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]{1,64}$")
    method: Method = 7
    type: int | None = Field(default=None, ge=0, le=1000)


class LinkedActionBody(ApiCommand):
    """One action of a rule."""

    kind: Literal["record", "snapshot", "preset"]
    channel: str | None = Field(
        default=None,
        max_length=129,
        description="A channel id, or `{device_id}~{channel_id}`; null: the alarm's own camera.",
    )
    before_s: float = Field(default=0, ge=0, le=120, description="Seconds of footage before the alarm.")
    after_s: float = Field(default=0, ge=0, le=600, description="Seconds of footage after the alarm.")
    preset: int = Field(default=0, ge=0, le=255, description="Number of the preset to turn to.")

    @model_validator(mode="after")
    def _is_complete(self) -> LinkedActionBody:
        if self.kind == "record" and self.before_s + self.after_s <= 0:
            raise ValueError("a recording needs before_s or after_s")
        if self.kind == "preset" and not self.preset:
            raise ValueError("a preset action needs the number of a preset, 1 to 255")
        return self


class AlarmRuleBody(ApiCommand):
    """Which alarms, and what is done about them; empty conditions hold for every alarm."""

    name: str = Field(min_length=1, max_length=128, examples=["Gate at night"])
    enabled: bool = True
    device_id: str = Field(default="", pattern=r"^[0-9A-Za-z]{0,64}$")
    source_id: str = Field(
        default="",
        pattern=r"^[0-9A-Za-z]{0,64}$",
        description="Camera or alarm input. Footage from before an alarm is kept for cameras that a rule "
        "names, here or in an action, and for those that are recorded anyway.",
    )
    methods: list[Method] = Field(default_factory=list, max_length=7)
    types: list[Annotated[int, Field(ge=0, le=1000)]] = Field(default_factory=list, max_length=64)
    lowest_priority: Priority = Field(default=4, description="4 takes all, 1 only the most serious.")
    actions: list[LinkedActionBody] = Field(min_length=1, max_length=16)


class AlarmRuleItem(AlarmRuleBody):
    """A rule as it is kept."""

    rule_id: str


class AlarmMeaning(ApiModel):
    """One row of the standard's tables."""

    method: int
    type: int | None
    text: str
    text_chinese: str


AlarmActionItem.model_rebuild()
