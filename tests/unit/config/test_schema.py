"""Rules between tables."""

from dataclasses import replace

import pytest

from config.schema import Settings, cross_faults
from config.tables import DatabaseSettings, HttpSettings


def test_the_defaults_fit_together() -> None:
    assert list(cross_faults(Settings())) == []


def test_two_listeners_on_one_port_are_refused() -> None:
    settings = Settings(http=HttpSettings(port=5060))
    assert list(cross_faults(settings)) == [
        "sip.port and http.port are both 5060: each listener needs a port of its own"
    ]


def test_one_port_on_two_addresses_is_fine() -> None:
    settings = Settings()
    apart = replace(
        settings,
        sip=replace(settings.sip, host="192.0.2.1"),
        http=HttpSettings(host="192.0.2.2", port=5060),
    )
    assert list(cross_faults(apart)) == []


def test_any_free_port_collides_with_nothing() -> None:
    settings = Settings()
    free = replace(settings, sip=replace(settings.sip, port=0), http=HttpSettings(port=0))
    assert list(cross_faults(free)) == []


def test_a_listener_inside_the_receive_ports_is_refused() -> None:
    (fault,) = cross_faults(Settings(http=HttpSettings(port=30002)))
    assert fault.startswith("http.port = 30002 lies inside media.rtp_ports")


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"database\.url begins with 'mysql'"):
        DatabaseSettings(url="mysql://x/y")


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"http\.metrics_allow holds 'everywhere'"):
        HttpSettings(metrics_allow=("everywhere",))
