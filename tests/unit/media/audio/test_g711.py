"""G.711 against PyAV, which has its own tables."""

from typing import Literal

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio import g711

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype(np.int16)


def outside_decode(name: Literal["pcm_alaw", "pcm_mulaw"], data: bytes) -> np.ndarray:
    decoder = av.CodecContext.create(name, "r")
    decoder.format = "s16"  # type: ignore[attr-defined]
    decoder.layout = "mono"  # type: ignore[attr-defined]
    decoder.sample_rate = 8_000  # type: ignore[attr-defined]
    return decoder.decode(av.Packet(data))[0].to_ndarray().reshape(-1)  # type: ignore[union-attr]


def test_a_law_decodes_as_elsewhere() -> None:
    assert (g711.decode_alaw(EVERY_CODE) == outside_decode("pcm_alaw", EVERY_CODE)).all()


def test_a_law_takes_the_nearest_value() -> None:
    values = g711.decode_alaw(EVERY_CODE).astype(np.int32)
    chosen = g711.decode_alaw(g711.encode_alaw(EVERY_SAMPLE)).astype(np.int32)
    nearest = np.abs(EVERY_SAMPLE.astype(np.int32)[:, None] - values[None, :]).min(axis=1)
    assert (np.abs(chosen - EVERY_SAMPLE) == nearest).all()


@given(st.binary(max_size=400))
def test_a_law_comes_back_unchanged(data: bytes) -> None:
    assert g711.encode_alaw(g711.decode_alaw(data)) == data


def test_mu_law_and_back_changes_next_to_nothing() -> None:
    """One law to the other and back loses at most one step of a large value."""
    there = g711.alaw_to_ulaw(EVERY_CODE)
    heard = outside_decode("pcm_mulaw", there).astype(np.int32)
    meant = g711.decode_alaw(EVERY_CODE).astype(np.int32)
    assert (np.abs(heard - meant) <= np.maximum(np.abs(meant) / 16, 8)).all()
    assert g711.ulaw_to_alaw(there) != b""


def test_silence_is_silent() -> None:
    assert len(g711.SILENCE) == g711.FRAME_BYTES
    assert np.abs(g711.decode_alaw(g711.SILENCE)).max() <= 8
    assert g711.level_dbfs(g711.SILENCE) < -70


@pytest.mark.parametrize(("amplitude", "level"), [(32_000, -3.2), (3_200, -23.2)])
def test_level_of_a_tone_is_its_effective_value(amplitude: int, level: float) -> None:
    samples = (amplitude * np.sin(2 * np.pi * np.arange(800) / 8)).astype(np.int16)
    assert g711.level_dbfs(g711.encode_alaw(samples)) == pytest.approx(level, abs=0.3)


def test_level_of_nothing_is_the_quietest() -> None:
    assert g711.level_dbfs(b"") == g711.QUIETEST_DBFS
