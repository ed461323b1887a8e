"""Brings what does not speak GB/T 28181 up to it (国标化改造, R-2): sources become channels."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Unpack
from urllib.parse import parse_qs

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.model import ChannelKey
from gateway.channels import SourceChannels
from gateway.checks import TICK_S, SourceChecks
from gateway.entry import SourceEntry
from gateway.errors import GatewayClosed, SourceExists, TooManySources, UnknownSource, UnsuitableSource
from gateway.ids import channel_prefix, check_channel_id, gateway_id, next_channel_id
from gateway.model import (
    ChannelFile,
    PictureFigures,
    Source,
    SourceChanges,
    SourceKind,
    SourceState,
    Status,
)
from gateway.picture import LivePicture, SourceHold
from gateway.ports import GatewayCatalog, Listener, MediaPort
from gateway.pull_parts import PullParts
from gateway.pulled import PulledPicture
from gateway.stats import GatewayStats
from gateway.store import Seal, SourceStore
from media.facts import StreamInfo
from media.publishing import PublishRefused, PublishRequest
from media.sources.address import SourceAddress
from media.sources.opening import RtspTransport
from media.sources.pull import PullRequest
from media.sources.settings import SourceSettings

DEVICE_NAME: Final = "接入网关"
KEY_BYTES: Final = 18
KEY_LENGTH_MIN: Final = 12
NO_KEY: Final = b"\x00" * 24
QUERY_FIELDS_MAX: Final = 16
_PATH: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}/[0-9A-Za-z][0-9A-Za-z_.-]{0,127}")

logger = logging.getLogger(__name__)


class Gateway:
    """All sources of this platform.

    Towards whoever wants a live picture it has the face of ``sipserver.devices.invites.Invites``: ``hold``.

    Args:
        platform_id: the platform's own id; the gateway's and its channels' are made from it.
        seal, unseal: hide addresses and keys in the database.
    """

    def __init__(
        self,
        settings: SourceSettings,
        database: AsyncEngine,
        media: MediaPort,
        catalog: GatewayCatalog,
        *,
        platform_id: str,
        seal: Seal,
        unseal: Seal,
        clock: Callable[[], float] = time.monotonic,
        push_resume_s: float = 15.0,
    ) -> None:
        self.settings: Final = settings
        self.device_id: Final = settings.gateway_id or gateway_id(platform_id)
        self.stats: Final = GatewayStats()
        self.listeners: Final[list[Listener]] = []
        self._clock = clock
        self._store = SourceStore(database, seal, unseal)
        self._channels = SourceChannels(self.device_id, catalog, self.stats)
        self._parts = PullParts(settings, media, self.stats, clock, push_resume_s)
        self._entries: dict[str, SourceEntry] = {}
        self._changing = asyncio.Lock()
        self._testing = asyncio.Semaphore(settings.checks_parallel)
        self._checks = SourceChecks(settings, self._entries.values, self.stats, clock=clock)
        self._ticking: asyncio.Task[None] | None = None
        self._is_open = False

    # -- life

    async def open(self) -> None:
        """Load the sources and begin with those that are pulled always."""
        for source in await self._store.load():
            self._entries[source.channel_id] = self._entry(source)
        if self._entries:
            await self._channels.ensure_device(DEVICE_NAME)
        self._is_open = True
        for entry in self._entries.values():
            entry.begin()
        self._ticking = asyncio.create_task(self._tick(), name="gateway")
        logger.info("gateway open: device %s, %d sources", self.device_id, len(self._entries))

    async def close(self) -> None:
        """End every stream."""
        if not self._is_open:
            return
        self._is_open = False
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        await self._checks.close()
        await asyncio.gather(*(entry.close() for entry in self._entries.values()))
        await self._channels.close()

    # -- live pictures

    @property
    def is_on_file(self) -> bool:
        """Whether the catalogue has the gateway's device: a platform without sources has none."""
        return self._channels.is_on_file

    def owns(self, key: ChannelKey) -> bool:
        """Whether the channel is one of ours."""
        return key.device_id == self.device_id

    async def hold(self, key: ChannelKey, purpose: str, *, tag: str, is_sub: bool = False) -> SourceHold:
        """Get the live picture of a source; waits for its first key frame.

        A source without a smaller stream gives its main one: the hold says which it is.

        Raises:
            UnknownSource, SourceDisabled, NotPublishing, GatewayClosed, SourceFailed
        """
        if not self._is_open:
            raise GatewayClosed("the platform is starting or stopping")
        return await self._known(key.channel_id).hold(purpose, tag, is_sub)

    def pictures(self) -> Iterator[LivePicture]:
        """Every picture that runs now, main ones first for each source."""
        for entry in self._entries.values():
            yield from entry.pictures()

    def picture_of(self, key: ChannelKey) -> LivePicture | None:
        """The picture of a source, its main one if it runs."""
        entry = self._entries.get(key.channel_id) if self.owns(key) else None
        return next(entry.pictures(), None) if entry is not None else None

    def stop(self, key: ChannelKey) -> None:
        """Nobody holds it any more: do not wait for the next reader."""
        for picture in self._known(key.channel_id).pulled.values():
            picture.stop_lingering()

    # -- sources

    def list(self) -> list[Source]:
        """All of them, in the order of their ids."""
        return [self._entries[channel_id].source for channel_id in sorted(self._entries)]

    def get(self, channel_id: str) -> Source:
        """Raises UnknownSource."""
        return self._known(channel_id).source

    def figures(self, channel_id: str, is_sub: bool = False) -> PictureFigures | None:
        """What its picture does now; None when it has no such picture. Raises UnknownSource."""
        return self._known(channel_id).figures(is_sub)

    def state(self, channel_id: str) -> SourceState:
        """Raises UnknownSource."""
        return self._known(channel_id).state

    def status(self, channel_id: str) -> Status | None:
        """What the catalogue is told; None as long as there is no evidence. Raises UnknownSource."""
        return self._known(channel_id).status

    async def file_of(self, channel_id: str) -> ChannelFile:
        """Name and place, from the catalogue. Raises UnknownSource."""
        self._known(channel_id)
        return await self._channels.file_of(channel_id)

    async def files(self) -> dict[str, ChannelFile]:
        """Names and places of all sources, by channel id."""
        return await self._channels.files()

    async def add(self, source: Source, file: ChannelFile) -> Source:
        """Put a source on file; without a channel id it gets one, without a key a push gets one.

        Raises:
            UnsuitableSource, SourceExists, TooManySources
        """
        async with self._changing:
            if len(self._entries) >= self.settings.sources_max:
                raise TooManySources(self.settings.sources_max)
            source = replace(
                _completed(source),
                channel_id=await self._channel_id(source.channel_id),
                created_time=datetime.now(UTC),
            )
            self._check_path(source)
            await self._channels.ensure_device(DEVICE_NAME)
            await self._store.add(source)
            await self._channels.put(source, file)
            self._begin(source)
        logger.info("source %s is on file", source.channel_id)
        return source

    async def change(
        self, channel_id: str, file: ChannelFile | None = None, **changes: Unpack[SourceChanges]
    ) -> Source:
        """Change a source: its stream ends and begins anew if it must.

        Raises:
            UnknownSource, UnsuitableSource, SourceExists
        """
        async with self._changing:
            entry = self._known(channel_id)
            source = _completed(replace(entry.source, **changes))
            self._check_path(source)
            if source != entry.source:
                await self._store.replace(source)
            if file is not None or source.address != entry.source.address:
                await self._channels.put(source, file or await self._channels.file_of(channel_id))
            if source != entry.source:
                await entry.close()
                self._begin(source)
            elif file is not None:
                self._note_status(channel_id)
        return source

    async def remove(self, channel_id: str) -> None:
        """End a source. Its channel goes from the catalogue, its recordings stay. Raises UnknownSource."""
        async with self._changing:
            entry = self._known(channel_id)
            await self._store.remove(channel_id)
            del self._entries[channel_id]
            await entry.close()
            await self._channels.remove(channel_id)
        logger.info("source %s is removed", channel_id)

    async def test(
        self, address: SourceAddress, transport: RtspTransport
    ) -> tuple[StreamInfo, PictureFigures, float]:
        """Pull a stream until its first picture.

        Returns:
            What it carries, what its connection showed, and after how many seconds the picture was there.

        Raises:
            SourceFailed: why there is none.
        """
        settings = self.settings
        request = PullRequest(
            address=address,
            transport=transport,
            open_timeout_s=settings.open_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            analyze_s=settings.analyze_s,
        )
        async with self._testing:
            picture = PulledPicture(ChannelKey(self.device_id, "test"), False, request, self._parts, _nobody)
            began_at = self._clock()
            try:
                hold = await picture.hold("test", "")
                taken_s = self._clock() - began_at
                return hold.info, picture.figures(), taken_s
            finally:
                await picture.close()

    # -- pushes

    async def judge(self, request: PublishRequest) -> str:
        """The session for somebody who wants to publish (``MediaPlane.on_publish``).

        The key stands in the query: ``rtmp://host/app/name?key=...``.

        Raises:
            PublishRefused: no source has this path, or it is not its key. Which of them is not told.
        """
        path = request.path.strip("/")
        entry = next((each for each in self._entries.values() if each.source.push_path == path), None)
        pushed = entry.pushed if entry is not None and path else None
        key = _key_of(request.query)
        # The same work is done for a path that nobody has.
        is_key = pushed.is_key(key) if pushed is not None else not hmac.compare_digest(key.encode(), NO_KEY)
        if pushed is None or not is_key or not self._is_open:
            self.stats.publishes_refused["unknown path" if pushed is None else "wrong key"] += 1
            raise PublishRefused("unknown path or wrong key")
        return await pushed.publish()

    # -- inside

    def _known(self, channel_id: str) -> SourceEntry:
        try:
            return self._entries[channel_id]
        except KeyError:
            raise UnknownSource(channel_id[:64]) from None

    def _entry(self, source: Source) -> SourceEntry:
        key = ChannelKey(self.device_id, source.channel_id)
        return SourceEntry(key, source, self._parts, self._changed)

    def _begin(self, source: Source) -> None:
        entry = self._entries[source.channel_id] = self._entry(source)
        self._changed(source.channel_id)
        entry.begin()

    async def _channel_id(self, given: str) -> str:
        prefix = channel_prefix(self.device_id)
        if not given:
            return next_channel_id(self.device_id, await self._channels.ids(prefix) | set(self._entries))
        check_channel_id(given)
        if given in self._entries or given in await self._channels.ids(given):
            raise SourceExists(f"channel id {given} is taken")
        return given

    def _check_path(self, source: Source) -> None:
        if not source.push_path:
            return
        for entry in self._entries.values():
            other = entry.source
            if other.push_path == source.push_path and other.channel_id != source.channel_id:
                raise SourceExists(f"path {source.push_path!r} belongs to source {other.channel_id}")

    def _changed(self, channel_id: str) -> None:
        self._note_status(channel_id)
        for listener in self.listeners:
            listener(channel_id)

    def _note_status(self, channel_id: str) -> None:
        entry = self._entries.get(channel_id)
        if entry is not None and (status := entry.status) is not None:
            self._channels.note(channel_id, status)

    async def _tick(self) -> None:
        while True:
            try:
                self._checks.tick()
                await self._channels.flush()
            except Exception:
                logger.exception("a turn of the gateway failed; the next one tries again")
            await asyncio.sleep(TICK_S)


def _nobody() -> None:
    """Nobody is told of the states of a test."""


def _key_of(query: str) -> str:
    """The key that a publisher gives; empty when it gives none, or nonsense."""
    try:
        fields = parse_qs(query, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        return ""
    return fields.get("key", [""])[0]


def _completed(source: Source) -> Source:
    """Check what an operator gave, and fill in what may be missing.

    Raises:
        UnsuitableSource: the parts do not make a source.
    """
    if source.kind is SourceKind.PULL:
        if source.address is None:
            raise UnsuitableSource("a source that is pulled needs an address")
        return replace(source, push_path="", push_key="")
    if source.address is not None or source.sub_address is not None:
        raise UnsuitableSource("a source that publishes by itself has no address to pull from")
    if _PATH.fullmatch(source.push_path) is None:
        raise UnsuitableSource("the path of a push is app/name, of letters, digits and ._-")
    key = source.push_key or secrets.token_urlsafe(KEY_BYTES)
    if len(key) < KEY_LENGTH_MIN:
        raise UnsuitableSource(f"the key of a push has at least {KEY_LENGTH_MIN} characters")
    return replace(source, push_key=key)
