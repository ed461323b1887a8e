"""A superior platform, as the operator entered it, and how we stand with it (上级平台)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Final

from cascade.shown.shares import Share
from sipserver.gb.charset import GB2312
from sipserver.gb.editions import Edition
from sipserver.sip.flow import Transport
from sipserver.transport.tls import TlsTrust

DOMAIN_DIGITS: Final = 10
NOT_REGISTERED: Final = frozenset(
    {
        "name", "charset", "keepalive_s", "keepalive_misses", "retry_s", "retry_max_s", "tree",
        "with_own_item", "id_prefix", "keeps_ids", "fragment_items", "fragment_pause_s", "shares",
        "notify_items", "notify_wait_s", "initial_report", "pushes_alarms",
        "record_source", "record_wait_s", "takes_ssrc", "awaits_ack", "speech_tcp",
    }
)  # fmt: skip
"""What a registration does not know: it goes on when these are changed."""


class TreeForm(StrEnum):
    """How channels hang for a superior."""

    FLAT = "flat"  # under our own id
    REGIONS = "regions"  # under administrative divisions, by their CivilCode
    GROUPS = "groups"  # under a business group with a virtual organisation for each device


class InitialReport(StrEnum):
    """What a superior is told at once when it subscribes to the catalogue (gb28181.md 5.3)."""

    ABNORMAL = "abnormal"  # what is off or has a fault: the rest it takes to be on
    FULL = "full"  # every item
    NONE = "none"  # nothing until something changes


class RecordSource(StrEnum):
    """Where recordings that a superior asks for come from. The other is taken where the first has none."""

    OWN_FIRST = "own_first"  # our own disk
    DEVICE_FIRST = "device_first"  # the device, or the platform below
    MERGED = "merged"  # both are listed; what our own disk has is played from there


class LinkState(StrEnum):
    """Where we are with a superior; each change has a reason and a time."""

    OFF = "off"  # switched off by the operator
    WAITING = "waiting"  # for the next attempt
    REGISTERING = "registering"
    ONLINE = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Superior:
    """One superior. Empty texts stand for what follows from other fields, see the properties."""

    superior_id: str
    """Its 20 digits."""
    host: str
    port: int = 5060
    name: str = ""
    is_enabled: bool = True
    transport: Transport = Transport.UDP
    alternate: str = ""
    """``host:port`` that is tried when the first address does not answer."""
    domain: str = ""
    own_id: str
    """What we call ourselves there; may differ from superior to superior."""
    own_domain: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    edition: Edition = Edition.V3_0
    charset: str = GB2312
    advertised_host: str = ""
    """Address of ours that is printed to it; some compare it with the source of packets (gb28181.md 8.1)."""
    expires_s: int = 3600
    keepalive_s: float = 60.0
    keepalive_misses: int = 3
    retry_s: float = 10.0
    retry_max_s: float = 300.0
    tree: TreeForm = TreeForm.FLAT
    with_own_item: bool = True
    id_prefix: str = ""
    """What ids that we assign begin with: 8 or 10 digits; empty: our own."""
    keeps_ids: bool = True
    """Channels keep their own ids where these have 20 digits."""
    fragment_items: int = 1
    """Items in one MESSAGE; many superiors take only one (gb28181.md 8.3)."""
    fragment_pause_s: float = 0.0
    notify_items: int = 20
    """Changes of status in one NOTIFY; whole items go ``fragment_items`` at a time."""
    notify_wait_s: float = 1.0
    """How long changes are gathered before they are told."""
    initial_report: InitialReport = InitialReport.ABNORMAL
    pushes_alarms: bool = False
    """Alarms go by MESSAGE when it has not subscribed to them."""
    record_source: RecordSource = RecordSource.OWN_FIRST
    record_wait_s: float = 12.0
    """Longest that a device may take over a search for recordings; then what there is is answered. Superiors
    wait for 15 s themselves, and through several platforms all wait at once."""
    takes_ssrc: bool = True
    """The ``y=`` of its INVITE is used; off: always one of our own domain (gb28181.md 6.6)."""
    awaits_ack: bool = True
    """Media begins with its ACK; off: with our 200, for those whose ACK never fits (gb28181.md 8.5)."""
    speech_tcp: bool = False
    """Its announcements are asked for over TCP."""
    tls_authorities: str = ""
    """PEM file with those that may have signed its certificate; empty: those that the system trusts."""
    tls_verify: bool = True
    """False: any certificate will do."""
    tls_name: str = ""
    """What its certificate has to be for; empty: ``host``."""
    shares: tuple[Share, ...] = ()
    """Which channels it is shown; none without a rule."""

    @property
    def sip_domain(self) -> str:
        return self.domain or self.superior_id[:DOMAIN_DIGITS]

    @property
    def own_sip_domain(self) -> str:
        return self.own_domain or self.own_id[:DOMAIN_DIGITS]

    @property
    def tls_trust(self) -> TlsTrust:
        return TlsTrust(
            Path(self.tls_authorities) if self.tls_authorities else None,
            self.tls_verify,
            self.tls_name,
        )

    @property
    def user(self) -> str:
        """Normally our own id (gb28181.md 8.1)."""
        return self.username or self.own_id

    def is_same_registration(self, other: Superior) -> bool:
        """Whether a change from one to the other leaves the registration as it is."""
        return all(
            getattr(self, each.name) == getattr(other, each.name)
            for each in fields(self)
            if each.name not in NOT_REGISTERED
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """How we stand with a superior. Times are seconds on the monotonic clock of the transport."""

    state: LinkState
    why: str = ""
    since: float = 0.0
    next_at: float | None = None
    """When the next REGISTER goes out."""
    remote: tuple[str, int] | None = None
    """Where it is reached: redirects and the alternate address are followed."""
    registrations: int = 0
    refusals: int = 0
    keepalives: int = 0
    keepalives_missed: int = 0
    """In a row, up to now."""
    losses: int = 0
    """Times that we were online and are no more."""
