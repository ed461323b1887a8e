"""Sound files to A-law."""

import numpy as np
import pytest

from media.audio.decode import decode_file, sniff
from media.audio.errors import AudioTooLong, UnreadableAudio
from media.audio.g711 import decode_alaw
from tests.support.sound_files import tone_mp3, tone_wav


def strongest_hz(alaw: bytes) -> float:
    samples = decode_alaw(alaw)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * 8_000 / len(samples)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 2)])
def test_wav_of_any_rate_keeps_its_tone(rate: int, channels: int) -> None:
    alaw = decode_file(tone_wav(1_000.0, 1.0, rate, channels), max_s=10)
    assert len(alaw) == pytest.approx(8_000, abs=40)
    assert strongest_hz(alaw) == pytest.approx(1_000.0, abs=3)


def test_mp3_of_ffmpeg_keeps_its_tone() -> None:
    alaw = decode_file(tone_mp3(700.0, 1.0), max_s=10)
    assert strongest_hz(alaw) == pytest.approx(700.0, abs=3)


def test_longest_sound_is_a_limit() -> None:
    wav = tone_wav(1_000.0, 1.0, 8_000)
    assert len(decode_file(wav, max_s=1.0)) == 8_000
    with pytest.raises(AudioTooLong):
        decode_file(wav, max_s=0.99)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"#EXTM3U\nhttp://192.0.2.1/x.mp3\n",
        b"concat:/etc/passwd",
        b"OggS" + bytes(100),
        tone_wav(440.0, 0.1)[:44],
        b"ID3" + bytes(1_000),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    """A playlist in particular: it would have other files and addresses opened."""
    with pytest.raises(UnreadableAudio):
        decode_file(data, max_s=10)


def test_half_a_file_is_as_long_as_what_is_there() -> None:
    alaw = decode_file(tone_wav(1_000.0, 1.0, 8_000)[:8_044], max_s=10)
    assert len(alaw) == pytest.approx(4_000, abs=40)


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"RIFF1234WAVE", "wav"), (b"ID3\x04", "mp3"), (b"\xff\xfb\x90", "mp3"), (b"\xff\xff\xff", "mp3")],
)
def test_first_bytes_tell_the_format(head: bytes, name: str) -> None:
    assert sniff(head) == name
