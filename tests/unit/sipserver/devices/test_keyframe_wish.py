"""When a camera whose stream begins amid a group of pictures is asked for a key frame."""

from __future__ import annotations

import asyncio

import pytest

from sipserver.devices.keyframe_wish import IDLE_LOOK_S, LOOK_S, PATIENCE_S, KeyframeWish
from tests.support.virtual_time import run_virtually


@pytest.mark.parametrize(
    ("pictures_at_s", "cancelled_at_s", "asked"),
    [
        # Nothing comes: once, when the patience is over.
        (None, 10.0, [(PATIENCE_S, PATIENCE_S + LOOK_S)]),
        # Pictures come: at once, and once more.
        (0.1, 10.0, [(0.1, 0.1 + LOOK_S), (PATIENCE_S, PATIENCE_S + LOOK_S)]),
        (5.0, 10.0, [(PATIENCE_S, PATIENCE_S + LOOK_S), (5.0, 5.0 + IDLE_LOOK_S)]),
        # The key frame is there before.
        (None, 1.0, []),
        (0.1, 1.0, [(0.1, 0.1 + LOOK_S)]),
    ],
)
def test_it_is_asked_as_soon_as_pictures_come_and_when_nothing_does(
    pictures_at_s: float | None, cancelled_at_s: float, asked: list[tuple[float, float]]
) -> None:
    async def scene() -> list[float]:
        loop, found = asyncio.get_running_loop(), []
        began = loop.time()

        def left_out() -> int:
            return int(pictures_at_s is not None and loop.time() - began >= pictures_at_s)

        wish = KeyframeWish(left_out, lambda: found.append(loop.time() - began))
        await asyncio.sleep(cancelled_at_s)
        wish.cancel()
        await asyncio.sleep(20.0)
        return found

    found = run_virtually(scene())
    assert len(found) == len(asked)
    slack = 0.001
    assert all(first - slack <= at <= last + slack for at, (first, last) in zip(found, asked, strict=True)), (
        found
    )
