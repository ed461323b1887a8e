"""Bursts of stills: ask a device for them, take what it uploads, and know when that is all."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.configuration.configuration import Configuration
from sipserver.devices.configuration.download import demand_edition
from sipserver.devices.configuration.outcomes import Confirmation
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import DeviceError, NotAPicture, TransfersBusy, UnknownTransfer
from sipserver.devices.features import Parts
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.until_written import until_written
from sipserver.devices.uploads.jpeg import NotJpeg, measure_jpeg
from sipserver.devices.uploads.live_burst import LiveBurst, Verdict
from sipserver.devices.uploads.model import BurstState, SnapshotBurst, SnapshotPicture
from sipserver.devices.uploads.place import UPLOAD_PREFIX, Place
from sipserver.devices.uploads.settings import UploadSettings
from sipserver.devices.uploads.store import UploadStore
from sipserver.gb.config_blocks.picture import SnapShotConfig
from sipserver.gb.errors import MalformedText
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.gb.session_ids import SnapshotFileId
from sipserver.transport.driver import IncomingRequest

SESSION_BYTES: Final = 16
TOKEN_BYTES: Final = 16
NAME_MAX: Final = 255

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The right to bring pictures of one burst, for as long as one HTTP request lasts."""

    live: LiveBurst
    limit_bytes: int
    transfer_s: float


