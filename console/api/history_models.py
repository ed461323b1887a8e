"""What the API says and takes about recordings at devices: lists, playbacks, downloads."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, AudioInfo, Instant, LiveUrls, VideoInfo

RecordType = Literal["all", "time", "alarm", "manual"]
StorageName = Literal["any", "centre", "front-end", "both"]
FileUri = Annotated[
    str,
    Field(
        max_length=1024,
        pattern=r"^http://[\x21-\x7e]+$",
        description="The file as its record names it, when that begins with http://.",
        examples=["http://34020000002000000001/record/20260131/file1"],
    ),
]


class DeviceRecord(ApiModel):
    """One recording that a device or platform holds (录像文件)."""

    device_id: str = Field(description="As the device writes it: the channel, or its recorder.")
    start: Instant
    end: Instant
    name: str = ""
    file_path: str = Field(default="", examples=["/record/34020000001310000001/20260131080000.ps"])
    address: str = ""
    type: str = Field(default="", examples=["time", "alarm", "manual"])
    secrecy: int = 0
    recorder_id: str = Field(default="", description="Who started it.")
    size_bytes: int | None = Field(default=None, examples=[73400320])
    location: str = Field(default="", description="Who stores it, when several storages were asked.")
    stream_number: int | None = Field(default=None, description="0 main, 1 sub.", examples=[0])


class Span(ApiModel):
    """A time without a gap."""

    start: Instant
    end: Instant


class DeviceRecords(ApiModel):
    """GET channels/{channel_id}/device-records."""

    items: list[DeviceRecord]
    coverage: list[Span] = Field(description="What of the time asked for the recordings cover, joined.")
    complete: bool = Field(description="False: parts of the answer were lost, or time ran out.")
    queries: int = Field(description="RecordInfo queries that it took.", examples=[1])


class HistoryRange(ApiCommand):
    """A time to be played or downloaded."""

    start: Instant
    end: Instant
    type: RecordType = "all"
    uri: FileUri | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end is not after start")
        return self


class PlaybackRequest(HistoryRange):
    """Body of POST channels/{channel_id}/playbacks."""

    stream_number: int | None = Field(default=None, ge=0, le=9, description="0 main, 1 sub (2022).")


class PlaybackState(ApiModel):
    """A playback of a recording at a device, and where it stands."""

    playback_id: str
    device_id: str
    channel_id: str
    username: str
    state: Literal["playing", "paused", "ended"]
    start: Instant
    end: Instant
    position_s: float = Field(description="From start, seconds.", examples=[12.5])
    duration_s: float = Field(examples=[3600.0])
    time: Instant = Field(description="Of the picture that is sent now.")
    scale: float = Field(description="Speed; negative is backwards.", examples=[1.0])
    scales: list[float] = Field(
        description="Speeds that may be asked for: without those that the device refused.",
        examples=[[0.25, 0.5, 1.0, 2.0, 4.0]],
    )
    viewers: int = 0
    ended_reason: str | None = Field(default=None, examples=["end of file"])
    detail: str = ""


class PlaybackSession(PlaybackState):
    """Answer of POST channels/{channel_id}/playbacks: with addresses that play at once."""

    video: VideoInfo
    audio: AudioInfo | None
    mime: str = ""
    urls: LiveUrls
    expires_at: Instant


class Playbacks(ApiModel):
    """GET playbacks."""

    items: list[PlaybackState]


class SeekCommand(ApiCommand):
    """Body of POST playbacks/{playback_id}/seek: one of both."""

    position_s: float | None = Field(default=None, ge=0, description="From start, seconds.", examples=[120.0])
    time: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.position_s is None) == (self.time is None):
            raise ValueError("give either position_s or time")
        return self


class SpeedCommand(ApiCommand):
    """Body of POST playbacks/{playback_id}/speed."""

    scale: float = Field(
        ge=-16,
        le=16,
        description="0.25, 0.5, 1, 2, 4 in the standard, 8 and 16 of vendors; -1 backwards (2022).",
        examples=[2.0],
    )
    despite_edition: bool = Field(
        default=False, description="Ask for backwards although the device's edition does not have it."
    )


class DownloadRequest(HistoryRange):
    """Body of POST channels/{channel_id}/downloads."""

    speed: int = Field(default=4, ge=1, le=64, description="Times the recording's own pace.", examples=[4])


class DownloadPart(ApiModel):
    """One file of a download: it plays by itself."""

    part_id: str
    offset_s: float = Field(description="Where in the download it begins, seconds.")
    duration_s: float
    size_bytes: int
    sha256: str
    video_codec: str
    audio_codec: str | None
    verified: bool = Field(description="Read back whole, and as long as was written.")
    url: str


class DownloadState(ApiModel):
    """A download of a recording from a device."""

    download_id: str
    device_id: str
    channel_id: str
    start: Instant
    end: Instant
    speed: int
    state: str = Field(
        examples=["queued", "running", "waiting", "complete", "incomplete", "failed", "cancelled"]
    )
    progress: float = Field(ge=0, le=1, description="By size when the device states it, else by time.")
    covered_s: float = Field(description="Seconds that have come.")
    duration_s: float
    received_bytes: int
    size_bytes: int | None = Field(description="As the device stated it.")
    attempts: int
    detail: str = Field(description="Why it is as it is.")
    requested_by: str
    requested_at: Instant
    finished_at: Instant | None
    parts: list[DownloadPart] = Field(default_factory=list)
