"""Playbacks of recordings at devices: one upstream stream for each, controlled by INFO (历史回放)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.errors import (
    DeviceError,
    InviteEnded,
    KnownRefusal,
    NoCapacity,
    NotInEdition,
    Refused,
    UnknownPlayback,
)
from sipserver.devices.features import Parts
from sipserver.devices.history.desk import HistoryDesk
from sipserver.devices.history.habits import SEEK_NONE, Habits
from sipserver.devices.history.scales import Scales
from sipserver.devices.history.stream import HistoryStream, Outcome, Position
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.errors import MalformedMansrtsp
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.mansrtsp import (
    CONTENT_TYPE,
    MAX_SCALE,
    MIN_SCALE,
    Answer,
    Control,
    Controls,
)
from sipserver.gb.sdp import SessionKind

FORGOTTEN: Final = frozenset({408, 481})
SEEK_CLOCK: Final = "clock"
MAX_ENDED: Final = 1000
TEARDOWN_TIMEOUT_S: Final = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndedPlayback:
    """What is remembered of a playback for a while after its end."""

    playback_id: str
    owner: str
    key: ChannelKey
    start: datetime
    end: datetime
    position: Position
    outcome: Outcome
    detail: str


class Playback:
    """One person's playback of a recording at a device."""

    def __init__(self, playback_id: str, owner: str, stream: HistoryStream, parts: Parts) -> None:
        self.playback_id: Final = playback_id
        self.owner: Final = owner
        self.stream: Final = stream
        self._parts = parts
        self._timeout_s = parts.features.history.control_timeout_s
        self._scales = Scales(parts.profiles, stream.key.device_id)
        self._saying = asyncio.Lock()
        self._habits = Habits(parts.profiles, stream.key.device_id)
        self._controls = Controls(self._habits.start_line)
        self._tasks = TaskOwner(f"playback {playback_id}")
        self._proving: asyncio.Task[bool | None] | None = None

    @property
    def scales(self) -> list[float]:
        """Speeds that may be asked for: the known ones without those that the device refused."""
        return self._scales.offered(reverse=self._may_reverse)

    async def pause(self) -> None:
        """Hold the pictures.

        Raises:
            InviteEnded, NoAnswer, Refused, DeviceOffline
        """
        async with self._saying:
            if self.stream.paused_at is None:
                await self._say(Controls.pause)
                self.stream.paused_at = self._parts.clock()

    async def resume(self) -> None:
        """Go on at the speed that was."""
        async with self._saying:
            if self.stream.paused_at is not None:
                self._retime(self.stream.scale)
                await self._say(Controls.resume)
                self.stream.paused_at = None

    async def seek(self, position_s: float) -> None:
        """Go on from another position, seconds from the start of the playback; also out of a pause.

        Raises:
            KnownRefusal: the device's profile says that it cannot.
            InviteEnded, NoAnswer, Refused, DeviceOffline
        """
        if not 0 <= position_s <= self.stream.duration_s:
            raise ValueError(f"{position_s:g} s is not between 0 and {self.stream.duration_s:g} s")
        unit = self._parts.profiles.value(self._device_id, Facet.SEEK)
        if unit == SEEK_NONE:
            raise KnownRefusal(f"device {self._device_id} cannot seek", device_id=self._device_id)
        async with self._saying:
            self._retime(self.stream.scale)
            await self._say(lambda controls: self._seek_request(controls, position_s, unit))
            self.stream.move_to(position_s)
            self.stream.paused_at = None

    async def change_speed(self, scale: float, *, despite_edition: bool = False) -> None:
        """Another speed: 0.25 to 16; negative is backwards.

        Raises:
            NotInEdition: backwards, and the device is not of 2022 (GB-C109).
            KnownRefusal: the device refused this speed before.
            InviteEnded, NoAnswer, Refused, DeviceOffline
        """
        if not MIN_SCALE <= abs(scale) <= MAX_SCALE:
            raise ValueError(f"speed {scale:g} is not between {MIN_SCALE:g} and {MAX_SCALE:g}")
        may = despite_edition or self._may_reverse or self._scales.is_proven(scale)
        if scale < 0 and not may:
            edition = self._edition.value
            raise NotInEdition(
                f"device {self._device_id} speaks edition {edition}, which cannot play backwards",
                device_id=self._device_id,
            )
        if self._scales.is_refused(scale):
            raise KnownRefusal(
                f"device {self._device_id} refused the speed {scale:g} before", device_id=self._device_id
            )
        async with self._saying:
            before, usual_fps = self.stream.scale, self._scales.begin_measure(self.stream)
            self._retime(scale)
            try:
                await self._say(lambda controls: controls.speed(scale))
            except Refused as error:
                self._retime(before)
                self._scales.refused(scale, f"Scale {scale:g} was answered {error.status}")
                raise
            self.stream.change_speed(scale)
            self.stream.paused_at = None
        if self._proving is not None:
            self._proving.cancel()
        if scale != 1.0:
            self._proving = self._tasks.spawn(self._prove(scale, usual_fps), f"prove speed {scale:g}")

    async def speed_is_kept(self) -> bool | None:
        """What the pictures say about the last change of speed; None when nothing can be told.

        Waits for the proof under way, `scales.PROOF_S` seconds at most.
        """
        if self._proving is None:
            return None
        await asyncio.wait({self._proving})
        return None if self._proving.cancelled() else self._proving.result()

    async def teardown(self) -> None:
        """Tell the device to stop, before the BYE; one that does not answer is told by the BYE."""
        try:
            async with asyncio.timeout(TEARDOWN_TIMEOUT_S), self._saying:
                await self._say(Controls.teardown)
        except (DeviceError, TimeoutError) as error:
            logger.debug("TEARDOWN of playback %s: %s", self.playback_id, error)

    async def close(self) -> None:
        await self._tasks.close()

    # ---------------------------------------------------------------- inside

    @property
    def _device_id(self) -> str:
        return self.stream.key.device_id

    @property
    def _edition(self) -> Edition:
        entry = self._parts.presence.table.get(self._device_id)
        return entry.edition if entry is not None else Edition.V2_0

    @property
    def _may_reverse(self) -> bool:
        return allows(self._edition, Feature.NEGATIVE_SCALE)

    def _retime(self, scale: float) -> None:
        """The media clock is told before the device is: its answer may come after its first pictures."""
        self.stream.session.retime(by_arrival=scale != 1.0)

    def _seek_request(self, controls: Controls, position_s: float, unit: str | None) -> Control:
        if unit != SEEK_CLOCK:
            return controls.seek(position_s)
        moment = self.stream.start.timestamp() + position_s
        return controls.seek_clock(datetime.fromtimestamp(moment, BEIJING).strftime("%Y%m%dT%H%M%S"))

    async def _say(self, make: Callable[[Controls], Control]) -> None:
        """Send a control; a device that refuses the start line is asked once more with the other (Q71)."""
        control = make(self._controls)
        status = await self._ask(control)
        other = self._habits.other_start_line(control, status, self._edition)
        if other is not None:
            usual, self._controls.start_line = self._controls.start_line, other
            control = make(self._controls)
            status = await self._ask(control)
            if status >= 300:
                self._controls.start_line = usual
        self._habits.note(control, status)
        if status in FORGOTTEN:
            raise InviteEnded("the device has forgotten this playback", device_id=self._device_id)
        if status >= 300:
            text = f"device {self._device_id} refused the control of a playback: {status}"
            raise Refused(text, status=status, device_id=self._device_id)

    async def _ask(self, control: Control) -> int:
        """The status of SIP, or that in the body when SIP says 200."""
        invite = self.stream.invite
        response = await invite.ask("INFO", control.serialize(), CONTENT_TYPE, timeout_s=self._timeout_s)
        if response.status >= 300 or not response.body.strip():
            return response.status
        try:
            return Answer.parse(response.body).status
        except MalformedMansrtsp as error:
            logger.debug("answer to INFO of %s is not understood: %s", self._device_id, error)
            return response.status

    async def _prove(self, scale: float, usual_fps: float | None) -> bool | None:
        """Some devices answer 200 and do not change their speed (Q70): look at what comes."""
        obeyed = await self._scales.prove(self.stream, scale, usual_fps)
        if obeyed is False and self.stream.scale == scale and self.stream.outcome is None:
            self.stream.change_speed(1.0)
            self._retime(1.0)
        return obeyed


