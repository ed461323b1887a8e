"""Recordings with a stated end, as the API says and accepts them (R-4)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, Instant

RetentionName = Literal["temporary", "ordinary", "key", "counter_terrorism"]
EndedName = Literal["over", "stopped"]
Minutes = Annotated[float, Field(gt=0, le=43_200)]


class TemporaryRecordingItem(ApiModel):
    """A recording that ends at a stated time."""

    recording_id: str
    device_id: str
    channel_id: str
    requested_by: str
    reason: str = Field(description="The emergency or inspection that it is for.")
    retention_class: RetentionName
    start: Instant
    end: Instant = Field(description="Recorded until then.")
    in_force: bool
    recording: bool = Field(description="Footage of the channel reaches the disk now.")
    ended_at: Instant | None
    ended_why: EndedName | None


class TemporaryRecordingStart(ApiCommand):
    """Until when, and what for: ``end`` or ``minutes``, one of them."""

    end: Instant | None = None
    minutes: Minutes | None = None
    reason: str = Field(min_length=1, max_length=1_000)
    retention_class: RetentionName = Field(
        default="temporary", description="How long what is recorded is kept; `temporary` is shortest."
    )

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.end is None) == (self.minutes is None):
            raise ValueError("give either end or minutes")
        return self


class TemporaryRecordingChange(ApiCommand):
    """Another end."""

    end: Instant
