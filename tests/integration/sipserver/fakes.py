"""Small twins of the rooms that the devices' side needs: catalogue and media."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.model import (
    CatalogReplaced,
    CatalogRow,
    Channel,
    ChannelKey,
    ChannelKind,
    Device,
    PresenceRow,
)
from catalog.notified import STATUS_OF, CatalogChange, CatalogChanged, ChangeKind
from media import errors as media_errors
from media.facts import Stall, StallReason
from media.session import MediaTransport, ReceiveOn, StreamInfo

PICTURE = StreamInfo("H264", 640, 360, None, "")


class FakeCatalog:
    """Devices and channels in two dictionaries."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.channels: dict[ChannelKey, CatalogRow] = {}
        self.replaced: list[tuple[str, int, bool]] = []
        self.fail_saving = False
        self.notified: list[tuple[str, CatalogChange]] = []

    async def load_registrations(self) -> list[Device]:
        return list(self.devices.values())

    async def get_device(self, device_id: str) -> Device | None:
        return self.devices.get(device_id)

    async def add_devices(self, device_ids: Collection[str]) -> None:
        for device_id in device_ids:
            self.devices.setdefault(device_id, Device(device_id=device_id))

    async def note_device_info(
        self, device_id: str, *, name: str, manufacturer: str, model: str, firmware: str
    ) -> None:
        known = self.devices[device_id]
        self.devices[device_id] = replace(
            known,
            name=known.name or name,
            manufacturer=manufacturer or known.manufacturer,
            model=model or known.model,
            firmware=firmware or known.firmware,
        )

    async def save_presence(self, rows: Iterable[PresenceRow]) -> None:
        if self.fail_saving:
            raise OSError("the disk is full")
        for row in rows:
            if row.device_id in self.devices:
                fields = {name: getattr(row, name) for name in PresenceRow.__slots__}
                self.devices[row.device_id] = replace(self.devices[row.device_id], **fields)

    async def replace_catalog(
        self, device_id: str, items: Sequence[CatalogRow], complete: bool
    ) -> CatalogReplaced:
        keys = {ChannelKey(device_id, item.channel_id) for item in items}
        missing = 0
        if complete:
            for key in [key for key in self.channels if key.device_id == device_id and key not in keys]:
                del self.channels[key]
                missing += 1
        for item in items:
            self.channels[ChannelKey(device_id, item.channel_id)] = item
        self.replaced.append((device_id, len(items), complete))
        return CatalogReplaced(len(items), missing, complete)

    async def apply_events(self, device_id: str, changes: Sequence[CatalogChange]) -> CatalogChanged:
        """Remembers all, and names the items that are not known; the rules are those of the real store."""
        if self.fail_saving:
            raise OSError("the disk is full")
        unknown = []
        for change in changes:
            self.notified.append((device_id, change))
            key = ChannelKey(device_id, change.row.channel_id)
            if change.kind in (None, ChangeKind.ADD, ChangeKind.UPDATE):
                self.channels[key] = change.row
            elif change.kind in STATUS_OF and key not in self.channels:
                unknown.append(change.row.channel_id)
        return CatalogChanged(statuses=len(changes), unknown=tuple(unknown))

    async def load_channels(
        self, device_id: str | None = None, *, kinds: Collection[ChannelKind] = frozenset(ChannelKind)
    ) -> list[Channel]:
        found = [await self.get_channel(key) for key in sorted(self.channels) if key.device_id == device_id]
        return [channel for channel in found if channel is not None and channel.kind in kinds]

    async def get_channel(self, key: ChannelKey) -> Channel | None:
        row = self.channels.get(key)
        return (
            None
            if row is None
            else Channel(device_id=key.device_id, channel_id=row.channel_id, name=row.name)
        )

    async def resolve_channel(self, text: str) -> ChannelKey:
        return next(key for key in self.channels if key.channel_id == text)


@dataclass
class FakeStats:
    silence_s: float | None = 0.0
    ssrc: int | None = None
    connections: int = 0
    packets: int = 0
    lost: int = 0
    packs: int = 0
    access_units: int = 0
    dropped_before_keyframe: int = 0
    dropped_damaged: int = 0
    media_s: float = 0.0
    bytes: int = 0
    fps: float = 0.0
    age_s: float = 0.0
    rtp_timestamp: int = 0
    stall: str | None = None


