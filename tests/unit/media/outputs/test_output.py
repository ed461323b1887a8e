"""Signed URLs, against the vector that the data plane's own test uses (made with openssl)."""

from pathlib import Path

from media.outputs import OUTPUTS
from media.outputs.output import sign

VECTOR = Path(__file__).parents[4] / "media/native/plane/src/outputs/signed_url_vector.txt"


def test_the_signature_is_the_one_that_the_data_plane_checks() -> None:
    assert sign(b"key", "/live/ab", "viewer-1", 1_700_000_000) == VECTOR.read_text().strip()


def test_each_way_out_has_its_url() -> None:
    urls = {name: output.url("h:1", "ab", "v", 9, b"k") for name, output in OUTPUTS.items()}
    assert list(urls) == ["fmp4_ws", "fmp4_http"]
    assert urls["fmp4_ws"].startswith("ws://h:1/live/ab?tag=v&exp=9&sig=")
    assert urls["fmp4_http"].startswith("http://h:1/live/ab.mp4?tag=v&exp=9&sig=")
