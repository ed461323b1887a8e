"""Answers of several parts: one after the other, the next behind the answer to the one before (8.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from cascade.errors import CascadeError, SuperiorRefused
from cascade.link import SuperiorLink
from sipserver.gb.manscdp import Element

FRAGMENT_TRIES: Final = 3


async def send_in_turn(link: SuperiorLink, parts: Iterable[Element]) -> None:
    """Send all parts, spaced as the superior's settings say.

    Raises:
        SuperiorOffline, SuperiorSilent, SuperiorRefused
    """
    for part in parts:
        await _send(link, part)
        if link.superior.fragment_pause_s:
            await asyncio.sleep(link.superior.fragment_pause_s)


async def _send(link: SuperiorLink, part: Element) -> None:
    """A part that is lost makes the whole answer useless: it is sent again."""
    for last in range(FRAGMENT_TRIES - 1, -1, -1):
        try:
            await link.send_document(part)
            return
        except SuperiorRefused:
            raise
        except CascadeError:
            if not last:
                raise
