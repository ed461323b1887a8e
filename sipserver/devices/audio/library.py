"""Clips: sound that was uploaded once and is played often."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

from media.audio.decode import decode_file
from media.audio.g711 import SAMPLE_RATE
from sipserver.devices.audio.errors import TooManySessions, UnknownClip
from sipserver.devices.audio.settings import AudioSettings
from sipserver.devices.audio.store import AudioStore, ClipInfo


class ClipLibrary:
    """Takes WAV and MP3, keeps A-law."""

    def __init__(self, settings: AudioSettings, store: AudioStore, wall: Callable[[], datetime]) -> None:
        self._settings = settings
        self._store = store
        self._wall = wall
        # One file is decoded at a time: a long MP3 costs a second of a core.
        self._decoding = asyncio.Semaphore(1)
        self._adding = asyncio.Lock()

    async def list(self) -> list[ClipInfo]:
        return await self._store.list_clips()

    async def info(self, clip_id: str) -> ClipInfo:
        """Raises UnknownClip."""
        for clip in await self._store.list_clips():
            if clip.clip_id == clip_id:
                return clip
        raise UnknownClip(f"no clip has the id {clip_id[:64]!r}")

    async def sound(self, clip_id: str) -> bytes:
        """A-law at 8 kHz. Raises UnknownClip."""
        alaw = await self._store.load_clip(clip_id)
        if alaw is None:
            raise UnknownClip(f"no clip has the id {clip_id[:64]!r}")
        return alaw

    async def add(self, name: str, data: bytes, created_by: str) -> ClipInfo:
        """Decode and keep a file.

        Raises:
            UnreadableAudio, AudioTooLong: what the file is not.
            TooManySessions: the library is full.
        """
        async with self._decoding:
            alaw = await asyncio.to_thread(decode_file, data, self._settings.clip_max_s)
        clip = ClipInfo(
            clip_id=secrets.token_hex(16),
            name=name,
            duration_s=len(alaw) / SAMPLE_RATE,
            created_by=created_by,
            created_time=self._wall(),
        )
        async with self._adding:
            if len(await self._store.list_clips()) >= self._settings.clips_max:
                raise TooManySessions(f"{self._settings.clips_max} clips are kept, which is audio.clips_max")
            await self._store.add_clip(clip, alaw)
        return clip

    async def remove(self, clip_id: str) -> None:
        """Raises UnknownClip."""
        await self.info(clip_id)
        await self._store.remove_clip(clip_id)
