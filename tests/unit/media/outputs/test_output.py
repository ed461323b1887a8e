"""Signed URLs, against the vector that the data plane's own test uses (made with openssl)."""

from pathlib import Path

import pytest

from media.errors import LocalViolation
from media.outputs import OUTPUTS
from media.outputs.signed import Grant, unix_s

VECTOR = Path(__file__).parents[4] / "media/native/plane/src/outputs/signed_url_vector.txt"


def test_the_signature_is_the_one_that_the_data_plane_checks() -> None:
    grant = Grant(
        tag="viewer-1",
        user="王",
        channel="340",
        expires_unix_s=1_700_000_000,
        ends_unix_s=1_700_000_600,
    )
    query = grant.query(b"key", "/live/ab")
    assert query == (
        "user=%E7%8E%8B&ch=340&rights=play&tag=viewer-1&exp=1700000000&end=1700000600"
        f"&sig={VECTOR.read_text().strip()}"
    )


def test_each_way_out_has_its_url() -> None:
    grant = Grant(tag="v", expires_unix_s=9)
    urls = {name: output.url("h:1", "ab", grant, b"k") for name, output in OUTPUTS.items()}
    assert {"fmp4_ws", "fmp4_http"} <= set(urls)
    assert urls["fmp4_ws"].startswith("ws://h:1/live/ab?user=&ch=&rights=play&tag=v&exp=9&end=&sig=")
    assert urls["fmp4_http"].startswith("http://h:1/live/ab.mp4?user=&ch=&rights=play&tag=v&exp=9&end=&sig=")


@pytest.mark.parametrize(
    "bad",
    [
        {"tag": ""},
        {"tag": "a&b"},
        {"tag": "x" * 129},
        {"tag": "a", "rights": frozenset({"a b"})},
        {"tag": "a", "user": "王" * 57},
        {"tag": "a", "channel": "c" * 513},
    ],
)
def test_what_no_url_can_carry_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(LocalViolation):
        Grant(expires_unix_s=9, **bad)  # type: ignore[arg-type]


def test_the_longest_values_fit() -> None:
    Grant(tag="x" * 128, user="王" * 56, channel="c" * 512, expires_unix_s=9)


def test_an_instant_is_rounded_up() -> None:
    assert (unix_s(9.0), unix_s(9.001)) == (9, 10)
