"""Superior platforms, as the API says and accepts them."""

from typing import Annotated, Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

StateName = Literal["off", "waiting", "registering", "online"]
TransportName = Literal["UDP", "TCP", "TLS"]
EditionName = Literal["1.0", "1.1", "2.0", "3.0"]
CharsetName = Literal["GB2312", "GBK", "GB18030", "UTF-8"]
RecordSourceName = Literal["own_first", "device_first", "merged"]
TreeName = Literal["flat", "regions", "groups"]
InitialReportName = Literal["abnormal", "full", "none"]
ShareKindName = Literal["all", "region", "group", "device", "channel"]

PlatformId = Annotated[str, Field(pattern=r"^[0-9]{20}$", examples=["34000000002000000001"])]
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\s/]+$", examples=["192.0.2.10"])]
OptionalHost = Annotated[str, Field(max_length=255, pattern=r"^[^\s/]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Words = Annotated[str, Field(max_length=256)]
Secret = Annotated[str, Field(max_length=256)]


class SuperiorShare(ApiModel):
    """One rule; the most particular one decides about a channel, and without any it is not shown."""

    kind: ShareKindName
    value: str = Field(
        default="",
        max_length=144,
        description="The region's code, the group's or device's id, or `device~channel`; empty for all.",
    )
    shown: bool = Field(default=True, description="False: hidden from this superior.")


class _Settings(ApiModel):
    """What an operator decides about a superior."""

    name: Words = ""
    enabled: bool = True
    host: Host
    port: Port = Field(default=5060, description="Over TLS usually 5061.")
    transport: TransportName = "UDP"
    alternate: OptionalHost = Field(default="", description="`host:port` tried when the first is silent.")
    domain: OptionalHost = Field(default="", description="Its SIP domain; empty: 10 digits of its id.")
    own_id: str = Field(
        default="", pattern=r"^([0-9]{20})?$", description="What we call ourselves there; empty: our own id."
    )
    own_domain: OptionalHost = Field(default="", description="Our SIP domain there; empty: 10 digits.")
    username: Words = Field(default="", description="For digest; empty: our id there.")
    edition: EditionName = "3.0"
    charset: CharsetName = "GB2312"
    advertised_host: OptionalHost = Field(
        default="", description="The address of ours that is printed to it; empty: as configured."
    )
    expires_s: int = Field(default=3_600, ge=60, le=86_400)
    keepalive_s: float = Field(default=60.0, ge=5, le=3_600)
    keepalive_misses: int = Field(default=3, ge=1, le=20)
    retry_s: float = Field(default=10.0, ge=1, le=3_600)
    retry_max_s: float = Field(default=300.0, ge=1, le=86_400)
    tree: TreeName = "flat"
    with_own_item: bool = Field(default=True, description="Our own system item comes first.")
    id_prefix: str = Field(
        default="", pattern=r"^([0-9]{8}|[0-9]{10})?$", description="Of ids that we assign; empty: ours."
    )
    keeps_ids: bool = Field(default=True, description="Channels keep their own ids of 20 digits.")
    fragment_items: int = Field(default=1, ge=1, le=100, description="Items in one message.")
    fragment_pause_s: float = Field(default=0.0, ge=0, le=10)
    notify_items: int = Field(default=20, ge=1, le=100, description="Changes of status in one NOTIFY.")
    notify_wait_s: float = Field(
        default=1.0, ge=0.1, le=4, description="How long changes are gathered before they are told."
    )
    initial_report: InitialReportName = Field(
        default="abnormal", description="What it is told at once when it subscribes to the catalogue."
    )
    pushes_alarms: bool = Field(
        default=False, description="Alarms go by MESSAGE when it has not subscribed to them."
    )
    record_source: RecordSourceName = Field(
        default="own_first",
        description="Where recordings come from. The other is taken where the first has none; `merged`:"
        " both are listed.",
    )
    record_wait_s: float = Field(
        default=12.0, ge=1, le=60, description="Longest that a device may take over a search for recordings."
    )
    takes_ssrc: bool = Field(default=True, description="The `y=` of its INVITE is used; off: one of ours.")
    awaits_ack: bool = Field(default=True, description="Media begins with its ACK; off: with our answer.")
    speech_tcp: bool = Field(default=False, description="Its announcements are asked for over TCP.")
    tls_authorities: str = Field(
        default="",
        max_length=1_024,
        description="PEM file on this server with those that may have signed its certificate.",
    )
    tls_verify: bool = Field(default=True, description="False: any certificate will do.")
    tls_name: OptionalHost = Field(
        default="", description="What its certificate has to be for; empty: the host."
    )
    shares: list[SuperiorShare] = Field(default_factory=list, max_length=10_000)


class SuperiorLinkItem(ApiModel):
    """How we stand with it."""

    state: StateName
    why: str = Field(description="What went wrong, or what is waited for.")
    since: Instant
    next_in_s: float | None = Field(description="Until the next REGISTER.")
    remote: str = Field(description="`host:port` that we are registered at; redirects are followed.")
    registrations: int
    refusals: int
    losses: int = Field(description="Times that we were online and no more.")
    keepalives: int
    keepalives_missed: int = Field(description="In a row, up to now.")


class SuperiorItem(_Settings):
    """A superior platform."""

    superior_id: PlatformId
    has_password: bool
    link: SuperiorLinkItem
    streams: int = Field(description="Pictures that it watches now.")


class SuperiorCreate(_Settings, ApiCommand):
    """A new superior."""

    superior_id: PlatformId
    password: Secret = Field(default="", repr=False)


class SuperiorReplace(_Settings, ApiCommand):
    """All settings of a superior; what is absent takes its default, the password stays when it is absent."""

    password: Secret | None = Field(default=None, repr=False)


class PresentedItem(ApiModel):
    """One item of the catalogue that a superior is shown."""

    id: str = Field(description="The id that the superior knows.")
    name: str
    kind: str
    parent_ids: list[str]
    status: str | None
    channel: str | None = Field(description="`device~channel` of ours; null for a directory.")


class SuperiorStream(ApiModel):
    """A picture that goes up, or the superior's sound that comes down."""

    id: str = Field(description="The id that the superior knows.")
    kind: str = Field(description="`play`, `playback`, `download`, `talk` or `broadcast`.")
    ssrc: str
    state: str
    transport: str
    peer: str | None
    payload_bytes: int
    form: str = Field(description="`passed` as the camera sent it, or `remuxed`.")
