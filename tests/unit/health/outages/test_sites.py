"""Which devices are one site."""

import pytest

from health.outages.settings import OutageSettings, SiteBy
from health.outages.sites import Sites

DEVICE = "34020301001320000001"


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("10.1.2.77", "10.1.2.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_devices_of_one_network_are_one_site(host: str, site: str) -> None:
    assert Sites(OutageSettings()).site_of(DEVICE, host) == site


def test_a_given_name_counts_and_the_narrowest_network_first() -> None:
    sites = Sites(OutageSettings(sites={"10.1.0.0/16": "county", "10.1.2.0/25": "market"}))
    assert sites.site_of(DEVICE, "10.1.2.77") == "market"
    assert sites.site_of(DEVICE, "10.1.2.200") == "county"
    assert sites.site_of(DEVICE, "10.2.2.200") == "10.2.2.0/24"


def test_behind_one_address_the_region_makes_the_site() -> None:
    assert Sites(OutageSettings(site_by=SiteBy.REGION)).site_of(DEVICE, "10.1.2.77") == "34020301"


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="market"):
        OutageSettings(sites={"market": "east"})
