"""What the API says about the SIP trace."""

from pydantic import Field

from console.api.models import ApiModel, Instant


class TraceStep(ApiModel):
    """One message between this platform and a device; secrets are replaced by ``*``."""

    time: Instant
    sent: bool = Field(description="True: from this platform to the device.")
    transport: str = Field(examples=["UDP"])
    local: str = Field(examples=["192.0.2.10:5060"])
    remote: str = Field(examples=["198.51.100.20:5060"])
    what: str = Field(examples=["INVITE", "200 OK"], description="`unreadable` when it is no SIP message.")
    method: str = Field(examples=["INVITE"], description="Of the CSeq: to which request an answer belongs.")
    status: int | None = Field(examples=[200], description="Null for a request.")
    call_id: str = Field(examples=["live-12-0001@192.0.2.10"])
    cseq: int | None = Field(examples=[1])
    from_id: str = Field(examples=["34020000002000000001"])
    to_id: str = Field(examples=["34020000001320000012"])
    summary: str = Field(
        examples=["Play, video 30002 RTP/AVP 96, at 192.0.2.11, y 0200000001"],
        description="What the body says, in one line.",
    )
    size_bytes: int = Field(examples=[712])
    text: str | None = Field(default=None, description="The whole message; only with `texts=true`.")


class TraceView(ApiModel):
    """The newest messages of a device, oldest first."""

    device_id: str | None
    call_id: str | None
    watched: bool = Field(description="Whether keepalives are kept, too, in a memory of the device's own.")
    steps: list[TraceStep]


class TraceSession(ApiModel):
    """The messages of one Call-ID."""

    call_id: str = Field(examples=["live-12-0001@192.0.2.10"])
    method: str = Field(examples=["INVITE"])
    begin: Instant
    end: Instant
    messages: int = Field(examples=[5])
    last_status: int | None = Field(examples=[200])


class TraceSessions(ApiModel):
    """The sessions that are held of a device, in the order in which they began."""

    device_id: str
    sessions: list[TraceSession]


class TraceState(ApiModel):
    """How full the memory of the trace is."""

    packets: int = Field(examples=[41_200])
    held_bytes: int = Field(examples=[31_000_000])
    ring_bytes: int = Field(examples=[33_554_432])
    watched: list[str] = Field(examples=[["34020000001110000001"]])
    on_disk: bool
    lost_on_disk: int = Field(description="Messages that were not written: the disk was full or too slow.")
