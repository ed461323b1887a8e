"""Recorded sound to A-law at 8 kHz: WAV and MP3, whatever their rate and channels.

The format is told by the first bytes and PyAV is bound to it: left to guess, it would also open playlists,
which name other files.
"""

import io
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from media.audio.errors import AudioTooLong, UnreadableAudio
from media.audio.g711 import SAMPLE_RATE, encode_alaw

MAX_FILE_BYTES: Final = 64 * 1024 * 1024


def sniff(data: bytes) -> str | None:
    """``"wav"``, ``"mp3"``, or None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:3] == b"ID3" or (len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 in (0xE2, 0xE4, 0xE6)):
        return "mp3"
    return None


def decode_file(data: bytes, max_s: float) -> bytes:
    """Decode a whole file; blocks, so call it in a thread.

    Args:
        max_s: the longest sound that is taken.

    Raises:
        UnreadableAudio: no WAV or MP3, damaged, or without sound.
        AudioTooLong: longer than ``max_s``.
    """
    name = sniff(data)
    if name is None or len(data) > MAX_FILE_BYTES:
        raise UnreadableAudio(f"{len(data)} bytes that are no WAV or MP3 of at most {MAX_FILE_BYTES} bytes")
    most = int(max_s * SAMPLE_RATE)
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    pieces: list[bytes] = []
    samples = 0
    try:
        with av.open(io.BytesIO(data), mode="r", format=name) as container:
            if not container.streams.audio:
                raise UnreadableAudio("the file has no sound in it")
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    samples += piece.samples
                    if samples > most:
                        raise AudioTooLong(f"the sound is longer than {max_s:g} s")
                    pieces.append(_alaw(piece))
            pieces += [_alaw(piece) for piece in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError) as error:
        raise UnreadableAudio(f"the {name.upper()} file cannot be read: {error}") from error
    alaw = b"".join(pieces)
    if not alaw:
        raise UnreadableAudio(f"the {name.upper()} file holds no sound")
    return alaw


def _alaw(frame: AudioFrame) -> bytes:
    return encode_alaw(frame.to_ndarray().reshape(-1).astype(np.int16))
