"""Settings of the devices' side: the table ``[sip]`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le, MaxLen

from sipserver.sip.flow import Transport
from sipserver.transport.settings import ListenAddress, SipTransportSettings, listen_pair


class MediaPreference(StrEnum):
    """How media is asked for."""

    AUTO = "auto"  # TCP from devices that registered over TCP or TLS, UDP from the rest
    UDP = "udp"
    TCP_PASSIVE = "tcp_passive"  # the device connects to us


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Who we are, where we listen, whom we admit, and how long we wait."""

    id: str = "34020000002000000001"
    """The 20-digit id of this platform; also what devices have as "SIP server id"."""
    name: Annotated[str, MaxLen(255)] = ""
    """What superior platforms are told as our name; empty: ``id``."""
    domain: str = ""
    """The SIP domain and realm; empty: the first ten digits of ``id``."""
    password: Annotated[str, MaxLen(256)] = field(default="", repr=False)
    """The password of devices that have none of their own; empty: such devices are refused."""
    allow_empty_password: bool = False
    """Admit devices without any password. Everybody who reaches the port can then register."""

    host: str = "0.0.0.0"  # noqa: S104
    port: Annotated[int, Ge(0), Le(65535)] = 5060
    more_hosts: tuple[str, ...] = ()
    """Further addresses to listen on with the same ports, ``"::"`` for IPv6."""
    tls_port: Annotated[int, Ge(0), Le(65535)] = 0
    """Port of SIP over TLS; 0: off."""
    tls_certificate: str = ""
    tls_key: str = ""
    advertised_host: str = ""
    """Our address as devices see it; empty: the local address of the route to each."""
    advertised_networks: Mapping[str, str] = field(default_factory=dict)
    """Peer network to our address as seen from it: ``"10.0.0.0/8" = "10.1.2.3"``."""
    connections_max: Annotated[int, Ge(1)] = 8192
    connections_per_source_max: Annotated[int, Ge(1)] = 1024

    accept_any_id: bool = False
    """Admit ids that are not 20 digits, as some test rigs have."""
    username_must_be_id: bool = False
    """Refuse a digest user name that differs from the device id."""
    digest_algorithms: tuple[str, ...] = ("MD5",)
    """Offered in this order; every device knows MD5, few know SHA-256 or SM3."""
    digest_qop: bool = False
    allow_list: bool = False
    """Admit only devices that an operator entered."""
    blocked_ids: tuple[str, ...] = ()
    blocked_networks: tuple[str, ...] = ()
    blocked_user_agents: tuple[str, ...] = ()
    """Texts that a refused User-Agent contains, in any case."""
    date_off_ids: tuple[str, ...] = ()
    """Devices that get no Date in the 200 to REGISTER, because another platform sets their clock."""
    allow_address_change: bool = False
    """Let a keepalive from another address move a device without a new REGISTER."""

    expires_default_s: Annotated[int, Ge(60)] = 3600
    expires_min_s: Annotated[int, Ge(1)] = 60
    expires_max_s: Annotated[int, Ge(60)] = 86_400
    keepalive_interval_s: Annotated[float, Ge(1)] = 60.0
    keepalive_interval_max_s: Annotated[float, Ge(1)] = 600.0
    keepalive_count: Annotated[int, Ge(2), Le(100)] = 3
    probe_timeout_s: Annotated[float, Ge(0.1)] = 8.0
    moves_per_hour_max: Annotated[int, Ge(1)] = 10

    attempts_burst: Annotated[int, Ge(1)] = 5000
    """REGISTERs without valid credentials that one source may send at once.

    All devices of a county may share one address, and after a power cut all of them come back at once.
    """
    attempts_per_second: Annotated[float, Ge(0.01)] = 200.0
    failures_burst: Annotated[int, Ge(1)] = 400
    """REGISTERs with wrong credentials that one source may send at once, for whatever ids."""
    failures_per_second: Annotated[float, Ge(0.01)] = 20.0
    failures_before_403: Annotated[int, Ge(1)] = 2
    failures_before_silence: Annotated[int, Ge(2)] = 6
    failure_memory_s: Annotated[float, Ge(1)] = 60.0

    query_timeout_s: Annotated[float, Ge(0.1)] = 8.0
    catalog_quiet_s: Annotated[float, Ge(0.1)] = 15.0
    catalog_total_s: Annotated[float, Ge(1)] = 1800.0
    catalog_stale_s: Annotated[float, Ge(1)] = 86_400.0
    platform_catalog_s: Annotated[int, Ge(300), Le(604_800)] = 21_600
    """How often a platform is asked for its whole catalogue, where nothing else is decided for it."""
    catalog_syncs_at_once: Annotated[int, Ge(1)] = 16
    catalog_retries: Annotated[int, Ge(0), Le(20)] = 4
    catalog_retry_s: Annotated[float, Ge(0.1)] = 30.0

    media_preference: MediaPreference = MediaPreference.AUTO
    media_preference_of: Mapping[str, MediaPreference] = field(default_factory=dict)
    """Device id to how its media is asked for, where it differs."""
    media_advertised_host: str = ""
    """Where devices send media to; empty: the address that SIP advertises to the device."""
    invite_timeout_s: Annotated[float, Ge(0.1)] = 10.0
    keyframe_timeout_s: Annotated[float, Ge(0.1)] = 10.0
    tcp_keyframe_timeout_s: Annotated[float, Ge(0.1)] = 15.0
    silence_timeout_s: Annotated[float, Ge(1)] = 20.0
    linger_s: Annotated[float, Ge(0)] = 30.0
    bye_attempts: Annotated[int, Ge(1), Le(20)] = 3
    reconcile_interval_s: Annotated[float, Ge(0.1)] = 3.0

    @property
    def realm(self) -> str:
        return self.domain or self.id[:10]

    def transport_settings(self) -> SipTransportSettings:
        """The part that the sockets need."""
        listens: list[ListenAddress] = []
        for host in (self.host, *self.more_hosts):
            listens += listen_pair(host, self.port)
            if self.tls_port:
                listens.append(ListenAddress(Transport.TLS, host, self.tls_port))
        advertised = dict(self.advertised_networks)
        if self.advertised_host:
            network = "::/0" if self.advertised_host.count(":") > 1 else "0.0.0.0/0"
            advertised.setdefault(network, self.advertised_host)
        return SipTransportSettings(
            listens=tuple(listens),
            advertised=advertised,
            tls_certificate=Path(self.tls_certificate) if self.tls_certificate else None,
            tls_key=Path(self.tls_key) if self.tls_key else None,
            connections_max=self.connections_max,
            connections_per_source_max=self.connections_per_source_max,
        )
