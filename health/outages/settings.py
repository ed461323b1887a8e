"""Settings of the search for causes: the table ``[outages]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated

from annotated_types import Ge, Le


class SiteBy(StrEnum):
    """What makes devices one site."""

    NETWORK = "network"  # the address that they register from
    REGION = "region"  # the first eight digits of their ids: for counties behind one address


@dataclass(frozen=True, slots=True)
class OutageSettings:
    """Which devices belong together, and when they count as lost together."""

    site_by: SiteBy = SiteBy.NETWORK
    site_prefix: Annotated[int, Ge(8), Le(32)] = 24
    """Devices whose IPv4 addresses share so many bits are one site."""
    site_prefix_v6: Annotated[int, Ge(16), Le(128)] = 64
    sites: Mapping[str, str] = field(default_factory=dict)
    """Network to the name of a site: ``"10.1.2.0/25" = "East market"``; the narrowest one counts."""
    together_s: Annotated[float, Ge(5), Le(3_600)] = 90.0
    """Devices that fell silent within so many seconds were lost together; at least one keepalive period."""
    site_devices_min: Annotated[int, Ge(2), Le(1_000)] = 3
    """Fewer devices than this are no site whose loss could be told from two single ones."""
    site_lost_ratio: Annotated[float, Ge(0.5), Le(1)] = 0.8
    """The share of a site's devices that must be lost together."""
    keep_days: Annotated[int, Ge(30), Le(3_650)] = 400
    """How long ended outages are kept."""

    def __post_init__(self) -> None:
        for network in self.sites:
            ip_network(network)
