"""Settings: ranges of ports, and the units of the data plane."""

import pytest

from media.engine import native_settings
from media.settings import MediaSettings, is_port_range, parse_port_range


def test_a_range_of_ports_is_read() -> None:
    assert parse_port_range("30000-35000") == (30_000, 35_000)
    assert is_port_range("2-3")
    assert is_port_range("65534-65535")


@pytest.mark.parametrize(
    "text", ["", "30000", "30001-30010", "30000-30000", "0-10", "65534-65536", "a-b", "1 - 2"]
)
def test_other_texts_are_no_range(text: str) -> None:
    assert not is_port_range(text)


def test_the_defaults_reach_the_data_plane_in_its_units() -> None:
    native = native_settings(MediaSettings(), b"key")
    assert native["nap_us"] == 5_000
    assert native["reorder_us"] == 200_000
    assert native["silence_us"] == 15_000_000
    assert native["recorder_fragment_us"] == 1_000_000
    assert 1 <= native["threads"] <= 2


def test_receiving_and_serving_may_have_addresses_of_their_own() -> None:
    assert MediaSettings(host="192.0.2.1").reception_host == "192.0.2.1"
    assert MediaSettings(host="192.0.2.1", rtp_host="192.0.2.2").reception_host == "192.0.2.2"
