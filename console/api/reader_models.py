"""Who takes a stream, what the shared ports see, and what ended why: the media plane's figures over HTTP."""

from typing import Literal

from pydantic import Field

from console.api.models import ApiModel, Instant, SessionStatistics


class ViewerRow(ApiModel):
    """One viewer of a stream."""

    way: str = Field(description="How it watches: a name of `urls`, or `whep`.", examples=["fmp4_ws"])
    session_id: str = Field(description="Of the live session whose address it uses.")
    username: str
    source: str = Field(description="Its address, or that of the proxy before it.")
    age_s: float
    queued_bytes: int = Field(description="What waits because it does not take it.")
    sent_bytes: int
    skipped: int = Field(description="Pictures that it lost for being slow.")


class SenderRow(ApiModel):
    """One receiver of RTP: a superior platform, or a decoder."""

    sender_id: str
    label: str
    transport: str
    peer: str | None
    ssrc: str
    state: str = Field(examples=["sending"])
    form: str = Field(description="`passed` on as it came, or `remuxed`.", examples=["passed"])
    age_s: float
    packets: int
    payload_bytes: int
    dropped_frames: int = Field(description="Left out because the receiver was too slow.")
    queued_bytes: int
    reports: int = Field(description="RTCP reports of the receiver; what follows is from the newest.")
    fraction_lost: float
    lost: int
    jitter_ms: float
    round_trip_ms: float | None


class PushRow(ApiModel):
    """One push to another server over RTMP."""

    push_id: str
    address: str = Field(description="Host and application; the rest of the address is a secret.")
    state: str = Field(examples=["running", "waiting"])
    attempts: int
    connections: int
    sent_bytes: int = Field(description="Of connections that have ended.")
    skipped: int
    last_reason: str


class StreamReaders(ApiModel):
    """Everybody who takes a stream now."""

    viewers: list[ViewerRow] = Field(default_factory=list)
    senders: list[SenderRow] = Field(default_factory=list)
    pushes: list[PushRow] = Field(default_factory=list)
    recorders: int = 0


class SessionDetail(SessionStatistics):
    """GET sessions/{session_id}: with everybody who reads the shared stream."""

    taken_by: StreamReaders = Field(
        description="Whoever may not end others' sessions sees only the viewers of this one."
    )


class UnknownSsrcRow(ApiModel):
    """What arrives at a shared port and belongs to no stream."""

    ssrc: str
    source: str
    transport: str
    count: int


class SharedPortFigures(ApiModel):
    """GET media/shared-ports: counters since the start; a port is 0 where there is none."""

    udp_port: int
    tcp_port: int
    receive_buffer_bytes: int
    steered: bool = Field(description="The kernel gives each datagram to the thread of its stream.")
    malformed: int = Field(description="Datagrams that are no RTP.")
    stray_rtcp: int
    unknown: int = Field(description="Datagrams and connections with an SSRC that no stream has.")
    handed: int = Field(description="Datagrams that one thread handed to another.")
    handed_dropped: int
    connections: int
    connections_refused: int
    connections_unclaimed: int = Field(description="Closed because no stream had their SSRC in time.")
    connections_waiting: int
    connections_by_source: dict[str, int] = Field(description="Open now, the hosts with the most.")
    unknown_ssrcs: list[UnknownSsrcRow] = Field(description="The newest first.")


EndedKind = Literal["session", "viewer", "sender", "push", "publisher", "recorder", "capture"]


class EndingRow(ApiModel):
    """Something of the media plane that ended, and why."""

    what: EndedKind
    at: Instant
    stream: str = Field(description="Which stream: its device and channel, `sub` for a sub-stream, or more.")
    who: str = Field(description="User and way of a viewer, address of a receiver; empty for a stream.")
    reason: str
    totals: dict[str, int]
