"""Trying another platform out: steps in turn, each with a deadline, up to the first that fails.

What a step opened is given back. A step that cannot be done without the one before it is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cascade.errors import CascadeError
from cascade.ports import LivePictures
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError
from sipserver.gb.errors import MalformedText
from sipserver.transport.errors import TransportError

PICTURE_S: Final = 20.0
PICTURES_TRIED: Final = 3
"""Cameras that are asked for a picture until one shows it."""
PURPOSE: Final = "trial"

Step = Callable[[], Awaitable[str]]
"""Says what it saw, or raises what went wrong."""


@dataclass(frozen=True, slots=True)
class TrialStep:
    """How one step went."""

    name: str
    ok: bool
    detail: str
    took_ms: float


class TrialFailed(CascadeError):
    """Why a step failed."""


async def in_turn(steps: Mapping[str, Step]) -> list[TrialStep]:
    """Up to the first step that fails."""
    done: list[TrialStep] = []
    for name, step in steps.items():
        begun = time.monotonic()
        ok = True
        try:
            detail = await step()
        except (CascadeError, DeviceError, MalformedText, TransportError, TimeoutError) as error:
            ok, detail = False, str(error) or "it took too long"
        done.append(TrialStep(name, ok, detail, round(1000 * (time.monotonic() - begun), 1)))
        if not ok:
            break
    return done


async def one_picture(pictures: LivePictures, cameras: Iterable[ChannelKey], tag: str) -> str:
    """What the first picture of the first camera is that shows one.

    Raises:
        TrialFailed: none does.
    """
    failures = []
    for key in islice(cameras, PICTURES_TRIED):
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PICTURE_S):
                held = await pictures.hold(key, PURPOSE, tag=tag)
        except (DeviceError, TimeoutError) as error:
            failures.append(f"{key.channel_id}: {str(error) or 'no picture in time'}")
            continue
        info = held.session.info
        await held.release()
        size = f" {info.codec} {info.width}x{info.height}" if info is not None else ""
        return f"{key.channel_id}{size} after {time.monotonic() - begun:.1f} s"
    raise TrialFailed("; ".join(failures) or "there is no camera that is on")
