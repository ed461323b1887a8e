"""What the table [sip] says to the sockets."""

from __future__ import annotations

from pathlib import Path

from sipserver.devices.settings import DeviceSettings
from sipserver.sip.flow import Transport
from sipserver.transport.settings import ListenAddress

EVERYWHERE = "0.0.0.0"  # noqa: S104


def test_every_host_is_listened_on_with_udp_tcp_and_tls() -> None:
    settings = DeviceSettings(
        host=EVERYWHERE,
        more_hosts=("::",),
        port=5060,
        tls_port=5061,
        tls_certificate="c.pem",
        tls_key="k.pem",
    ).transport_settings()
    assert settings.listens == tuple(
        ListenAddress(transport, host, port)
        for host in (EVERYWHERE, "::")
        for transport, port in ((Transport.UDP, 5060), (Transport.TCP, 5060), (Transport.TLS, 5061))
    )
    assert (settings.tls_certificate, settings.tls_key) == (Path("c.pem"), Path("k.pem"))


def test_the_advertised_host_is_the_answer_for_networks_without_one_of_their_own() -> None:
    settings = DeviceSettings(
        advertised_host="203.0.113.9", advertised_networks={"10.0.0.0/8": "10.1.2.3"}
    ).transport_settings()
    assert settings.advertised == {"10.0.0.0/8": "10.1.2.3", "0.0.0.0/0": "203.0.113.9"}
    assert DeviceSettings(advertised_host="2001:db8::1").transport_settings().advertised == {
        "::/0": "2001:db8::1"
    }


def test_the_realm_is_the_domain_else_the_first_ten_digits() -> None:
    assert DeviceSettings(id="34020000002000000001").realm == "3402000000"
    assert DeviceSettings(domain="example.cn").realm == "example.cn"


def test_the_password_is_never_printed() -> None:
    assert "hush" not in repr(DeviceSettings(password="hush"))