class Playbacks:
    """All playbacks by id."""

    def __init__(self, parts: Parts, desk: HistoryDesk) -> None:
        self._parts = parts
        self._settings = parts.features.history
        self._desk = desk
        self._playbacks: dict[str, Playback] = {}
        self._ended: OrderedDict[str, EndedPlayback] = OrderedDict()
        self._opening = 0

    async def open(self) -> None:
        """Nothing to do: a playback is begun by its caller."""

    async def close(self) -> None:
        stopping = (self.stop(playback_id) for playback_id in list(self._playbacks))
        await asyncio.gather(*stopping, return_exceptions=True)

    def device_removed(self, device_id: str) -> None:
        """Its playbacks ended when it lost its registration; how they ended lapses by number."""

    def all(self) -> list[Playback]:
        return list(self._playbacks.values())

    def get(self, playback_id: str) -> Playback:
        """Raises UnknownPlayback."""
        playback = self._playbacks.get(playback_id)
        if playback is None:
            raise UnknownPlayback(f"no playback {playback_id[:64]!r} is open")
        return playback

    def ended(self, playback_id: str) -> EndedPlayback | None:
        """How a playback ended, for the newest of them."""
        return self._ended.get(playback_id)

    async def start(
        self,
        playback_id: str,
        key: ChannelKey,
        start: datetime,
        end: datetime,
        *,
        owner: str = "",
        record_type: str = "all",
        uri: str = "",
        stream_number: int | None = None,
    ) -> Playback:
        """Play a recording from the device; returns when the first key frame is there.

        Raises:
            NoCapacity: too many playbacks.
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, InviteEnded
        """
        limit = self._settings.playbacks_max
        if len(self._playbacks) + self._opening >= limit:
            raise NoCapacity(f"{limit} playbacks are open (history.playbacks_max)", device_id=key.device_id)
        self._opening += 1
        try:
            stream = await self._desk.start(
                key,
                start,
                end,
                SessionKind.PLAYBACK,
                tag=playback_id,
                record_type=record_type,
                uri=uri,
                stream_number=stream_number,
            )
        finally:
            self._opening -= 1
        playback = Playback(playback_id, owner, stream, self._parts)
        self._playbacks[playback_id] = playback
        return playback

    async def stop(self, playback_id: str) -> None:
        """TEARDOWN and BYE; harmless when repeated."""
        playback = self._playbacks.pop(playback_id, None)
        if playback is None:
            return
        self._remember(playback)  # so that it is known all the time; its end is told exactly below
        try:
            if playback.stream.outcome is None:
                await playback.teardown()
        finally:
            # Also for a caller that does not wait so long: a stream must not go on without an owner.
            await playback.close()
            await self._desk.end(playback.stream, Outcome.STOPPED)
            self._remember(playback)

    def _remember(self, playback: Playback) -> None:
        stream = playback.stream
        self._ended[playback.playback_id] = EndedPlayback(
            playback_id=playback.playback_id,
            owner=playback.owner,
            key=stream.key,
            start=stream.start,
            end=stream.end,
            position=stream.position,
            outcome=stream.outcome or Outcome.STOPPED,
            detail=stream.detail,
        )
        while len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)