class Snapshots:
    """Owns every burst that is under way."""

    def __init__(
        self,
        parts: Parts,
        settings: UploadSettings,
        configuration: Configuration,
        store: UploadStore,
        place: Place,
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._configuration = configuration
        self._store = store
        self._place = place
        self._tasks = TaskOwner("stills")
        self._by_session: dict[str, LiveBurst] = {}
        self._by_token: dict[str, LiveBurst] = {}
        self._transfers = 0
        self.elsewhere: Callable[[str, UploadSnapShotFinished], bool] = lambda _device_id, _notice: False
        """Offered the notices of bursts that were not begun here."""
        parts.router.commands["Notify", "UploadSnapShotFinished"] = self._finished

    async def open(self) -> None:
        """Go on waiting for bursts of a former run."""
        now, wall = self._parts.clock(), self._parts.wall()
        for burst in await self._store.open_bursts():
            live = self._enter(burst, now + (burst.deadline_time - wall).total_seconds())
            for picture in await self._store.pictures_of([burst.session_id]):
                live.pictures[picture.file_name, picture.sha256] = picture
                live.numbers.add(picture.number)
            live.update(pictures=len(live.pictures))

    async def close(self) -> None:
        await self._tasks.close()

    def device_removed(self, device_id: str) -> None:
        for live in list(self._by_session.values()):
            if live.burst.device_id == device_id and not live.burst.state.is_end:
                live.end(Verdict(BurstState.FAILED, "the device was removed"), self._parts.wall())

    @property
    def running(self) -> int:
        return len(self._by_session)

    async def start(
        self,
        key: ChannelKey,
        count: int,
        interval_s: int,
        *,
        requested_by: str = "",
        despite_edition: bool = False,
    ) -> SnapshotBurst:
        """Ask a channel for stills; returns when it has accepted.

        Args:
            count: 1 to 10.
            interval_s: between two pictures, at least 1.

        Raises:
            UnknownDevice, DeviceOffline, NoAnswer, Refused, NotInEdition, TransfersBusy, NoCapacity
        """
        edition = self._parts.signalling.entry_of(key.device_id).edition
        if not despite_edition:
            demand_edition(key.device_id, edition, ["SnapShotConfig"])
        if len(self._by_session) >= self._settings.bursts_at_once:
            raise TransfersBusy(f"{len(self._by_session)} bursts of stills run", device_id=key.device_id)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        url = self._place.url(key.device_id, UPLOAD_PREFIX, token)
        wait_s = count * interval_s + self._parts.settings.query_timeout_s + self._settings.burst_grace_s
        wall = self._parts.wall()
        burst = SnapshotBurst(
            session_id=secrets.token_hex(SESSION_BYTES),
            token=token,
            device_id=key.device_id,
            channel_id=key.channel_id,
            count=count,
            interval_s=interval_s,
            requested_by=requested_by,
            requested_time=wall,
            deadline_time=wall + timedelta(seconds=wait_s),
        )
        await self._store.save_burst(burst)
        live = self._enter(burst, self._parts.clock() + wait_s)
        command = SnapShotConfig(
            count=count, interval_s=interval_s, upload_url=url, session_id=burst.session_id
        )
        try:
            confirmation = await self._configuration.send(key, command)
        except DeviceError as error:
            live.end(Verdict(BurstState.FAILED, str(error)), self._parts.wall())
            raise
        if not live.burst.state.is_end:
            detail = "" if confirmation is Confirmation.ANSWERED else "accepted, no result"
            live.update(state=BurstState.ACCEPTED, detail=detail)
        return live.burst

    async def burst(self, session_id: str) -> SnapshotBurst:
        """Raises UnknownTransfer."""
        live = self._by_session.get(session_id)
        found = await self._store.burst(session_id) if live is None else live.burst
        if found is None:
            raise UnknownTransfer(f"no burst of stills has the id {session_id[:64]!r}")
        return found

    async def bursts_of(self, key: ChannelKey) -> list[SnapshotBurst]:
        """Of a channel, the newest first."""
        stored = await self._store.bursts_of(key.device_id, key.channel_id)
        return [
            live.burst if (live := self._by_session.get(each.session_id)) is not None else each
            for each in stored
        ]

    async def pictures_of(self, session_id: str) -> list[SnapshotPicture]:
        return await self._store.pictures_of([session_id])

    @contextmanager
    def receiving(self, token: str) -> Iterator[Receipt]:
        """Let one upload in; what it brings goes to :meth:`take`.

        Raises:
            UnknownTransfer: no burst waits at this address.
            TransfersBusy: too many uploads at once.
        """
        live = self._by_token.get(token)
        if live is None:
            raise UnknownTransfer("nothing is awaited at this address")
        if self._transfers >= self._settings.transfers_at_once:
            raise TransfersBusy(f"{self._transfers} uploads are being received")
        self._transfers += 1
        live.receiving += 1
        try:
            yield Receipt(live, self._settings.picture_max_bytes, self._settings.transfer_s)
        finally:
            self._transfers -= 1
            live.receiving -= 1
            live.changed.set()

    async def take(self, receipt: Receipt, file_name: str, data: bytes) -> SnapshotPicture:
        """Keep one picture.

        An upload that is sent again, because our answer was lost, gives the picture that is there.

        Raises:
            NotAPicture: it is no whole JPEG.
            UnknownTransfer: the burst is complete or over.
        """
        live = receipt.live
        name = clean_name(file_name)
        digest = hashlib.sha256(data).hexdigest()
        if (known := live.pictures.get((name, digest))) is not None:
            return known
        number = live.next_number()
        if live.burst.state.is_end or number is None:
            raise UnknownTransfer("this burst has its pictures already", device_id=live.burst.device_id)
        try:
            size = measure_jpeg(data)
        except NotJpeg as error:
            raise NotAPicture(str(error), device_id=live.burst.device_id) from error
        live.numbers.add(number)
        session_id = live.burst.session_id
        blob = f"{session_id[:2]}/{session_id}-{number}.jpg"
        rule = SnapshotFileId.parse(PurePosixPath(name).stem)
        picture = SnapshotPicture(
            session_id=session_id,
            number=number,
            file_name=name,
            blob=blob,
            size_bytes=len(data),
            sha256=digest,
            width=size.width,
            height=size.height,
            received_time=self._parts.wall(),
            taken_time=None if rule is None else rule.taken_time,
        )
        try:
            await self._place.files.receive(blob, _once(data), len(data))
            await self._store.add_picture(picture)
        except BaseException:
            live.numbers.discard(number)
            raise
        live.pictures[name, digest] = picture
        live.update(pictures=len(live.pictures))
        return picture

    async def forget_before_days(self, days: int) -> int:
        """Delete ended bursts that are older, files first, so that no file is left without a row."""
        limit = self._parts.wall() - timedelta(days=days)
        deleted = 0
        while old := await self._store.bursts_before(limit):
            session_ids = [burst.session_id for burst in old]
            for picture in await self._store.pictures_of(session_ids):
                await self._place.files.delete(picture.blob)
            await self._store.delete_bursts(session_ids)
            deleted += len(old)
        return deleted

    # ---------------------------------------------------------------- inside

    def _enter(self, burst: SnapshotBurst, deadline: float) -> LiveBurst:
        live = LiveBurst(burst, deadline)
        self._by_session[burst.session_id] = live
        self._by_token[burst.token] = live
        self._tasks.spawn(self._watch(live), burst.session_id)
        return live

    async def _watch(self, live: LiveBurst) -> None:
        """Save each change, and end the burst when it is time."""
        saved = BurstState.REQUESTED
        try:
            while not saved.is_end:
                await self._wait(live)
                live.changed.clear()
                verdict = live.verdict(self._parts.clock())
                if verdict is not None and not live.burst.state.is_end:
                    live.end(verdict, self._parts.wall())
                saved = live.burst.state
                await until_written(
                    lambda: self._store.save_burst(live.burst), f"burst {live.burst.session_id}"
                )
        finally:
            del self._by_session[live.burst.session_id]
            del self._by_token[live.burst.token]
        logger.info(
            "stills of %s ended: %s %s",
            live.burst.channel_id,
            live.burst.state,
            live.burst.detail,
            extra={"device_id": live.burst.device_id},
        )

    async def _wait(self, live: LiveBurst) -> None:
        left_s = live.next_timer() - self._parts.clock()
        # Past the deadline only uploads under way keep it open; each has a limit of its own.
        timeout_s = left_s if left_s > 0 else self._settings.transfer_s if live.receiving else 0.0
        try:
            async with asyncio.timeout(timeout_s):
                await live.changed.wait()
        except TimeoutError:
            pass

    def _finished(self, entry: DeviceEntry, _incoming: IncomingRequest, document: Document) -> None:
        """Matched by SessionID (GB-C069), and only by the device that was asked."""
        try:
            notice = UploadSnapShotFinished.from_xml(document.element)
        except MalformedText:
            self._parts.stats.malformed_bodies += 1
            return
        live = self._by_session.get(notice.session_id)
        if live is None or live.burst.device_id != entry.device_id:
            if not self.elsewhere(entry.device_id, notice):
                self._parts.stats.unexpected_responses += 1
            return
        live.announce(len(set(notice.file_ids)), self._parts.clock() + self._settings.notice_grace_s)


def clean_name(text: str) -> str:
    """The last part of a path in what a device sent, without characters that no name needs."""
    last = text.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable())[:NAME_MAX]


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
