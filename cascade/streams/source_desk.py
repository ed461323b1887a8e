"""Where a stream that a superior wants comes from: the picture itself, a device's recordings, or our own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from cascade.errors import RingFound
from cascade.link import SuperiorLink
from cascade.model import RecordSource
from cascade.ports import HistoryRooms, LivePictures
from cascade.shown.presented import PresentedChannel
from cascade.streams.device_history import RelayedRecording
from cascade.streams.own_recordings import PlayedRecording
from cascade.streams.sources import LiveSource, StreamSource, Wanted
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError, UnknownChannel
from sipserver.devices.stream_request import LiveStream
from sipserver.gb.route_path import InviteRoute
from sipserver.gb.sdp import SessionKind
from storage.errors import NoFootage, StorageError

OWN_FILES: Final = "/recordings-of-"
"""Stands in the FilePath of our own recordings, and in that of no device."""
OWN_TYPES: Final = frozenset({"", "all", "time"})
"""Types of recordings that our own are among: they are made by plan."""
START_TOLERANCE: Final = timedelta(seconds=5)

logger = logging.getLogger(__name__)

Open = Callable[[ChannelKey, Wanted], Awaitable[StreamSource]]


class SourceDesk:
    """Opens sources for one superior, by the first way that works."""

    def __init__(self, link: SuperiorLink, pictures: LivePictures, history: HistoryRooms | None) -> None:
        self._link = link
        self._pictures = pictures
        self._history = history

    async def open(self, wanted: Wanted, entry: PresentedChannel) -> StreamSource:
        """A source that is ready to be sent, or waits for its receiver.

        Raises:
            DeviceError, StorageError: why there is none; of several the one that says most.
        """
        failure: Exception | None = None
        paths = in_order(entry.paths, wanted.route)
        if entry.paths and not paths:
            raise RingFound(f"{wanted.presented} is where the INVITE for it came from")
        for way in self._ways(wanted):
            for key in paths:
                try:
                    return await way(key, wanted)
                except (DeviceError, StorageError) as error:
                    logger.debug("%s for %s: %s", wanted.kind, self._tag, error)
                    if failure is None or isinstance(failure, NoFootage):
                        failure = error
        raise failure or UnknownChannel(f"{wanted.presented} has no recordings")

    # ---------------------------------------------------------------- inside

    @property
    def _tag(self) -> str:
        return f"superior {self._link.superior.superior_id}"

    def _ways(self, wanted: Wanted) -> Sequence[Open]:
        if wanted.kind is SessionKind.PLAY:
            return (self._live,)
        if self._history is None:
            return ()
        if wanted.uri:
            return (self._own,) if OWN_FILES in wanted.uri else (self._device,)
        if wanted.record_type not in OWN_TYPES:
            return (self._device,)
        match self._link.superior.record_source:
            case RecordSource.DEVICE_FIRST:
                return (self._device, self._own)
            case RecordSource.MERGED:
                # What both have is played from our own disk, which serves as many as ask.
                return (self._own_from_the_start, self._device, self._own)
            case _:
                return (self._own, self._device)

    async def _live(self, key: ChannelKey, wanted: Wanted) -> StreamSource:
        stream = LiveStream.SUB if wanted.stream_number else LiveStream.MAIN
        return LiveSource(
            await self._pictures.hold(key, "relay", tag=self._tag, stream=stream, route=wanted.route)
        )

    async def _own(self, key: ChannelKey, wanted: Wanted) -> StreamSource:
        assert self._history is not None  # noqa: S101 - see _ways
        label = f"{self._link.superior.superior_id} {wanted.presented}"
        return await PlayedRecording.open(self._history.own, key, wanted, label)

    async def _own_from_the_start(self, key: ChannelKey, wanted: Wanted) -> StreamSource:
        """Unless what is asked for began before our own recordings do: the device listed it then."""
        assert self._history is not None  # noqa: S101 - see _ways
        found = await self._history.own.segments(key, wanted.start, wanted.end)
        if not found or found[0].start_time > wanted.start + START_TOLERANCE:
            raise NoFootage(f"our recordings of {key} do not begin at {wanted.start.isoformat()}")
        return await self._own(key, wanted)

    async def _device(self, key: ChannelKey, wanted: Wanted) -> StreamSource:
        assert self._history is not None  # noqa: S101 - see _ways
        source = RelayedRecording(self._history.devices, key, wanted, self._tag)
        await source.open()
        return source


def in_order(paths: Sequence[ChannelKey], route: InviteRoute) -> list[ChannelKey]:
    """The ways to a camera: the one that is wanted first, and none back to where the INVITE came through."""
    open_ways = [key for key in paths if key.device_id not in route.visited]
    return sorted(open_ways, key=lambda key: key.device_id not in route.preferred[:1])
