"""A media room on free ports, and sockets that are closed at the end."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from media.session import MediaPlane
from media.settings import MediaSettings
from tests.support.port_ranges import rtp_ports

PATIENCE_S = 20.0


async def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Wait for something that the data plane does by itself."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := condition()):  # noqa: ASYNC110  (no event tells it)
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"not within {PATIENCE_S:g} s: {what or condition}")
    return found


def tool(name: str) -> str:
    """A program that judges our files from outside."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install ffmpeg)")
    return found


MakePlane = Callable[..., Awaitable[MediaPlane]]


@pytest.fixture
async def make_plane() -> AsyncIterator[MakePlane]:
    async with AsyncExitStack() as stack:

        async def make(**changes: Any) -> MediaPlane:
            values = {"host": "127.0.0.1", "port": 0, "rtp_ports": rtp_ports(1_000), "threads": 1} | changes
            plane = MediaPlane(MediaSettings(**values))
            await plane.open()
            stack.push_async_callback(plane.close)
            return plane

        yield make


@pytest.fixture
async def plane(make_plane: MakePlane) -> MediaPlane:
    return await make_plane()


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        yield made
