"""What the API says and accepts about sound."""

from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

Mode = Annotated[
    Literal["auto", "broadcast", "talk"],
    Field(
        description="How devices are called. `auto`: what is known to work with each, else broadcast, then"
        " talk where the edition has it. Only talk brings the device's sound back."
    ),
]
Repeats = Annotated[int, Field(ge=1, le=100, description="How often the clip is played in a row.")]
ClipId = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="What is played; null: a browser's microphone, connected by POST .../webrtc.",
    ),
]
Target = Annotated[str, Field(max_length=129, examples=["34020000001320000012"])]


class SpeakCommand(ApiCommand):
    """Speak to one channel or device."""

    mode: Mode = "auto"
    clip_id: ClipId = None
    repeats: Repeats = 1


class GroupSpeakCommand(SpeakCommand):
    """Speak to several at once."""

    targets: list[Target] = Field(
        min_length=1,
        max_length=1000,
        description="Ids of channels (cameras, loudspeakers) or devices, as elsewhere.",
    )


class AudioTarget(ApiModel):
    """One loudspeaker of a session."""

    device_id: str = Field(examples=["34020000001110000001"])
    channel_id: str = Field(examples=["34020000001320000012"])
    state: str = Field(
        description="waiting, calling, speaking, ending, ended or failed", examples=["speaking"]
    )
    way: str = Field(description="broadcast or talk; empty while unknown", examples=["broadcast"])
    transport: str = Field(description="udp or tcp", examples=["udp"])
    payload: str = Field(description="PCMA, PCMU, or PS: PCMA in a program stream", examples=["PCMA"])
    call_id: str = Field(description="Call-ID of its dialog, to find it in a trace")
    problem: str | None = Field(default=None, description="`code` of why it failed", examples=["no-answer"])
    detail: str | None = Field(default=None, description="Why it failed or was lost, and what to do")
    frames_sent: int = Field(description="Pieces of 20 ms")
    frames_dropped: int = Field(description="Pieces of 20 ms that the device could not take in time")
    packets_heard: int = Field(description="RTP packets of the device's own sound")
    heard_level_dbfs: float = Field(description="How loud the device's sound is, dB below full scale")


class AudioSession(ApiModel):
    """One act of speaking."""

    session_id: str
    username: str = Field(description="Who speaks; `schedule ...` for one that was planned")
    mode: Mode
    source: str = Field(description="Name of the clip, or `microphone`", examples=["microphone"])
    state: str = Field(description="opening, speaking or ended", examples=["speaking"])
    end_reason: str
    started_time: Instant
    spoken_s: float = Field(description="Seconds of sound so far")
    level_dbfs: float = Field(description="How loud what is said is now, dB below full scale; -90: silence")
    browser_connected: bool
    targets: list[AudioTarget]


class AudioSessions(ApiModel):
    items: list[AudioSession]


class WebRtcOffer(ApiCommand):
    """A browser's description, with all its candidates in it."""

    sdp: str = Field(
        max_length=32_768,
        description="`localDescription.sdp` once ICE gathering is complete; audio must allow PCMA.",
    )


class WebRtcAnswer(ApiModel):
    """For `setRemoteDescription({type: 'answer', sdp})`."""

    type: Literal["answer"] = "answer"
    sdp: str


class Clip(ApiModel):
    """Sound that is kept."""

    clip_id: str
    name: str
    duration_s: float = Field(description="Seconds")
    created_by: str
    created_time: Instant


class Clips(ApiModel):
    items: list[Clip]


class ScheduleCommand(ApiCommand):
    """What is announced where and when. Times are Beijing time."""

    name: str = Field(min_length=1, max_length=128, examples=["Closing time"])
    clip_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    targets: list[Target] = Field(min_length=1, max_length=1000)
    times: list[time] = Field(
        min_length=1, max_length=48, description="Times of day, Beijing time", examples=[["21:45:00"]]
    )
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(
        default=[1, 2, 3, 4, 5, 6, 7], min_length=1, max_length=7, description="1 Monday to 7 Sunday"
    )
    first_date: date | None = Field(default=None, description="Not before this day, Beijing time")
    last_date: date | None = Field(default=None, description="Not after; the same as first_date is once")
    mode: Mode = "auto"
    repeats: Repeats = 1
    enabled: bool = True


class Schedule(ApiModel):
    """A planned announcement."""

    schedule_id: str
    name: str
    clip_id: str
    targets: list[str]
    times: list[time]
    weekdays: list[int]
    first_date: date | None
    last_date: date | None
    mode: Mode
    repeats: int
    enabled: bool
    created_by: str
    next_time: Instant | None = Field(description="Of the next start; null: never again")
    last_time: Instant | None = Field(description="Of the newest start; null: never yet")
    last_result: str


class Schedules(ApiModel):
    items: list[Schedule]
