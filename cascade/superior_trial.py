"""Tries a superior out: does it register us, does it answer, what is it shown, could it have a picture."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from cascade.link import SuperiorLink
from cascade.model import LinkState
from cascade.ports import LivePictures
from cascade.post import SuperiorPost
from cascade.trial import Step, TrialFailed, one_picture
from sipserver.gb.ids import GbId
from sipserver.gb.messages.keepalive import Keepalive

REGISTER_S: Final = 15.0


class SuperiorTrial:
    """One try of one superior; where we are not registered we register at once, without waiting our turn."""

    def __init__(self, post: SuperiorPost, pictures: LivePictures) -> None:
        self._post = post
        self._pictures = pictures

    @property
    def steps(self) -> Mapping[str, Step]:
        return {
            "registration": self._registration,
            "answer": self._answer,
            "catalogue": self._catalogue,
            "picture": self._picture,
        }

    async def _registration(self) -> str:
        link = self._post.link
        if not link.superior.is_enabled:
            raise TrialFailed("it is switched off")
        if not link.is_online:
            await _registered_anew(link)
        remote = link.view.remote
        return "registered" if remote is None else f"registered at {remote[0]}:{remote[1]}"

    async def _answer(self) -> str:
        link = self._post.link
        begun = time.monotonic()
        await link.send_document(Keepalive(link.signalling.next_sn(), GbId(link.superior.own_id)).to_xml())
        return f"a keepalive is answered after {1000 * (time.monotonic() - begun):.0f} ms"

    async def _catalogue(self) -> str:
        tree = await self._post.catalogue.tree()
        if not tree.camera_count:
            raise TrialFailed("no rule shows it a camera")
        return f"{tree.camera_count} cameras are shown to it"

    async def _picture(self) -> str:
        tree = await self._post.catalogue.tree()
        cameras = (entry.paths[0] for entry in tree.channels.values() if entry.item.status == "ON")
        return await one_picture(self._pictures, cameras, f"superior {self._post.link.superior.superior_id}")


async def _registered_anew(link: SuperiorLink) -> None:
    """Register now; raises TrialFailed with what the superior said."""
    settled = asyncio.Event()
    seen: set[LinkState] = set()

    def look(changed: SuperiorLink) -> None:
        seen.add(changed.view.state)
        has_failed = changed.view.state is LinkState.WAITING and LinkState.REGISTERING in seen
        if changed.is_online or (has_failed and not changed.is_due):
            settled.set()

    await link.close("tried out")
    link.listeners.append(look)
    try:
        link.open(at_once=True)
        async with asyncio.timeout(REGISTER_S):
            await settled.wait()
    except TimeoutError:
        raise TrialFailed(f"no answer within {REGISTER_S:.0f} s") from None
    finally:
        link.listeners.remove(look)
    if not link.is_online:
        raise TrialFailed(link.view.why)
