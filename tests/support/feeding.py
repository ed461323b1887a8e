"""Sessions that are given coded pictures and sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from media.nal import VideoCodec
from media.ps_format import AudioCodec
from media.session import MediaSession
from tests.support.encoded import EncodedPicture, EncodedSound, pictures, sounds

Frame = EncodedPicture | EncodedSound

ORIGIN = (1 << 33) - 45_000
"""The counter of 33 bits wraps half a second after this."""


def feed(session: MediaSession, frame: Frame, shift: int = 0) -> None:
    if isinstance(frame, EncodedPicture):
        session.feed_video(frame.codec, frame.annexb, frame.pts_90k + shift, frame.dts_90k + shift)
    else:
        session.feed_audio(
            frame.codec, frame.data, frame.pts_90k + shift, frame.sample_rate, frame.channels, frame.asc
        )


def film(video: VideoCodec, audio: AudioCodec | None, seconds: int) -> list[Frame]:
    """Pictures and sound in the order of their decoding times."""
    frames: list[Frame] = list(pictures(video, seconds * 25))
    if audio is not None:
        frames += sounds(audio, seconds)
    return sorted(
        frames, key=lambda frame: frame.dts_90k if isinstance(frame, EncodedPicture) else frame.pts_90k
    )


@asynccontextmanager
async def feeding(session: MediaSession, frames: Sequence[Frame]) -> AsyncIterator[None]:
    """The film again and again on one time line, faster than life."""

    async def run() -> None:
        shift = ORIGIN
        while True:
            for frame in frames:
                feed(session, frame, shift)
                await asyncio.sleep(0.002)
            shift += sum(isinstance(frame, EncodedPicture) for frame in frames) * 3_600

    task = asyncio.ensure_future(run())
    try:
        yield
    finally:
        task.cancel()
