"""What the HTTP API says and accepts: one pydantic model per body.

The same classes are used by ``console/client.py``, so a page and an integrator read one contract. Instants
are aware, and are written as RFC 3339 with a numeric offset. Lists are ``{"items": [...], "next": cursor}``.
"""

from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

ItemT = TypeVar("ItemT")


def _to_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("the instant needs an offset, for example 2026-01-31T08:00:00+08:00")
    # In the first and last year there are instants that other offsets have no date for.
    if not MINYEAR < instant.year < MAXYEAR:
        raise ValueError(f"the year {instant.year} is not between {MINYEAR + 1} and {MAXYEAR - 1}")
    return instant.astimezone(UTC)


Instant = Annotated[
    datetime,
    AfterValidator(_to_utc),
    PlainSerializer(lambda instant: instant.isoformat(timespec="milliseconds"), return_type=str),
    Field(examples=["2026-01-31T08:00:00.000+00:00"]),
]


class ApiModel(BaseModel):
    """Frozen, and tolerant of fields that a newer server adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ApiCommand(BaseModel):
    """A body that a caller sends: an unknown field is a spelling mistake, so it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Page(ApiModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next: str | None = Field(
        default=None, description="Pass it as `cursor` to get the next page; null at the end."
    )


class Problem(ApiModel):
    """A failure (RFC 9457, application/problem+json)."""

    type: str = Field(examples=["https://tongshi.invalid/problems/device-offline"])
    title: str = Field(examples=["The device is offline"])
    status: int = Field(examples=[503])
    detail: str = Field(
        examples=["Device 34020000001110000001 has not been heard from. Check its power and network."]
    )
    instance: str | None = None
    code: str = Field(
        description="The last part of `type`: the stable short name.", examples=["device-offline"]
    )
    sip_code: int | None = Field(default=None, description="The device's SIP answer, when it refused.")
    candidates: list[str] | None = Field(
        default=None, description="Full ids, when the plain id was ambiguous."
    )
    errors: list[str] | None = Field(default=None, description="One line per wrong field.")
    retry_after_s: int | None = None


class LoginRequest(ApiCommand):
    username: str = Field(min_length=1, max_length=128, examples=["admin"])
    password: str = Field(min_length=1, max_length=1024)


class LoginAnswer(ApiModel):
    token: str = Field(description="Send it as `Authorization: Bearer <token>`.")
    username: str
    role: str
    expires_at: Instant


class Me(ApiModel):
    """Who the token or cookie belongs to."""

    username: str
    role: str = Field(examples=["admin", "operator", "viewer"])
    actions: list[str] = Field(default_factory=list, description="What this role may do.")


class PasswordChange(ApiCommand):
    current: str = Field(min_length=1, max_length=1024)
    new: str = Field(min_length=1, max_length=1024)


MediaTransportChoice = Literal["auto", "udp", "tcp_passive"]


class Device(ApiModel):
    """A device (设备): what registers over SIP."""

    device_id: str
    name: str
    online: bool
    transport: str | None = Field(description="UDP, TCP or TLS, as it registered; null when it never did.")
    channels: int = Field(description="Channels in its catalogue.")
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    user_agent: str = ""
    remote: str | None = Field(default=None, description="host:port that its last message came from.")
    edition: str | None = Field(
        default=None, description="GB/T 28181 edition by X-GB-Ver: 1.0, 1.1, 2.0, 3.0."
    )
    allowed: bool = Field(default=True, description="May register when sip allows only listed devices.")
    blocked: bool = Field(default=False, description="May never register.")
    send_date: bool = Field(
        default=True, description="Its clock is set by the Date in the answer to its registration."
    )
    media_transport: MediaTransportChoice | None = Field(
        default=None, description="How its media is asked for; null: as for all devices.", examples=["udp"]
    )
    has_password: bool = Field(default=False, description="A password of its own, instead of the common one.")
    registered_at: Instant | None = None
    expires_at: Instant | None = None
    last_seen_at: Instant | None = None
    keepalive_interval_s: float | None = None
    catalog_at: Instant | None = Field(default=None, description="When its catalogue was last stored.")
    catalog_complete: bool = False


class DeviceChange(ApiCommand):
    """PATCH devices/{device_id}: only the fields that are present change. PUT creates the device first."""

    name: str | None = Field(default=None, max_length=255)
    password: str | None = Field(
        default=None, max_length=255, description="Its own SIP password; empty = common one."
    )
    allowed: bool | None = Field(
        default=None, description="Put it on, or take it off, the list of the allowed."
    )
    blocked: bool | None = Field(default=None, description="True: it may never register.")
    send_date: bool | None = Field(
        default=None,
        description="False: registrations are answered without a Date; another platform sets its clock.",
    )
    media_transport: MediaTransportChoice | None = Field(
        default=None,
        description="How its media is asked for; `auto` follows what works. null: as for all devices.",
        examples=["tcp_passive"],
    )


class CatalogSync(ApiModel):
    """The result of asking a device for its catalogue."""

    device_id: str
    channels: int
    complete: bool = Field(description="False: fragments are missing, and the last whole catalogue was kept.")
    announced: int | None = Field(default=None, description="SumNum, the number the device promised.")


class Channel(ApiModel):
    """A channel (通道): one camera of a device."""

    channel_id: str
    device_id: str
    key: str = Field(description="{device_id}~{channel_id}: unique, and accepted wherever a channel id is.")
    name: str
    online: bool
    streaming: bool
    recording: bool
    retention_class: str = Field(examples=["ordinary", "key", "counter_terrorism"])
    record_always: bool = False
    recording_wanted: bool = Field(
        default=False, description="Recording was asked for, even if it cannot run now."
    )
    camera_class: int | None = Field(default=None, description="1 public, 2 key trades, 3 others (R-7).")
    priority: str = ""
    parent_ids: list[str] = Field(default_factory=list, description="The items that it hangs under.")
    present: bool = Field(default=True, description="False: the device's newest catalogue lacks it.")
    given_name: str = ""
    kind: str = Field(default="camera", description="What the id's type code says: camera, directory, ...")
    manufacturer: str = ""
    model: str = ""
    address: str = ""
    civil_code: str = ""
    ptz_type: int | None = Field(
        default=None,
        description="PTZType of the catalogue: 1 dome, 2 half dome, 3 fixed, 4 with remote control, ...",
    )
    longitude: float | None = None
    latitude: float | None = None
    session_id: str | None = Field(default=None, description="The shared upstream session, while it streams.")
    video_codec: str | None = None
    bitrate_kbps: float | None = None
    packet_loss_ratio: float | None = None
    viewers: int = 0


class ChannelChange(ApiCommand):
    """PATCH channels/{channel_id}: only the fields that are present change.

    A priority brings its retention class with it (R-8, R-15), unless a class is named too.
    """

    given_name: str | None = Field(default=None, max_length=255, description="Empty = the device's own name.")
    retention_class: Literal["ordinary", "key", "counter_terrorism"] | None = None
    record_always: bool | None = None
    camera_class: Literal[1, 2, 3] | None = None
    priority: Literal["key_public_area", "key_trade", "counter_terrorism", "key_project", "other"] | None = (
        None
    )


class VideoInfo(ApiModel):
    codec: str = Field(examples=["H264", "H265"])
    width: int
    height: int


class AudioInfo(ApiModel):
    codec: str = Field(examples=["G711A"])
    sample_rate: int
    channels: int = 1


class LiveUrls(ApiModel):
    """Signed, expiring addresses; one that is null is switched off in the settings."""

    fmp4_ws: str = Field(description="Fragmented MP4 over WebSocket: the way of the console.")
    fmp4_http: str = Field(description="Fragmented MP4 over HTTP.")
    flv_ws: str | None = Field(default=None, description="FLV over WebSocket.")
    flv_http: str | None = Field(default=None, description="FLV over HTTP.")
    hls: str | None = Field(default=None, description="HLS, with its low-latency form.")
    rtsp: str | None = Field(default=None, description="RTSP, over TCP or UDP.")
    rtmp: str | None = Field(default=None, description="RTMP.")
    whep: str | None = Field(
        default=None, description="WebRTC (WHEP): POST an SDP offer. H.264 with G.711 only."
    )


StreamChoice = Literal["main", "sub"]
TranscodedFrom = Annotated[
    str | None, Field(description="The camera's codec, where viewers get another.", examples=["H265"])
]


class LiveRequest(ApiModel):
    """Body of POST channels/{channel_id}/live; without one the main stream is meant."""

    stream: StreamChoice = Field(
        default="main",
        description="`sub`: a smaller picture, for walls of many and for narrow lines.",
        examples=["sub"],
    )
    codec: Literal["any", "h264"] = Field(
        default="any",
        description="`h264`: H.265 is transcoded, in one of few slots, for browsers that cannot show it.",
    )


class LiveSession(ApiModel):
    """Answer of POST channels/{channel_id}/live. DELETE of its id ends only this caller's viewers."""

    session_id: str
    device_id: str
    channel_id: str
    stream: StreamChoice = Field(
        description="What plays: `main` also where `sub` was asked for and the camera has none.",
        examples=["main"],
    )
    video: VideoInfo
    audio: AudioInfo | None
    transcoded_from: TranscodedFrom = None
    mime: str = Field(
        default="",
        description="For MediaSource.isTypeSupported.",
        examples=['video/mp4; codecs="avc1.4d401f,flac"'],
    )
    urls: LiveUrls
    expires_at: Instant


class SessionStatistics(ApiModel):
    """GET sessions/{session_id}: the lease and the reception of the stream that it shares."""

    session_id: str
    device_id: str
    channel_id: str
    stream: StreamChoice = "main"
    username: str
    started_at: Instant
    viewers: int = Field(description="Connections that watch with this session's URLs.")
    readers: int = Field(description="All viewers and recorders of the shared stream.")
    transport: str = ""
    ssrc: str | None = None
    source: str | None = None
    packets: int = 0
    received_bytes: int = 0
    lost_packets: int = 0
    reordered_packets: int = 0
    duplicate_packets: int = 0
    stranger_packets: int = Field(
        default=0, description="Packets and connections from another address than the stream's; refused."
    )
    wrong_ssrc_packets: int = Field(default=0, description="With another SSRC than agreed; refused.")
    malformed_packets: int = Field(default=0, description="Datagrams that are no RTP.")
    packet_loss_ratio: float = 0.0
    jitter_ms: float | None = None
    fps: float | None = None
    bitrate_kbps: float | None = None
    gop_s: float | None = None
    keyframe_age_s: float | None = None
    silence_s: float | None = None
    stall: str | None = Field(
        default=None, description="Why the picture stands still now.", examples=["no_keyframe"]
    )
    video: VideoInfo | None = None
    audio: AudioInfo | None = None
    transcoded_from: TranscodedFrom = None


class RecordingState(ApiModel):
    """Answer of PUT and DELETE channels/{channel_id}/recording."""

    device_id: str
    channel_id: str
    wanted: bool
    recording: bool


class RecordingItem(ApiModel):
    """One recorded segment (片段): a file that plays by itself."""

    segment_id: str
    start: Instant
    end: Instant
    size_bytes: int
    video_codec: str | None
    audio_codec: str | None = None
    duration_s: float = 0.0
    complete: bool = Field(default=True, description="False while it is being written.")
    retention_class: str = Field(default="ordinary", examples=["ordinary", "temporary"])
    keep_until: Instant | None = Field(default=None, description="Not deleted before; null while open.")
    url: str = Field(default="", description="Path of the file below this server's address.")


class RateLine(ApiModel):
    """One line of the rates table: now, over the cameras on file."""

    scope: str = Field(examples=["all", "class 1", "class 2", "class 3", "unclassified"])
    cameras: int
    online: int
    online_rate: float | None = Field(description="online ÷ cameras; null when there is no camera.")


class Rates(ApiModel):
    """GET rates."""

    as_of: Instant
    formula: str
    items: list[RateLine]


class Overview(ApiModel):
    """GET overview: the figures of the whole platform, for a page's head line. Null: not known."""

    devices: int
    devices_online: int
    cameras: int
    cameras_online: int
    online_rate: float | None
    formula: str
    streaming: int = Field(description="Cameras whose stream runs.")
    viewers: int
    recordings: int = Field(description="Recordings that run.")
    recordings_wanted: int = Field(description="Recordings that should run.")
    segments: int | None = None
    recorded_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_free_bytes: int | None = None
    disk_writable: bool | None = Field(default=None, description="False: no new segment is begun.")


class ServerInfo(ApiModel):
    """GET server: what an operator must type into a camera."""

    version: str
    sip_id: str
    sip_domain: str
    sip_addresses: list[str] = Field(examples=[["udp:192.0.2.7:5060", "tcp:192.0.2.7:5060"]])
    media_address: str = ""
