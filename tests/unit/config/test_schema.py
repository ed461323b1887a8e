"""Rules between tables."""

from dataclasses import replace

import pytest

from config.schema import Settings, cautions, cross_faults
from config.tables import DatabaseSettings, HttpSettings
from sipserver.devices.uploads.settings import UploadSettings


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


def test_a_listener_inside_the_receive_ports_is_said() -> None:
    settings = Settings(http=HttpSettings(port=30002))
    assert list(cross_faults(settings)) == []
    assert any(
        line.startswith("http.port = 30002 lies inside media.rtp_ports") for line in cautions(settings)
    )


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"database\.url begins with 'mysql'"):
        DatabaseSettings(url="mysql://x/y")


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"http\.metrics_allow holds 'everywhere'"):
        HttpSettings(metrics_allow=("everywhere",))


def test_a_wildcard_is_never_advertised() -> None:
    settings = Settings()
    wrong = replace(settings, sip=replace(settings.sip, advertised_host="::"))
    (fault,) = cross_faults(wrong)
    assert fault.startswith('sip.advertised_host = "::" is wrong: allowed is an address')


def test_an_id_that_is_not_20_digits_is_refused() -> None:
    settings = Settings()
    (fault,) = cross_faults(replace(settings, sip=replace(settings.sip, id="3402")))
    assert fault.startswith('sip.id = "3402" is wrong: allowed are 20 digits')


def test_dangerous_choices_are_said_at_the_start() -> None:
    settings = Settings()

    def said(**changes: object) -> list[str]:
        sip = replace(settings.sip, **changes)  # type: ignore[arg-type]
        return [line.split(" ")[0].rstrip(":") for line in cautions(replace(settings, sip=sip))]

    assert said() == ["sip.password"]
    assert said(password="short") == ["sip.password"]
    assert said(password="long enough") == []
    assert said(allow_empty_password=True) == ["sip.allow_empty_password"]
    assert said(password="long enough", advertised_host="127.0.0.1") == ["sip.advertised_host"]


def test_devices_that_cannot_reach_the_listener_are_a_caution() -> None:
    """Stills and firmware pass over HTTP; a listener on loopback needs a proxy in front of it."""

    def is_told(settings: Settings) -> bool:
        return any("uploads.advertised_url" in line for line in cautions(settings))

    local = replace(Settings(), http=HttpSettings(host="127.0.0.1"))
    assert not is_told(Settings())
    assert is_told(local)
    assert not is_told(replace(local, uploads=UploadSettings(advertised_url="http://192.0.2.7:8080")))
    assert not is_told(replace(local, sip=replace(local.sip, host="127.0.0.1")))


@pytest.mark.parametrize("url", ["192.0.2.7:8080", "ftp://192.0.2.7", "http://", "http://a/?x=1"])
def test_an_upload_address_must_be_one(url: str) -> None:
    with pytest.raises(ValueError, match=r"uploads\.advertised_url"):
        UploadSettings(advertised_url=url)
