"""The live side of devices and media, in the words of the API (``console/api/ports.py``)."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from catalog.model import ChannelKey, Device
from console.api.ports import CatalogSyncOutcome, Hold, Presence, StreamFigures
from console.api.reader_models import StreamReaders
from console.channel_streams import ChannelHold, ChannelStreams, stream_of
from console.readers import readers_of
from media.session import MediaPlane, MediaSession, SessionStats
from media.transcoding import Transcoded
from sipserver.devices.errors import InviteEnded
from sipserver.devices.invites import InviteState
from sipserver.devices.presence import DevicePresence
from sipserver.devices.service import DeviceService
from sipserver.devices.stream_request import LiveStream


class RoomHold:
    """A claim on a stream. After the stream is lost it answers with nothing rather than an error."""

    def __init__(self, hold: ChannelHold, stop: Callable[[], None]) -> None:
        self._hold = hold
        self._stop = stop
        # Kept: the viewers must be cut off even when the invite has given its session back already.
        self._session: MediaSession = hold.session

    @property
    def session(self) -> MediaSession:
        return self._session

    @property
    def stream(self) -> LiveStream:
        return stream_of(self._hold)

    @property
    def lost(self) -> asyncio.Event:
        return self._hold.lost

    @property
    def lost_reason(self) -> str:
        return self._hold.lost_reason

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        return self._session.grant(tag, ttl_s, user=user, channel=channel)

    def revoke(self, tag: str) -> None:
        self._session.revoke(tag)

    def viewers_of(self, tag: str) -> int:
        return self._session.viewers_of(tag)

    def figures(self) -> StreamFigures:
        return figures_of(self._session)

    def readers(self) -> StreamReaders:
        return readers_of(self._session)

    async def jpeg(self, max_width: int | None) -> bytes:
        return await self._session.jpeg(max_width)

    async def release(self, *, at_once: bool = False) -> None:
        await self._hold.release()
        if at_once:
            self._stop()


class TranscodedHold:
    """A claim on a stream and on its H.264 form, which is what viewers are given."""

    def __init__(self, source: RoomHold, transcoded: Transcoded) -> None:
        self._source = source
        self._transcoded = transcoded
        self._session = transcoded.session

    @property
    def stream(self) -> LiveStream:
        return self._source.stream

    @property
    def lost(self) -> asyncio.Event:
        return self._source.lost

    @property
    def lost_reason(self) -> str:
        return self._source.lost_reason

    def grant(self, tag: str, ttl_s: float, *, user: str, channel: str) -> Mapping[str, str]:
        return self._session.grant(tag, ttl_s, user=user, channel=channel)

    def revoke(self, tag: str) -> None:
        self._session.revoke(tag)

    def viewers_of(self, tag: str) -> int:
        return self._session.viewers_of(tag)

    def figures(self) -> StreamFigures:
        """What the camera sends, with the picture that viewers are given."""
        received, given = self._source.figures(), figures_of(self._session)
        return replace(
            received,
            transcoded_from=received.video_codec,
            video_codec=given.video_codec,
            width=given.width,
            height=given.height,
            mime=given.mime,
            viewers=given.viewers,
        )

    def readers(self) -> StreamReaders:
        """Of the H.264 form: those of the stream itself are not this session's."""
        return readers_of(self._session)

    async def jpeg(self, max_width: int | None) -> bytes:
        return await self._session.jpeg(max_width)

    async def release(self, *, at_once: bool = False) -> None:
        self._transcoded.release()
        if self._transcoded.holders <= 0:
            await self._transcoded.closed()  # its slot is free for who asks after this
        await self._source.release(at_once=at_once)


