"""A camera may be reached by several ways: the next is tried when nobody is at the end of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cascade.shown.presented import PresentedChannel
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceOffline, NotAGbDevice, UnknownDevice

ResultT = TypeVar("ResultT")


async def by_ways(entry: PresentedChannel, act: Callable[[ChannelKey], Awaitable[ResultT]]) -> ResultT:
    """Do something with a camera by the first way on which its device is there.

    Raises:
        DeviceError: what the first way that was tried came to, when none works.
    """
    first: UnknownDevice | DeviceOffline | None = None
    for key in entry.paths:
        try:
            return await act(key)
        except NotAGbDevice:
            raise
        except (UnknownDevice, DeviceOffline) as error:
            first = first or error
    assert first is not None  # noqa: S101 - what is presented has a way
    raise first
