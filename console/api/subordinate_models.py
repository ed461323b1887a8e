"""Subordinate platforms, as the API says and accepts them."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from console.api.models import ApiCommand, ApiModel, Instant, MediaTransportChoice
from console.api.superior_models import CharsetName, EditionName, PlatformId, Secret, Words

SubordinateStateName = Literal["off", "expected", "online", "doubtful", "lost"]
CatalogStateName = Literal["none", "asked", "waiting", "whole", "partial"]


def _network(text: str) -> str:
    return str(ip_network(text.strip(), strict=False))


ExpectedHost = Annotated[
    str,
    Field(max_length=64, examples=["10.20.0.0/16"]),
    AfterValidator(_network),
]


class _Settings(ApiModel):
    """What an operator decides about a subordinate."""

    name: Words = ""
    enabled: bool = Field(default=True, description="False: it may not register, and loses its registration.")
    account: Words = Field(
        default="", description="The user name that its digest must carry; empty: any, or its id."
    )
    expected_hosts: list[ExpectedHost] = Field(
        default_factory=list,
        max_length=64,
        description="Addresses and networks that it may register from; empty: any.",
    )
    edition: EditionName | None = Field(default=None, description="Null: what it says itself.")
    charset: CharsetName | None = Field(default=None, description="Of what we send; null: what it speaks.")
    send_date: bool = Field(default=True, description="Its clock is set by the answer to its REGISTER.")
    media_transport: MediaTransportChoice | None = Field(default=None, description="Null: as all.")
    path_rank: int = Field(
        default=100,
        ge=0,
        le=1_000,
        description="Of several platforms that bring the same camera the lowest is asked first.",
    )
    catalog_every_s: int | None = Field(
        default=None,
        ge=300,
        le=604_800,
        description="Between queries for the whole catalogue; null: as all.",
    )


class SubordinateLink(ApiModel):
    """How it stands with us."""

    state: SubordinateStateName
    why: str
    online_since: Instant | None
    registered_at: Instant | None
    expires_at: Instant | None
    last_keepalive_at: Instant | None
    last_seen_at: Instant | None
    keepalive_interval_s: float | None
    transport: str | None
    remote: str | None = Field(description="`host:port` that it registered from.")
    edition: str | None = Field(description="That it is spoken to in.")
    user_agent: str


class SubordinateCatalogue(ApiModel):
    """What it lists."""

    state: CatalogStateName
    at: Instant | None = Field(description="When its last answer was stored.")
    age_s: float | None
    cameras: int
    cameras_on: int = Field(description="That it says are on.")
    directories: int = Field(description="Regions, systems, business groups and organisations.")
    others: int
    missing: int = Field(description="That it listed once and does no more.")


class SubordinateItem(_Settings):
    """A platform below us."""

    subordinate_id: PlatformId
    has_password: bool
    link: SubordinateLink
    catalogue: SubordinateCatalogue
    streams: int = Field(description="Pictures that come from it now.")


class SubordinateCreate(_Settings, ApiCommand):
    """A new subordinate. The password is its own; the common one of devices does not count for it."""

    subordinate_id: PlatformId
    password: Secret = Field(min_length=1, repr=False)


class SubordinateReplace(_Settings, ApiCommand):
    """All settings of a subordinate; what is absent takes its default, the password stays when absent."""

    password: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(default=None, repr=False)


class SubordinateStream(ApiModel):
    """A picture that comes from it."""

    channel: str = Field(description="`device~channel`.")
    stream: str
    session_id: str | None
    state: str
    transport: str
    ssrc: str | None
    holders: list[str] = Field(description="What it is for.")
    age_s: float
    path: list[str] = Field(description="The platforms that it came by, as they say (X-RoutePath).")
