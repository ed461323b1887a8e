"""Which site a device belongs to. Pure."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from health.outages.settings import OutageSettings, SiteBy

UNKNOWN_SITE: Final = "unknown"


class Sites:
    """Names sites by network, or by region."""

    def __init__(self, settings: OutageSettings) -> None:
        self._settings = settings
        named = [(ip_network(network), name) for network, name in settings.sites.items()]
        # The narrowest first: it wins over the network around it.
        self._named: Final[list[tuple[IPv4Network | IPv6Network, str]]] = sorted(
            named, key=lambda pair: -pair[0].prefixlen
        )
        self._of_host = lru_cache(maxsize=65_536)(self._find)

    def site_of(self, device_id: str, host: str) -> str:
        """The name of the site; ``unknown`` for a device that never registered."""
        if self._settings.site_by is SiteBy.REGION:
            return device_id[:8] or UNKNOWN_SITE
        return self._of_host(host)

    def _find(self, host: str) -> str:
        try:
            address = ip_address(host)
        except ValueError:
            return UNKNOWN_SITE
        for network, name in self._named:
            if address in network:
                return name
        prefix = self._settings.site_prefix if address.version == 4 else self._settings.site_prefix_v6
        return str(ip_network(f"{host}/{prefix}", strict=False))
