"""Recordings of devices for others who pass them on, such as to a superior platform.

Each has a stream of its own at the device. Its controls are what the receiver said, word for word, except
where the device is known to want it put another way.

Source: gb28181.md 6.8, 8.5; GB-C108, GB-C109, GB-C131.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from catalog.model import ChannelKey
from media.session import MediaSession
from sipserver.devices.errors import KnownRefusal, NoCapacity, NotInEdition
from sipserver.devices.features import Parts
from sipserver.devices.history.desk import HistoryDesk
from sipserver.devices.history.habits import SEEK_NONE, Habits
from sipserver.devices.history.stream import HistoryStream
from sipserver.devices.profiles.facets import Facet
from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.mansrtsp import CONTENT_TYPE, Control, Method
from sipserver.gb.route_path import DIRECT, InviteRoute
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.sip.message import SipResponse

SEEK_CLOCK: Final = "clock"

OnAnswer = Callable[[MediaSession, SessionDescription], Awaitable[None]]


class HistoryRelay:
    """One playback or download that is passed on."""

    def __init__(self, stream: HistoryStream, parts: Parts) -> None:
        self.stream: Final = stream
        self._parts = parts
        self._habits = Habits(parts.profiles, stream.key.device_id)
        self._saying = asyncio.Lock()

    async def pass_on(self, control: Control, body: bytes) -> SipResponse:
        """Tell the device what the receiver said; its answer, whatever it is.

        Args:
            body: as it came, which is what ``control`` was read from.

        Raises:
            NotInEdition: backwards, and the device is not of 2022 (GB-C109).
            KnownRefusal: the device cannot seek.
            InviteEnded, NoAnswer, DeviceOffline
        """
        self._check(control)
        async with self._saying:
            stream = self.stream
            if control.method is Method.PLAY:
                # Before the device hears of it: its answer may come after its first pictures.
                stream.session.retime(
                    by_arrival=(stream.scale if control.scale is None else control.scale) != 1.0
                )
            asked = self._as_wanted(control)
            response = await self._ask(body if asked == control else asked.serialize())
            other = self._habits.other_start_line(asked, response.status, self._edition)
            if other is not None:
                asked = replace(asked, start_line=other)
                response = await self._ask(asked.serialize())
            self._habits.note(asked, response.status)
            if response.status < 300:
                self._note(control)
            return response

    # ---------------------------------------------------------------- inside

    @property
    def _edition(self) -> Edition:
        entry = self._parts.presence.table.get(self.stream.key.device_id)
        return entry.edition if entry is not None else Edition.V2_0

    def _check(self, control: Control) -> None:
        device_id = self.stream.key.device_id
        if (control.scale or 1.0) < 0 and not allows(self._edition, Feature.NEGATIVE_SCALE):
            raise NotInEdition(
                f"device {device_id} speaks edition {self._edition.value}, which cannot play backwards",
                device_id=device_id,
            )
        if _is_seek(control) and self._seek_unit == SEEK_NONE:
            raise KnownRefusal(f"device {device_id} cannot seek", device_id=device_id)

    @property
    def _seek_unit(self) -> str | None:
        return self._parts.profiles.value(self.stream.key.device_id, Facet.SEEK)

    def _as_wanted(self, control: Control) -> Control:
        """The same, as this device is known to understand it."""
        known = self._parts.profiles.value(self.stream.key.device_id, Facet.START_LINE)
        if known is not None:
            control = replace(control, start_line=self._habits.start_line)
        if control.npt is not None and control.npt.start_s is not None and self._seek_unit == SEEK_CLOCK:
            moment = datetime.fromtimestamp(self.stream.start.timestamp() + control.npt.start_s, BEIJING)
            control = replace(control, npt=None, clock=moment.strftime("%Y%m%dT%H%M%S"))
        return control

    async def _ask(self, body: bytes) -> SipResponse:
        timeout_s = self._parts.features.history.control_timeout_s
        return await self.stream.invite.ask("INFO", body, CONTENT_TYPE, timeout_s=timeout_s)

    def _note(self, control: Control) -> None:
        """What the watch over the stream has to know."""
        stream = self.stream
        if control.method is Method.PAUSE:
            stream.paused_at = self._parts.clock()
        if control.method is not Method.PLAY:
            return
        stream.paused_at = None
        if control.scale is not None:
            stream.change_speed(control.scale)
        if control.npt is not None and control.npt.start_s is not None:
            stream.move_to(min(control.npt.start_s, stream.duration_s))


class HistoryRelays:
    """Opens them; ``HistoryDesk`` watches over them."""

    def __init__(self, parts: Parts, desk: HistoryDesk) -> None:
        self._parts = parts
        self._desk = desk
        self._open: set[HistoryStream] = set()
        self._opening = 0

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
        """Invite the device; returns when its first key frame is there.

        Args:
            on_answer: called with the media session and the device's answer, and waited for before the device
                is told to send: the receiver can be made ready meanwhile. What it raises ends the invite.

        Raises:
            NoCapacity: ``history.playbacks_max`` are open.
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, InviteEnded
        """
        settings = self._parts.features.history
        self._open = {stream for stream in self._open if stream.outcome is None}
        if len(self._open) + self._opening >= settings.playbacks_max:
            raise NoCapacity(
                f"{settings.playbacks_max} playbacks are open (history.playbacks_max)",
                device_id=key.device_id,
            )
        sessions: list[MediaSession] = []

        async def answered(answer: SessionDescription) -> None:
            await on_answer(sessions[-1], answer)

        self._opening += 1
        try:
            stream = await self._desk.start(
                key,
                start,
                end,
                kind,
                tag=tag,
                record_type=record_type,
                uri=uri,
                speed=None if speed is None else min(max(speed, 1), settings.download_speed_max),
                stream_number=stream_number,
                on_session=sessions.append,
                before_ack=answered,
                route=route,
            )
        finally:
            self._opening -= 1
        self._open.add(stream)
        return HistoryRelay(stream, self._parts)


def _is_seek(control: Control) -> bool:
    return bool(control.clock) or (control.npt is not None and control.npt.start_s is not None)
