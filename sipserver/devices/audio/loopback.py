"""Echoes for people who want to know whether their microphone works, without any device."""

from __future__ import annotations

import asyncio
from typing import Final

from media.audio.webrtc import BrowserAudio
from sipserver.devices.audio.errors import TooManySessions
from sipserver.devices.tasks import TaskOwner

LOOPBACKS_MAX: Final = 8
LONGEST_S: Final = 60.0


class Loopbacks:
    """Each browser hears itself for a minute at most."""

    def __init__(self) -> None:
        self._open: set[BrowserAudio] = set()
        self._tasks = TaskOwner("audio loopback")

    def __len__(self) -> int:
        return len(self._open)

    async def connect(self, offer: str) -> str:
        """The answer to a browser's offer.

        Raises:
            BadOffer, TooManySessions
        """
        if len(self._open) >= LOOPBACKS_MAX:
            raise TooManySessions(f"{LOOPBACKS_MAX} microphones are tested already; try again in a minute")
        browser = BrowserAudio()
        browser.on_frame = browser.loudspeaker.push
        self._open.add(browser)
        try:
            answer = await browser.answer(offer)
        except BaseException:
            self._open.discard(browser)
            await browser.close()
            raise
        self._tasks.spawn(self._end(browser), browser.connection_id)
        return answer

    async def close(self) -> None:
        await self._tasks.close()

    async def _end(self, browser: BrowserAudio) -> None:
        try:
            async with asyncio.timeout(LONGEST_S):
                await browser.gone.wait()
        except TimeoutError:
            pass
        finally:
            self._open.discard(browser)
            await browser.close()