class RoomStreams:
    """Devices, sources and media together."""

    def __init__(
        self,
        devices: DeviceService,
        media: MediaPlane,
        channels: ChannelStreams,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._devices = devices
        self._media = media
        self._channels = channels
        self._gateway = channels.gateway
        self._clock = clock

    async def hold(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> Hold:
        held = await self._channels.hold(key, purpose, tag=tag, stream=stream)
        try:
            return RoomHold(held, lambda: self._channels.stop_if_free(held))
        except InviteEnded:
            await held.release()
            raise

    async def hold_h264(
        self, key: ChannelKey, purpose: str, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> Hold:
        hold = await self.hold(key, purpose, tag, stream)
        assert isinstance(hold, RoomHold)  # noqa: S101
        info = hold.session.info
        if info is None or info.codec in ("H264", ""):
            return hold
        try:
            transcoded = await self._media.transcoding.hold(hold.session)
        except BaseException:
            await hold.release()
            raise
        return TranscodedHold(hold, transcoded)

    def figures(self) -> Mapping[ChannelKey, StreamFigures]:
        found: dict[ChannelKey, StreamFigures] = {}
        for invite in self._devices.invites.snapshot():
            if invite.key in found and invite.stream is LiveStream.SUB:
                continue
            if (figures := self._figures(invite)) is not None:
                found[invite.key] = figures
        for picture in self._gateway.pictures():
            if not (picture.is_sub and picture.key in found):
                found[picture.key] = figures_of(picture.session)
        return found

    def figures_of(self, key: ChannelKey) -> StreamFigures | None:
        if (picture := self._gateway.picture_of(key)) is not None:
            return figures_of(picture.session)
        invites = (self._devices.invites.get(key, stream) for stream in LiveStream)
        found = (self._figures(invite) for invite in invites if invite is not None)
        return next((figures for figures in found if figures is not None), None)

    def _figures(self, invite: InviteState) -> StreamFigures | None:
        session = self._media.sessions.get(invite.session_id or "")
        return figures_of(session) if session is not None and invite.state.is_established else None

    async def sync_catalog(self, device_id: str) -> CatalogSyncOutcome:
        result = await self._devices.sync_catalog(device_id)
        return CatalogSyncOutcome(stored=result.items, complete=result.complete, announced=result.sum_num)

    def device_changed(self, device: Device) -> None:
        self._devices.device_changed(device)

    def presence(self, device_id: str) -> Presence | None:
        if device_id == self._gateway.device_id and self._gateway.is_on_file:
            return _own_presence()
        view = self._devices.presence.get(device_id)
        return None if view is None else _presence(view, self._clock(), datetime.now(UTC))

    def presences(self) -> Mapping[str, Presence]:
        now, now_time = self._clock(), datetime.now(UTC)
        found = {view.device_id: _presence(view, now, now_time) for view in self._devices.presence.snapshot()}
        if self._gateway.is_on_file:
            found[self._gateway.device_id] = _own_presence()
        return found


def figures_of(session: MediaSession) -> StreamFigures:
    """One reception as it is now."""
    stats, info = session.stats(), session.info
    audio = info.audio if info is not None else None
    return StreamFigures(
        session_id=session.session_id,
        transport=stats.transport,
        ssrc=stats.ssrc,
        source=stats.source,
        packets=stats.packets,
        received_bytes=stats.bytes,
        lost=stats.lost,
        reordered=stats.reordered,
        duplicates=stats.duplicates,
        stranger_packets=stats.stranger,
        wrong_ssrc_packets=stats.wrong_ssrc,
        malformed_packets=stats.malformed,
        packet_loss_ratio=_loss_ratio(stats),
        jitter_ms=stats.jitter_ms,
        fps=stats.fps,
        bitrate_bps=stats.bitrate_bps,
        gop_s=stats.gop_s,
        keyframe_age_s=stats.keyframe_age_s,
        silence_s=stats.silence_s,
        stall=stats.stall,
        video_codec=info.codec if info is not None else stats.codec,
        width=(info.width if info is not None else stats.width) or 0,
        height=(info.height if info is not None else stats.height) or 0,
        audio_codec=audio.codec if audio is not None else None,
        audio_rate_hz=audio.sample_rate if audio is not None else None,
        audio_channels=audio.channels if audio is not None else 1,
        mime=info.mime if info is not None else "",
        readers=session.readers,
        viewers=session.viewers,
    )


def _presence(view: DevicePresence, now: float, now_time: datetime) -> Presence:
    heard_at = view.last_keepalive_at
    return Presence(
        online=view.online,
        transport=view.transport.value if view.transport is not None else None,
        remote=f"{view.remote[0]}:{view.remote[1]}" if view.remote is not None else None,
        edition=view.edition.value,
        last_seen_time=now_time - timedelta(seconds=max(0.0, now - view.last_seen_at)),
        keepalive_age_s=None if heard_at is None else max(0.0, now - heard_at),
    )


def _own_presence() -> Presence:
    """The gateway is there as long as this platform is."""
    return Presence(online=True, transport=None, remote=None, edition=None, last_seen_time=datetime.now(UTC))


def _loss_ratio(stats: SessionStats) -> float:
    expected = stats.packets + stats.lost
    return stats.lost / expected if expected else 0.0