class FakeSession:
    """A media session whose picture comes when a test says so."""

    def __init__(
        self,
        plane: FakeMediaPlane,
        transport: MediaTransport,
        ssrc: int | None,
        label: str,
        receive_on: ReceiveOn | None = None,
    ) -> None:
        self.session_id = f"s{next(plane.numbers)}"
        self.port = next(plane.ports)
        self.transport = transport
        self.ssrc = ssrc
        self.label = label
        self.readers = 0
        self.expected: int | None = None
        self.receive_on = plane.settings_receive_on if receive_on is None else receive_on
        self.peers: list[tuple[str, int | None]] = []
        self.close_reason: str | None = None
        self.closed = asyncio.Event()
        self.silence_s: float | None = 0.0
        self.media_s = 0.0
        self.retimed: list[bool] = []
        self.info: Any = None
        self.on_closed: Any = None
        self.on_stall: Any = None
        self.stall: Stall | None = None
        self.is_reconnecting = False
        self.described: list[tuple[int, str, int, str]] = []
        self._plane = plane
        self._keyframe = asyncio.Event()

    def expect_ssrc(self, ssrc: int) -> None:
        if ssrc in self._plane.taken_ssrcs and self.receive_on is ReceiveOn.SHARED_PORT:
            raise media_errors.SsrcTaken(f"another session has SSRC {ssrc}")
        self.expected = ssrc

    def expect_peer(self, host: str, port: int | None = None) -> None:
        self.peers.append((host, port))

    def describe_payload(self, payload_type: int, encoding: str, clock_rate: int = 0, fmtp: str = "") -> None:
        self.described.append((payload_type, encoding, clock_rate, fmtp))

    def stalls(self, reason: StallReason | None, lasted_s: float = 5.0) -> None:
        """What the data plane says."""
        self.stall = None if reason is None else Stall(reason, lasted_s)
        if self.on_stall is not None:
            self.on_stall(self.stall)

    def picture(self) -> None:
        self.info = PICTURE
        self._keyframe.set()

    async def wait_first_keyframe(self, timeout_s: float) -> Any:
        if self._plane.media_error is not None:
            raise self._plane.media_error
        if self._plane.pictures_come:
            self.picture()
        try:
            async with asyncio.timeout(timeout_s):
                await self._keyframe.wait()
        except TimeoutError:
            raise media_errors.NoMedia(f"no packet within {timeout_s:g} s") from None
        return self.info

    def stats(self) -> FakeStats:
        stall = None if self.stall is None else self.stall.reason.value
        return FakeStats(self.silence_s, media_s=self.media_s, stall=stall)

    def retime(self, *, by_arrival: bool) -> None:
        self.retimed.append(by_arrival)

    async def close(self, reason: str) -> None:
        self.close_reason = reason
        self._plane.sessions.pop(self.session_id, None)
        self.closed.set()


class FakeMediaPlane:
    """Opens fake sessions; ``pictures_come`` makes each show a key frame at once."""

    def __init__(self) -> None:
        self.sessions: dict[str, FakeSession] = {}
        self.opened: list[FakeSession] = []
        self.pictures_come = True
        self.settings_receive_on = ReceiveOn.OWN_PORT
        self.taken_ssrcs: set[int] = set()
        self.media_error: Exception | None = None
        self.open_error: Exception | None = None
        self.opening: asyncio.Event | None = None
        self.asked = 0
        self.numbers = itertools.count(1)
        self.ports = itertools.count(30000, 2)

    async def open_session(
        self,
        *,
        transport: MediaTransport,
        ssrc: int | None,
        label: str,
        receive_on: ReceiveOn | None = None,
    ) -> FakeSession:
        self.asked += 1
        if self.open_error is not None:
            raise self.open_error
        if self.opening is not None:
            await self.opening.wait()
        session = FakeSession(self, transport, ssrc, label, receive_on)
        self.sessions[session.session_id] = session
        self.opened.append(session)
        return session
