"""What the API says and takes about playbacks of our own recordings."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, AudioInfo, Instant, LiveUrls, VideoInfo

Scale = Annotated[
    float,
    Field(
        ge=-64,
        le=64,
        description="Times the recording's own pace: 0.25, 0.5, 1, 2, 4, 8, 16; negative is backwards.",
        examples=[1.0],
    ),
]


class RecordedPlaybackRequest(ApiCommand):
    """Body of POST channels/{channel_id}/recorded-playbacks."""

    start: Instant
    end: Instant
    scale: Scale = 1.0
    paused: bool = Field(default=False, description="Show the first picture and wait.")
    exact: bool = Field(default=False, description="Begin at the very picture, not at its key frame.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end is not after start")
        return self


class RecordedPlaybackChange(ApiCommand):
    """Body of PATCH recorded-playbacks/{playback_id}: done in the order scale, position, paused."""

    scale: Scale | None = None
    position_s: float | None = Field(default=None, ge=0, description="From start, seconds.", examples=[120.0])
    time: Instant | None = Field(default=None, description="The same as an instant.")
    exact: bool = Field(default=False, description="Of a new position: the very picture.")
    paused: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.position_s is not None and self.time is not None:
            raise ValueError("give either position_s or time")
        if self.scale is None and self.paused is None and self.position_s is None and self.time is None:
            raise ValueError("give scale, position_s, time or paused")
        return self


class RecordedPlaybackState(ApiModel):
    """A playback of our own recordings, and where it stands."""

    playback_id: str
    device_id: str
    channel_id: str
    username: str
    state: Literal["playing", "paused", "ended"]
    start: Instant
    end: Instant
    position_s: float = Field(description="From start, seconds.", examples=[12.5])
    duration_s: float = Field(examples=[3600.0])
    time: Instant = Field(description="Of the newest picture.")
    scale: float = Field(description="Pace; negative is backwards.", examples=[1.0])
    scales: list[float] = Field(description="Paces to offer, forwards and backwards.")
    viewers: int = 0
    gaps: int = Field(default=0, description="Times without footage that were passed over.")
    files_skipped: int = Field(default=0, description="Files that were gone or damaged.")
    ended_reason: str | None = Field(default=None, examples=["end of recordings"])


class RecordedPlaybackSession(RecordedPlaybackState):
    """Answer of POST channels/{channel_id}/recorded-playbacks: with addresses that play at once."""

    video: VideoInfo
    audio: AudioInfo | None
    mime: str = ""
    urls: LiveUrls
    expires_at: Instant


class RecordedPlaybacks(ApiModel):
    """GET recorded-playbacks."""

    items: list[RecordedPlaybackState]
