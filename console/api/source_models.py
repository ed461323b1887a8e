"""What the API says of sources that do not speak GB/T 28181."""

from typing import Annotated, Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, AudioInfo, Instant, VideoInfo

SourceKindName = Literal["pull", "push"]
TransportName = Literal["auto", "tcp", "udp"]
ModeName = Literal["on_demand", "always"]
SourceStateName = Literal["disabled", "unknown", "idle", "connecting", "streaming", "failed", "waiting"]

Url = Annotated[str, Field(max_length=2048, examples=["rtsp://192.0.2.64:554/Streaming/Channels/101"])]
Secret = Annotated[str, Field(max_length=256)]
Code = Annotated[str, Field(pattern=r"^([0-9]{2}){0,4}$", examples=["340200"])]
ParentId = Annotated[str, Field(pattern=r"^([0-9]{2,20})?$")]
PushPath = Annotated[str, Field(max_length=200, examples=["push/gate"])]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Words = Annotated[str, Field(max_length=256)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]


class SourcePicture(ApiModel):
    """One picture of a source as it is now."""

    state: SourceStateName
    verdict: str = Field(description="Why it failed, in one word that does not change.")
    message: str
    since: Instant
    retry_in_s: float | None = Field(description="Until the next attempt of a source that is always pulled.")
    failures: int = Field(description="In a row.")
    connections: int = Field(description="Since the platform's start.")
    session_id: str | None
    readers: int
    pictures: int
    received_bytes: int
    left_out: list[str] = Field(description="Codecs that it offers and that are not carried.")
    peer: str = Field(description="Who publishes.")


class SourceItem(ApiModel):
    """A source and its channel. Addresses are without credentials."""

    channel_id: str = Field(examples=["34020000001320900001"])
    device_id: str = Field(description="The gateway, which stands for all sources.")
    name: str
    kind: SourceKindName
    enabled: bool
    online: bool | None = Field(description="As the catalogue says; null: no evidence yet.")
    url: str
    sub_url: str
    username: str
    has_password: bool
    transport: TransportName
    mode: ModeName
    push_path: str
    push_key: str | None = Field(default=None, description="Told once, in the answer that made it.")
    push_urls: list[str] = Field(default_factory=list, description="Where to push to; with the key, once.")
    onvif_address: str
    civil_code: str
    parent_id: str
    place: str
    manufacturer: str
    model: str
    longitude: float | None
    latitude: float | None
    created_at: Instant | None
    main: SourcePicture | None = Field(description="Null: switched off.")
    sub: SourcePicture | None


class SourceCreate(ApiCommand):
    """A new source. Credentials may stand in the address, or beside it."""

    name: Name
    kind: SourceKindName = "pull"
    channel_id: str = Field(
        default="",
        pattern=r"^([0-9]{20})?$",
        description="20 digits with type 131 or 132; empty: a new one is made.",
    )
    url: Url = ""
    sub_url: Url = ""
    username: Secret = ""
    password: Secret = Field(default="", repr=False)
    transport: TransportName = "auto"
    mode: ModeName = "on_demand"
    enabled: bool = True
    push_path: PushPath = ""
    push_key: Secret = Field(default="", repr=False, description="Empty: a new one is made.")
    onvif_address: Url = ""
    civil_code: Code = ""
    parent_id: ParentId = ""
    place: Words = ""
    manufacturer: Words = ""
    model: Words = ""
    longitude: Longitude | None = None
    latitude: Latitude | None = None


class SourceChange(ApiCommand):
    """Only the fields that are present change."""

    name: Name | None = None
    url: Url | None = None
    sub_url: Url | None = None
    username: Secret | None = None
    password: Secret | None = Field(
        default=None,
        repr=False,
        description="Absent: the one on file stays, unless the address names another host.",
    )
    transport: TransportName | None = None
    mode: ModeName | None = None
    enabled: bool | None = None
    push_path: PushPath | None = None
    push_key: Secret | None = Field(default=None, repr=False, description="Empty: a new one is made.")
    civil_code: Code | None = None
    parent_id: ParentId | None = None
    place: Words | None = None
    manufacturer: Words | None = None
    model: Words | None = None
    longitude: Longitude | None = None
    latitude: Latitude | None = None


class SourceTest(ApiCommand):
    """What to try."""

    url: Url
    username: Secret = ""
    password: Secret = Field(default="", repr=False)
    transport: TransportName = "auto"


class SourceVerdict(ApiModel):
    """What came of trying."""

    ok: bool
    verdict: str = Field(description="`ok`, or why not in one word.", examples=["ok", "unauthorised"])
    message: str
    first_picture_s: float | None = None
    video: VideoInfo | None = None
    audio: AudioInfo | None = None
    left_out: list[str] = Field(default_factory=list)


class DiscoverRequest(ApiCommand):
    seconds: float | None = Field(default=None, ge=0.5, le=30, description="How long to collect answers.")


class DiscoveredCamera(ApiModel):
    """A camera that answered a search over ONVIF."""

    endpoint: str
    host: str
    address: str = Field(description="Its device service: pass it on to `describe`.")
    name: str
    hardware: str
    location: str
    channel_id: str | None = Field(description="Of the source that is on file for it.")


class Discovery(ApiModel):
    items: list[DiscoveredCamera]


class DescribeRequest(ApiCommand):
    address: Annotated[str, Field(max_length=2048, examples=["http://192.0.2.64/onvif/device_service"])]
    username: Secret = ""
    password: Secret = Field(default="", repr=False)


class CameraStream(ApiModel):
    """One stream that a camera offers."""

    name: str
    url: str
    codec: str
    width: int | None
    height: int | None
    fps: int | None
    bitrate_kbps: int | None
    audio: str


class CameraDescription(ApiModel):
    """What a camera tells over ONVIF."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    clock_offset_s: float | None
    streams: list[CameraStream]
