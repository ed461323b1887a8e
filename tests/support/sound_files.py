"""Sound files for tests, written by outside programs where it matters."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np


def tone_wav(hz: float, seconds: float, rate: int = 16_000, channels: int = 1) -> bytes:
    """A WAV file with a pure tone."""
    time_s = np.arange(round(seconds * rate)) / rate
    samples = (8_000 * np.sin(2 * np.pi * hz * time_s)).astype("<i2")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels).tobytes())
    return written.getvalue()


def tone_mp3(hz: float, seconds: float) -> bytes:
    """An MP3 file with a pure tone, encoded by ffmpeg."""
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg is not None
    command = [
        ffmpeg, "-v", "error", "-f", "lavfi",
        "-i", f"sine=frequency={hz}:duration={seconds}:sample_rate=44100",
        "-codec:a", "libmp3lame", "-b:a", "64k", "-f", "mp3", "-",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
