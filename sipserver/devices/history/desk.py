"""All playbacks and downloads that are open: opened, watched, ended.

One loop watches them. A stream ends when the device tells the end of the file (MediaStatus 121) and the media
has run dry, when the media is silent, when a pause is too long, when the device says BYE, or when its owner
has enough.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from catalog.model import ChannelKey
from media.session import MediaSession
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.errors import DeviceError, NoMedia, Refused
from sipserver.devices.features import Parts
from sipserver.devices.history.local_time import LOCAL_OFFSET_S, LocalTime
from sipserver.devices.history.records import Records
from sipserver.devices.history.stream import HistoryStream, Outcome
from sipserver.devices.invite import Invite, StreamHold
from sipserver.devices.invite_state import Input
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.stream_request import StreamRequest
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.gb_time import to_unix
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.transport.driver import IncomingRequest

WATCH_EVERY_S: Final = 0.25
DRAIN_MAX_S: Final = 10.0
# The second field of the simple form of u=.
URI_TYPES: Final = {"all": 0, "manual": 1, "alarm": 2, "time": 3}

logger = logging.getLogger(__name__)


class HistoryDesk:
    """Opens history streams and sees to their end. A feature of the service; others use it through
    ``Playbacks`` and ``Downloads``."""

    def __init__(self, parts: Parts, records: Records) -> None:
        self._parts = parts
        self._local_time = LocalTime(parts, records)
        self._settings = parts.features.history
        self._streams: set[HistoryStream] = set()
        self._tasks = TaskOwner("history")
        parts.router.commands["Notify", "MediaStatus"] = self._media_status

    async def open(self) -> None:
        self._tasks.spawn(self._watch_for_ever(), "watch")

    async def close(self) -> None:
        """End every stream: BYE is said for each."""
        ending = (
            self.end(stream, Outcome.LOST, "the platform is shutting down") for stream in list(self._streams)
        )
        await asyncio.gather(*ending, return_exceptions=True)
        await self._tasks.close()

    def device_removed(self, device_id: str) -> None:
        """Its streams ended when it lost its registration."""

    @property
    def streams(self) -> list[HistoryStream]:
        return list(self._streams)

    async def start(
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
        on_session: Callable[[MediaSession], None] | None = None,
        before_ack: Callable[[SessionDescription], Awaitable[None]] | None = None,
        route: InviteRoute = DIRECT,
    ) -> HistoryStream:
        """Invite the device; returns when the first key frame is there.

        Args:
            uri: the file as a RecordInfo line names it (``http://...``); empty: the channel and its type.
            on_session, before_ack, route: see ``StreamRequest``.

        Raises:
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, NoCapacity, InviteEnded
        """
        settings, offset_s = self._settings, self._local_time.offset_s(key.device_id)
        request = StreamRequest(
            kind=kind,
            uri=uri or f"{key.channel_id}:{URI_TYPES.get(record_type, 0)}",
            start=to_unix(start) + offset_s,
            stop=to_unix(end) + offset_s,
            download_speed=speed,
            stream_number=stream_number,
            is_shared=False,
            invite_timeout_s=settings.invite_timeout_s,
            keyframe_timeout_s=settings.media_timeout_s,
            tcp_keyframe_timeout_s=settings.media_timeout_s,
            silence_timeout_s=None,
            on_session=on_session,
            before_ack=before_ack,
            route=route,
        )
        invite, hold = await self._invite(key, start, end, request, tag)
        stream = HistoryStream(
            key, start, end, invite, hold, self._parts.clock, self._stop, speed=float(speed or 1)
        )
        self._streams.add(stream)
        logger.info("%s of %s from %s to %s", kind, key, start, end, extra={"call_id": invite.call_id})
        return stream

    async def end(self, stream: HistoryStream, outcome: Outcome, detail: str = "") -> None:
        """Say BYE, unless it ended before."""
        self._streams.discard(stream)
        if stream.finish(outcome, detail):
            self._parts.stats.history_ended[outcome.value] += 1
            logger.info("%s of %s ended: %s", stream.invite.request.kind, stream.key, stream.detail)
        await stream.hold.release()

    def sweep(self) -> None:
        """Look at every stream once."""
        for stream in list(self._streams):
            verdict = self._verdict(stream)
            if verdict is not None:
                self._tasks.spawn(self.end(stream, *verdict), f"end {stream.key}")
                self._streams.discard(stream)

    # ---------------------------------------------------------------- inside

    async def _invite(
        self, key: ChannelKey, start: datetime, end: datetime, request: StreamRequest, tag: str
    ) -> tuple[Invite, StreamHold]:
        """Invite the device; once more in local time where it seems to count so (Q73)."""
        ask = self._parts.invites.open_exclusive
        try:
            return await ask(key, request, request.kind.lower(), tag=tag)
        except (Refused, NoMedia) as error:
            if not await self._local_time.is_suspected(key, start, end, error):
                raise
            refusal = error
        in_local_time = replace(
            request, start=request.start + LOCAL_OFFSET_S, stop=request.stop + LOCAL_OFFSET_S
        )
        try:
            opened = await ask(key, in_local_time, request.kind.lower(), tag=tag)
        except DeviceError:
            raise refusal from None
        self._local_time.proven(key, refusal)
        return opened

    async def _stop(self, stream: HistoryStream) -> None:
        await self.end(stream, Outcome.STOPPED)

    async def _watch_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                self.sweep()
            except Exception:
                logger.exception("a sweep over the history streams failed; the next one tries again")

    def _verdict(self, stream: HistoryStream) -> tuple[Outcome, str] | None:
        """Whether and how a stream is over."""
        if stream.hold.lost.is_set():
            return self._lost(stream)
        settings, now, silence_s = self._settings, self._parts.clock(), stream.silence_s
        if stream.end_told_at is not None:
            # Some tell the end before they have sent everything (6.9 of the protocol notes).
            is_dry = silence_s >= settings.drain_s and now - stream.end_told_at >= settings.drain_s
            late = now - stream.end_told_at >= DRAIN_MAX_S
            return (Outcome.END_OF_FILE, "the device told the end") if is_dry or late else None
        if stream.paused_at is not None:
            over = now - stream.paused_at > settings.pause_max_s
            return (Outcome.PAUSED_TOO_LONG, "") if over else None
        if silence_s >= settings.end_silence_s and stream.is_at_end:
            self._parts.profiles.learn(
                stream.key.device_id,
                Facet.MEDIA_STATUS,
                "never",
                f"{stream.invite.request.kind}: {silence_s:.0f} s of silence at its end, and no 121",
            )
            return Outcome.END_OF_FILE, "the media stopped at the end"
        if silence_s >= settings.silence_timeout_s:
            why = stream.invite.upkeep.standstill.words
            return Outcome.SILENT, f"no media for {silence_s:.0f} s" + (f": {why}" if why else "")
        return None

    def _lost(self, stream: HistoryStream) -> tuple[Outcome, str]:
        reason = stream.hold.lost_reason
        if reason != Input.REMOTE_BYE.value:
            return Outcome.LOST, reason
        if stream.end_told_at is not None or stream.is_at_end:
            return Outcome.END_OF_FILE, "the device said BYE at the end"
        return Outcome.DEVICE_BYE, "the device said BYE"

    def _media_status(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        """GB-C110. Inside the dialog or outside of it, from the channel or from the device (Q68)."""
        try:
            status = MediaStatus.from_xml(document.element)
        except MalformedDocument as error:
            self._parts.stats.malformed_bodies += 1
            logger.debug("MediaStatus of %s dropped: %s", entry.device_id, error)
            return
        stream = self._meant(entry.device_id, incoming.request.call_id, status.device_id)
        if not status.is_end_of_file or stream is None:
            self._parts.stats.media_status_unused += 1
            logger.info("device %s sent MediaStatus %s for no stream", entry.device_id, status.notify_type)
            return
        if stream.end_told_at is None:
            stream.end_told_at = self._parts.clock()
            evidence = (
                f"121 came {'inside' if incoming.request.call_id == stream.call_id else 'outside'} the dialog"
            )
            self._parts.profiles.learn(entry.device_id, Facet.MEDIA_STATUS, "yes", evidence)

    def _meant(self, device_id: str, call_id: str, channel_id: str) -> HistoryStream | None:
        """By Call-ID; else the only stream of the channel; else the only stream of the device (Q68)."""
        own = [stream for stream in self._streams if stream.key.device_id == device_id]
        for chosen in (
            [stream for stream in own if stream.call_id == call_id],
            [stream for stream in own if stream.key.channel_id == channel_id],
            own,
        ):
            if chosen:
                return chosen[0] if len(chosen) == 1 else None
        return None
