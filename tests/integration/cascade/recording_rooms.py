"""Where the recordings of these tests are: our disk with real files, and devices that do as they are told."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from cascade.ports import HistoryRooms
from catalog.model import ChannelKey
from media.recordings import Play
from media.session import MediaPlane, MediaSession
from sipserver.devices.errors import DeviceError, NoAnswer
from sipserver.devices.history.records import FoundRecords, RecordSearch
from sipserver.devices.history.relays import HistoryRelay, OnAnswer
from sipserver.gb.messages.record_info import RecordItem
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.sdp import SessionKind
from storage.errors import NoFootage
from storage.holds import SegmentHolds
from storage.model import Segment
from storage.recorded_playback import RecordedPlayback, RecordedPlaybacks
from storage.settings import StorageSettings
from tests.integration.media.recorded_film import Film


class FakeDisk:
    """See ``OwnRecordings``: real playbacks of a film, once there is one."""

    def __init__(self) -> None:
        self.segments_of: dict[ChannelKey, list[Segment]] = {}
        self.playbacks: RecordedPlaybacks | None = None
        self.longest_s = 0.0
        """Of all times that were looked up at once."""

    def hold(self, plane: MediaPlane, root: Path, key: ChannelKey, film: Film) -> None:
        """The film is what we have recorded of a channel."""
        self.playbacks = RecordedPlaybacks(StorageSettings(path=root), self, SegmentHolds(), plane)
        self.segments_of[key] = [
            Segment(
                segment_id=f"00ff-{number:06d}",
                recorder_id="00ff",
                device_id=key.device_id,
                channel_id=key.channel_id,
                path=each.path.relative_to(root).as_posix(),
                start_time=each.start_time,
                end_time=each.end_time,
                size_bytes=each.path.stat().st_size,
                audio_codec=each.audio_codec,
            )
            for number, each in enumerate(film.segments)
        ]

    async def between(self, key: ChannelKey, start: datetime, end: datetime, limit: int) -> list[Segment]:
        self.longest_s = max(self.longest_s, (end - start).total_seconds())
        found = self.segments_of.get(key, [])
        return [each for each in found if each.end_time > start and each.start_time < end][:limit]

    async def segments(self, key: ChannelKey, start: datetime, end: datetime) -> list[Segment]:
        return await self.between(key, start, end, 50_000)

    async def open(
        self, key: ChannelKey, start: datetime, end: datetime, play: Play | None = None, *, label: str = ""
    ) -> RecordedPlayback:
        if self.playbacks is None:
            raise NoFootage("nothing is on the disk")
        return await self.playbacks.open(key, start, end, play, label=label)


class FakeRecords:
    """See ``DeviceRecords``."""

    days_max = 31.0

    def __init__(self) -> None:
        self.items: list[RecordItem] = []
        self.failure: DeviceError | None = None
        self.is_silent = False
        self.searches: list[RecordSearch] = []

    async def search(self, what: RecordSearch, *, deadline_s: float | None = None) -> FoundRecords:
        assert timedelta(0) < what.end - what.start <= timedelta(days=self.days_max)
        self.searches.append(what)
        if self.is_silent:
            await asyncio.sleep(deadline_s or 0.0)
            raise NoAnswer(f"device {what.key.device_id} sent no answer")
        if self.failure is not None:
            raise self.failure
        found = [each for each in self.items if each.end > what.start and each.start < what.end]
        return FoundRecords(tuple(found), (), True, 1)


class FakeDeviceHistory:
    """See ``DeviceHistory``: devices that refuse, or that answer and then send nothing."""

    def __init__(self) -> None:
        self.failure: DeviceError | None = None
        self.is_silent = False
        self.asked: list[tuple[ChannelKey, SessionKind]] = []
        self.session: MediaSession | None = None

    async def open(
        self,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        kind: SessionKind,
        *,
        tag: str,
        record_type: str = "all",
        uri: str = "",
        speed: int | None = None,
        stream_number: int | None = None,
        route: InviteRoute = DIRECT,
        on_answer: OnAnswer,
    ) -> HistoryRelay:
        self.asked.append((key, kind))
        if self.is_silent:
            await asyncio.Event().wait()
        raise self.failure or NoAnswer("the device has no recordings")


class FakeRooms:
    """All three."""

    def __init__(self) -> None:
        self.disk = FakeDisk()
        self.records = FakeRecords()
        self.devices = FakeDeviceHistory()

    @property
    def rooms(self) -> HistoryRooms:
        return HistoryRooms(self.records, self.devices, self.disk)
