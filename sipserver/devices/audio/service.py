"""Speaking to devices: sessions, clips and schedules, and the INVITEs that devices answer a notice with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from catalog.model import ChannelKey
from media.audio.plane import AudioPlane
from media.audio.sources import ClipSource
from media.settings import parse_port_range
from sipserver.devices.audio.broadcast_leg import BroadcastLeg
from sipserver.devices.audio.errors import ClipInUse, TooManySessions, UnknownAudioSession
from sipserver.devices.audio.expected import ExpectedInvites, names_in
from sipserver.devices.audio.leg import AudioParts, busy
from sipserver.devices.audio.library import ClipLibrary
from sipserver.devices.audio.loopback import Loopbacks
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.scheduler import Scheduler
from sipserver.devices.audio.session import AudioSession
from sipserver.devices.audio.store import AudioStore, MemoryAudioStore, SqlAudioStore
from sipserver.devices.audio.terms import is_sound
from sipserver.devices.device_entry import DeviceEntry
from sipserver.devices.events import DeviceEvent, DeviceWentOffline
from sipserver.devices.features import Parts
from sipserver.gb.errors import MalformedDocument, MalformedSdp
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.broadcast import BroadcastResponse
from sipserver.gb.sdp import SessionDescription
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

BUSY: Final = 486
NO_REINVITE: Final = 488
SHUTDOWN_WAIT_S: Final = 5.0
BETWEEN_REPEATS_FRAMES: Final = 50

logger = logging.getLogger(__name__)


class Audio:
    """The audio of this room. A loudspeaker is in one session at a time."""

    listens_to: Final = (DeviceWentOffline,)

    def __init__(self, parts: Parts) -> None:
        settings = parts.features.audio
        self.settings: Final = settings
        self.plane: Final = AudioPlane(
            settings.host,
            parse_port_range(settings.rtp_ports),
            settings.port_cool_down_s,
            clock=parts.clock,
            wall=lambda: parts.wall().timestamp(),
        )
        self._parts = parts
        self._sessions: dict[str, AudioSession] = {}
        self._expected: Final[ExpectedInvites[BroadcastLeg]] = ExpectedInvites()
        self._context: Final = AudioParts(
            parts=parts, settings=settings, plane=self.plane, expected=self._expected
        )
        self._opening = asyncio.Semaphore(settings.opening_at_once)
        self._is_closing = False
        self.loopbacks: Final = Loopbacks()
        store: AudioStore = SqlAudioStore(parts.database) if parts.database else MemoryAudioStore()
        self.clips: Final = ClipLibrary(settings, store, parts.wall)
        self.schedules: Final = Scheduler(settings, store, self, parts.wall)
        router = parts.router
        router.commands["Response", "Broadcast"] = self._response
        router.request_handlers.setdefault("INVITE", []).append(self._invite)
        router.request_handlers.setdefault("BYE", []).append(self._bye)

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        await self.schedules.open()

    def is_awaited(self, request: SipRequest) -> bool:
        """Whether an INVITE answers a notice of ours: its sender may be somebody's superior as well."""
        try:
            sender = request.from_.uri.user
        except MalformedMessage:
            return False
        return self._expected.awaits(sender) and bool(request.body) and self._asks_for_sound(request.body)

    async def close(self) -> None:
        """End every session with BYE, for as long as a shutdown may take."""
        self._is_closing = True
        await self.schedules.close()
        await self.loopbacks.close()
        sessions = list(self._sessions.values())
        for session in sessions:
            session.stop("the platform is shutting down")
        if sessions:
            waits = [asyncio.ensure_future(session.ended.wait()) for session in sessions]
            _, late = await asyncio.wait(waits, timeout=SHUTDOWN_WAIT_S)
            for wait in late:
                wait.cancel()
        self.plane.close()

    def device_removed(self, device_id: str) -> None:
        """Its loudspeakers were lost with its registration; schedules stay, and say that it is missing."""

    def listen(self, event: DeviceEvent) -> None:
        """A device that is gone can neither hear nor say BYE."""
        if isinstance(event, DeviceWentOffline):
            for session in list(self._sessions.values()):
                for leg in session.legs:
                    if leg.key.device_id == event.device_id:
                        leg.lose(f"device {event.device_id} went offline: {event.reason}")

    # ---------------------------------------------------------------- what others may ask

    @property
    def sessions(self) -> Mapping[str, AudioSession]:
        """Those that have not ended."""
        return self._sessions

    def session(self, session_id: str) -> AudioSession:
        """Raises UnknownAudioSession."""
        session = self._sessions.get(session_id)
        if session is None:
            raise UnknownAudioSession(f"no audio session {session_id[:64]!r} is open")
        return session

    async def speak(
        self, keys: Sequence[ChannelKey], *, mode: AudioMode = AudioMode.AUTO, holder: str = ""
    ) -> AudioSession:
        """Call loudspeakers for somebody with a microphone; ``connect_browser`` brings the sound.

        Raises:
            AudioBusy, TooManySessions
        """
        return self._start(keys, mode, holder, None, "")

    async def announce(
        self,
        keys: Sequence[ChannelKey],
        clip_id: str,
        *,
        mode: AudioMode = AudioMode.AUTO,
        repeats: int = 1,
        holder: str = "",
    ) -> AudioSession:
        """Play a clip; it begins when every loudspeaker was reached or failed.

        Raises:
            AudioBusy, TooManySessions, UnknownClip
        """
        info = await self.clips.info(clip_id)
        clip = ClipSource(await self.clips.sound(clip_id), repeats, BETWEEN_REPEATS_FRAMES)
        return self._start(keys, mode, holder, clip, info.name)

    def play(
        self,
        keys: Sequence[ChannelKey],
        alaw: bytes,
        *,
        name: str,
        mode: AudioMode = AudioMode.AUTO,
        holder: str = "",
    ) -> AudioSession:
        """Play sound that is in no library, once.

        Raises:
            AudioBusy, TooManySessions
        """
        return self._start(keys, mode, holder, ClipSource(alaw), name)

    def relay(
        self, key: ChannelKey, *, name: str, mode: AudioMode = AudioMode.AUTO, holder: str = ""
    ) -> AudioSession:
        """Call a loudspeaker for somebody whose sound comes by ``AudioSession.push``.

        Args:
            name: of the source, for those who look at the session.

        Raises:
            AudioBusy, TooManySessions
        """
        return self._start([key], mode, holder, None, name, is_fed=True)

    async def remove_clip(self, clip_id: str) -> None:
        """Raises UnknownClip, ClipInUse."""
        if self.schedules.uses(clip_id):
            raise ClipInUse(f"a schedule plays clip {clip_id[:64]}: change the schedule first")
        await self.clips.remove(clip_id)

    # ---------------------------------------------------------------- what devices send

    def _response(self, entry: DeviceEntry, incoming: IncomingRequest, document: Document) -> None:
        try:
            response = BroadcastResponse.from_xml(document.element)
        except MalformedDocument:
            self._parts.stats.malformed_bodies += 1
            return
        leg = self._expected.of_response(entry.device_id, response.device_id, response.sn)
        if leg is None:
            self._parts.stats.unexpected_responses += 1
        else:
            leg.response(response)

    def _invite(self, entry: DeviceEntry, incoming: IncomingRequest) -> bool:
        """A device wants to listen. False leaves the INVITE to others: it asks for no sound."""
        request = incoming.request
        if request.body and not self._asks_for_sound(request.body):
            return False
        self._parts.presence.heard(entry, incoming.received_at)
        if any(leg.call_id == request.call_id for session in self._sessions.values() for leg in session.legs):
            self._parts.transport.respond(incoming, NO_REINVITE)
            return True
        leg = self._expected.of_invite(entry.device_id, names_in(request))
        if leg is None:
            if not request.body:
                return False
            self._parts.stats.audio_invites_refused += 1
            logger.info("device %s wants to listen, and nobody speaks to it", entry.device_id)
            self._parts.transport.respond(incoming, BUSY)
            return True
        leg.invited(incoming)
        return True

    def _bye(self, entry: DeviceEntry, incoming: IncomingRequest) -> bool:
        request, host = incoming.request, incoming.flow.remote[0]
        for session in self._sessions.values():
            for leg in session.legs:
                if leg.call_id == request.call_id and leg.remote_bye(request, host):
                    self._parts.presence.heard(entry, incoming.received_at)
                    self._parts.transport.respond(incoming, 200)
                    return True
        return False

    # ---------------------------------------------------------------- inside

    def _start(
        self,
        keys: Sequence[ChannelKey],
        mode: AudioMode,
        holder: str,
        clip: ClipSource | None,
        clip_name: str,
        *,
        is_fed: bool = False,
    ) -> AudioSession:
        settings = self.settings
        unique = list(dict.fromkeys(keys))
        if self._is_closing:
            raise TooManySessions("the platform is shutting down")
        if len(self._sessions) >= settings.sessions_max:
            raise TooManySessions(f"{settings.sessions_max} sessions are open: audio.sessions_max")
        if not 1 <= len(unique) <= settings.targets_max:
            raise TooManySessions(f"{len(unique)} loudspeakers: allowed are 1 to {settings.targets_max}")
        for session in self._sessions.values():
            for key in set(session.keys) & set(unique):
                raise busy(key, session.holder)
        session = AudioSession(
            self._context,
            unique,
            mode,
            holder,
            self._opening,
            clip=clip,
            clip_name=clip_name,
            is_fed=is_fed,
            started_time=self._parts.wall(),
            on_ended=self._session_ended,
        )
        self._sessions[session.session_id] = session
        logger.info("audio session %s of %s: %d loudspeakers", session.session_id, holder, len(unique))
        return session

    def _session_ended(self, session: AudioSession) -> None:
        self._sessions.pop(session.session_id, None)
        logger.info("audio session %s ended: %s", session.session_id, session.end_reason)

    @staticmethod
    def _asks_for_sound(body: bytes) -> bool:
        try:
            return is_sound(SessionDescription.parse(body))
        except MalformedSdp:
            return False
