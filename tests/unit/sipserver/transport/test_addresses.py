"""The address that a peer is told."""

from __future__ import annotations

import pytest

from sipserver.sip.flow import Flow, Transport
from sipserver.transport.addresses import (
    MAX_CACHED_PEERS,
    AdvertisedAddresses,
    is_wildcard,
    local_address_towards,
    split_host_port,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104


def flow(peer: str, bound: str = EVERYWHERE, port: int = 5060) -> Flow:
    return Flow(Transport.UDP, (bound, port), (peer, 40000))


TABLE = {
    "0.0.0.0/0": "203.0.113.9",
    "10.0.0.0/8": "10.1.2.3",
    "10.9.0.0/16": "10.9.0.1:6060",
    "::/0": "2001:db8::1",
}


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ("198.51.100.20", ("203.0.113.9", 5060)),
        ("10.200.0.1", ("10.1.2.3", 5060)),
        ("10.9.8.7", ("10.9.0.1", 6060)),
        ("2001:db8::77", ("2001:db8::1", 5060)),
        ("fe80::1%2", ("2001:db8::1", 5060)),
    ],
)
def test_the_longest_prefix_wins(peer: str, told: tuple[str, int]) -> None:
    assert AdvertisedAddresses(TABLE).for_flow(flow(peer)) == told


def test_without_a_row_the_bound_address_is_told() -> None:
    assert AdvertisedAddresses({}).for_flow(flow("198.51.100.20", "192.0.2.1")) == ("192.0.2.1", 5060)


def test_bound_to_all_addresses_the_route_decides_and_is_asked_once_a_minute() -> None:
    asked: list[str] = []
    now = [0.0]

    def route(peer: str) -> str:
        asked.append(peer)
        return f"192.0.2.{len(asked)}"

    addresses = AdvertisedAddresses({}, route=route, clock=lambda: now[0])
    assert addresses.for_flow(flow("198.51.100.20")) == ("192.0.2.1", 5060)
    now[0] = 59.0
    assert addresses.for_flow(flow("198.51.100.20"))[0] == "192.0.2.1"
    now[0] = 61.0
    assert addresses.for_flow(flow("198.51.100.20"))[0] == "192.0.2.2"


@pytest.mark.parametrize(("bound", "told"), [(EVERYWHERE, "127.0.0.1"), ("::", "::1")])
def test_a_wildcard_is_never_told_even_without_a_route(bound: str, told: str) -> None:
    addresses = AdvertisedAddresses({}, route=lambda peer: None)
    assert addresses.for_flow(flow("198.51.100.20", bound))[0] == told


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "", "0.0.0.0:5060"])
def test_a_wildcard_in_the_table_stops_the_start(host: str) -> None:
    with pytest.raises(ValueError, match="no peer can reach"):
        AdvertisedAddresses({"10.0.0.0/8": host})


def test_many_peers_do_not_grow_the_cache() -> None:
    addresses = AdvertisedAddresses({}, route=lambda peer: "192.0.2.1")
    for number in range(MAX_CACHED_PEERS + 10):
        addresses.for_flow(flow(f"peer {number}"))
    assert addresses.cached_peers <= MAX_CACHED_PEERS


def test_the_kernel_knows_the_way_to_itself() -> None:
    assert local_address_towards("127.0.0.1") == "127.0.0.1"
    assert local_address_towards("not an address") is None


def test_hosts_and_ports() -> None:
    assert split_host_port("192.0.2.1") == ("192.0.2.1", None)
    assert split_host_port("192.0.2.1:6060") == ("192.0.2.1", 6060)
    assert split_host_port("2001:db8::1") == ("2001:db8::1", None)
    assert split_host_port("[2001:db8::1]:6060") == ("2001:db8::1", 6060)
    assert not is_wildcard("host.example")
