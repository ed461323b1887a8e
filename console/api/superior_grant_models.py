"""What a superior may do, as the API says and accepts it."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, Instant

RightName = Literal["live", "playback", "download", "ptz", "talk", "configuration"]
ScopeName = Literal["all", "region", "group", "device", "channel"]
StreamName = Literal["as_asked", "main", "sub"]

Weekday = Annotated[int, Field(ge=1, le=7)]
FORMS = {
    "region": (r"[0-9]{2,8}", "2 to 8 digits of a region's code"),
    "group": (r"[0-9]{20}", "20 digits"),
    "device": (r"[0-9]{20}", "20 digits"),
    "channel": (r"[^~\s]{1,64}~[^~\s]{1,64}", "device~channel"),
}


class GrantHours(ApiModel):
    """A time of day on some days of the week, in the local time of `access.utc_offset_min`.

    It goes over midnight when it ends before it begins.
    """

    weekdays: list[Weekday] = Field(
        min_length=1, max_length=7, description="1 Monday to 7 Sunday: the day on which it begins."
    )
    start: str = Field(default="00:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:00"])
    end: str = Field(
        default="24:00",
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="Not included; `24:00` is the end of the day.",
        examples=["18:00"],
    )

    @model_validator(mode="after")
    def _begins_and_ends(self) -> Self:
        if len(set(self.weekdays)) < len(self.weekdays):
            raise ValueError(f"weekdays {self.weekdays} names a day twice")
        if self.end == "00:00":
            raise ValueError("end 00:00 is written as 24:00")
        return self


class SuperiorGrant(ApiModel):
    """Some actions with some cameras at some hours. Of all grants one that fits is enough."""

    actions: list[RightName] = Field(
        min_length=1,
        max_length=6,
        description="`ptz` is whatever moves the picture, presets and home position included; "
        "`configuration` whatever changes the camera: settings, guard, recording, restart, upgrade.",
    )
    scope: ScopeName = Field(default="all", description="All that it is shown, or some of that.")
    value: str = Field(
        default="",
        max_length=144,
        description="The region's code, the group's or device's id, or `device~channel`.",
    )
    hours: list[GrantHours] = Field(default_factory=list, max_length=42, description="Empty: always.")

    @model_validator(mode="after")
    def _value_fits_scope(self) -> Self:
        if len(set(self.actions)) < len(self.actions):
            raise ValueError(f"actions {', '.join(self.actions)} names one twice")
        if self.scope == "all":
            if self.value:
                raise ValueError("value stands with a scope other than all")
            return self
        pattern, form = FORMS[self.scope]
        if re.fullmatch(pattern, self.value) is None:
            raise ValueError(f"value of scope {self.scope} is {form}")
        return self


class SuperiorLimits(ApiModel):
    """For all that it has open at once; null is no limit."""

    streams: int | None = Field(default=None, ge=0, le=100_000)
    kbps: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Kilobits per second of all that runs, as measured; a new stream counts with a guess.",
    )
    stream: StreamName = Field(default="as_asked", description="Which of a camera's streams it gets.")
    priority: int = Field(
        default=40,
        ge=0,
        le=100,
        description="Of its control of cameras; operators have 50.",
    )


class SuperiorUsage(ApiModel):
    """What it takes of its limits now."""

    streams: int
    kbps: float
    moving: int = Field(description="Cameras that it moves.")
    refused: int = Field(description="What it was refused for want of a right since our start.")


class SuperiorGrants(ApiModel):
    """All that is decided about a superior."""

    is_initial: bool = Field(description="Nobody has decided anything yet: this is what all begin with.")
    grants: list[SuperiorGrant]
    limits: SuperiorLimits
    usage: SuperiorUsage


class SuperiorGrantsReplace(ApiCommand):
    """All grants and limits of a superior, in place of what was. Without any grant it may do nothing."""

    grants: list[SuperiorGrant] = Field(max_length=1_000)
    limits: SuperiorLimits = SuperiorLimits()


class SuperiorAuditEntry(ApiModel):
    """What a superior did, what it was refused, or what was decided about it."""

    sequence: int
    time: Instant
    actor: str = Field(description="`superior:` and its id, or the operator who decided.")
    source: str
    action: str
    target: str
    outcome: str
    detail: dict[str, object]
