"""One act of speaking: a source of sound, and the loudspeakers that it goes to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from catalog.model import ChannelKey
from media.audio.g711 import FRAME_S, QUIETEST_DBFS
from media.audio.pacer import AudioLine
from media.audio.sources import AudioSource, ClipSource, PushedSource
from media.audio.webrtc import BrowserAudio
from sipserver.devices.audio import plan
from sipserver.devices.audio.broadcast_leg import BroadcastLeg
from sipserver.devices.audio.errors import NoMicrophone, UnknownAudioSession
from sipserver.devices.audio.leg import AudioLeg, AudioParts, LegState
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.talk_leg import TalkLeg
from sipserver.devices.audio.views import SessionView, TargetView
from sipserver.devices.errors import DeviceError, InviteEnded
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.tasks import TaskOwner

DRAIN_S: Final = 0.3
"""Silence after a clip, so that the device plays its end before BYE."""

logger = logging.getLogger(__name__)


class SessionState(Enum):
    OPENING = "opening"  # devices are called
    SPEAKING = "speaking"
    ENDED = "ended"


@dataclass(slots=True)
class Target:
    """One loudspeaker of a session: how it is reached, or why not."""

    key: ChannelKey
    leg: AudioLeg | None = None
    error: DeviceError | None = None
    lost_reason: str = ""


class AudioSession:
    """Calls all loudspeakers at once, speaks to those that answer, and ends with its source.

    ``on_heard`` gets the sound of a single loudspeaker's microphone as A-law, where there is one.

    Args:
        clip: what is played; None: a browser's microphone, attached by ``connect_browser``.
        is_fed: the sound comes by ``push``, and no browser is waited for.
        on_ended: called once, when everything was given back.
    """

    def __init__(
        self,
        context: AudioParts,
        keys: Sequence[ChannelKey],
        mode: AudioMode,
        holder: str,
        opening: asyncio.Semaphore,
        *,
        clip: ClipSource | None,
        clip_name: str = "",
        is_fed: bool = False,
        started_time: datetime,
        on_ended: Callable[[AudioSession], None],
    ) -> None:
        self.session_id: Final = secrets.token_hex(16)
        self.holder: Final = holder
        self.mode: Final = mode
        self.clip_name: Final = clip_name
        self.started_time: Final = started_time
        self.targets: Final = [Target(key) for key in keys]
        self.state = SessionState.OPENING
        self.end_reason = ""
        self.opened: Final = asyncio.Event()
        """Every loudspeaker was reached, or is known not to be."""
        self.ended: Final = asyncio.Event()
        self.on_heard: Callable[[bytes], None] | None = None
        self._is_fed = is_fed
        self._context = context
        self._opening = opening
        self._on_ended = on_ended
        self._browser: BrowserAudio | None = None
        self._microphone = PushedSource() if clip is None else None
        source: AudioSource = clip if clip is not None else _Relay(self)
        self._line: Final[AudioLine] = context.plane.open_line(source)
        self._tasks = TaskOwner(f"audio {self.session_id[:8]}")
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._runner = asyncio.get_running_loop().create_task(self._run(), name=f"audio {self.session_id}")

    @property
    def keys(self) -> list[ChannelKey]:
        return [target.key for target in self.targets]

    @property
    def legs(self) -> list[AudioLeg]:
        return [target.leg for target in self.targets if target.leg is not None]

    @property
    def microphone_frame(self) -> bytes | None:
        """What the browser says now; for the line."""
        if self._browser is not None:
            return self._browser.microphone.next_frame()
        return self._microphone.next_frame() if self._microphone is not None else None

    @property
    def is_heard(self) -> bool:
        """Whether a loudspeaker was reached."""
        return any(leg.state is LegState.SPEAKING for leg in self.legs)

    def push(self, alaw: bytes) -> None:
        """Sound of somebody who is no browser, in pieces of any length."""
        if self._microphone is not None:
            self._microphone.push(alaw)

    async def connect_browser(self, offer: str) -> str:
        """Take a browser's offer; another browser of the same session takes the place of the first.

        Raises:
            NoMicrophone: the session plays a clip.
            BadOffer: the offer cannot be answered.
        """
        if self._microphone is None:
            raise NoMicrophone("this session plays a clip and takes no microphone")
        if self.state is SessionState.ENDED:
            raise UnknownAudioSession("the session has ended")
        browser = BrowserAudio()
        try:
            answer = await browser.answer(offer)
        except BaseException:
            await browser.close()
            raise
        if self.ended.is_set() or self._stop.done():
            await browser.close()
            raise UnknownAudioSession("the session has ended")
        before, self._browser = self._browser, browser
        if before is not None:
            self._tasks.spawn(before.close(), "browser that was replaced")
        self._tasks.spawn(self._watch_browser(browser), "browser")
        return answer

    def stop(self, reason: str) -> None:
        """Begin to end; ``ended`` tells when it is over."""
        if not self._stop.done():
            self._stop.set_result(reason)

    async def close(self, reason: str) -> None:
        """End and wait for it."""
        self.stop(reason)
        await self.ended.wait()

    def view(self) -> SessionView:
        """What others see."""
        browser = self._browser
        return SessionView(
            session_id=self.session_id,
            holder=self.holder,
            mode=self.mode,
            source=self.clip_name or "microphone",
            is_clip=self._microphone is None,
            state=self.state.value,
            end_reason=self.end_reason,
            started_time=self.started_time,
            spoken_s=self._line.frames * FRAME_S,
            level_dbfs=self._line.level_dbfs,
            has_browser=browser is not None and browser.connected.is_set() and not browser.gone.is_set(),
            targets=tuple(_target_view(target) for target in self.targets),
        )

    # ---------------------------------------------------------------- life

    async def _run(self) -> None:
        try:
            opening = asyncio.gather(*(self._open_target(target) for target in self.targets))
            await self._unless_stopped(opening)
            self.opened.set()
            if not self._stop.done():
                await self._speak()
        except Exception:
            logger.exception("audio session %s failed", self.session_id)
        finally:
            await self._end(self._stop.result() if self._stop.done() else "shutdown")

    async def _unless_stopped(self, work: asyncio.Future[list[None]]) -> None:
        await asyncio.wait((work, self._stop), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    async def _speak(self) -> None:
        if not self.is_heard:
            self.stop("no loudspeaker could be reached")
            return
        self.state = SessionState.SPEAKING
        self._line.start()
        timeout_s = None if self._microphone is None else self._context.settings.session_max_s
        if self._microphone is None:
            self._tasks.spawn(self._await_clip(), "clip")
        elif not self._is_fed:
            self._tasks.spawn(self._await_browser(), "wait for the browser")
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._stop)
        except TimeoutError:
            self.stop(f"longest session of {timeout_s:g} s")

    async def _await_clip(self) -> None:
        await self._line.ended.wait()
        await asyncio.sleep(DRAIN_S)
        self.stop("played to the end")

    async def _await_browser(self) -> None:
        wait_s = self._context.settings.browser_wait_s
        await asyncio.sleep(wait_s)
        if self._browser is None or not self._browser.connected.is_set():
            self.stop(f"no browser connected within {wait_s:g} s")

    async def _watch_browser(self, browser: BrowserAudio) -> None:
        await browser.gone.wait()
        if self._browser is browser:
            self.stop("the browser is gone")

    async def _end(self, reason: str) -> None:
        self.state, self.end_reason = SessionState.ENDED, reason
        self.opened.set()
        for leg in self.legs:
            if leg.link is not None:
                self._line.detach(leg.link)
        self._context.plane.close_line(self._line)
        closing = [leg.close(reason) for leg in self.legs]
        browser = [self._browser.close()] if self._browser is not None else []
        await asyncio.gather(*closing, *browser, return_exceptions=True)
        await self._tasks.close()
        self.ended.set()
        self._on_ended(self)

    # ---------------------------------------------------------------- loudspeakers

    async def _open_target(self, target: Target) -> None:
        """Try the ways of the plan one after the other; what worked is learned."""
        profiles, device_id = self._context.parts.profiles, target.key.device_id
        try:
            entry = self._context.parts.signalling.entry_of(device_id)
            ways = plan.ways(self.mode, profiles.value(device_id, Facet.AUDIO), entry.edition)
            for index, way in enumerate(ways):
                try:
                    async with self._opening:
                        await self._open_leg(target, way)
                except DeviceError as error:
                    if index + 1 == len(ways) or not plan.tries_next_way(error):
                        raise
                    logger.info("%s: %s failed, %s is tried: %s", target.key, way, ways[index + 1], error)
                else:
                    return
        except asyncio.CancelledError:
            target.error = InviteEnded(
                f"{target.key}: the session ended before the device listened",
                device_id=device_id,
                channel_id=target.key.channel_id,
            )
            raise
        except DeviceError as error:
            target.error = error
            self._context.parts.stats.audio_failed[type(error).__name__] += 1

    async def _open_leg(self, target: Target, way: AudioMode) -> None:
        leg: AudioLeg
        if way is AudioMode.TALK:
            leg = TalkLeg(self._context, target.key)
        else:
            leg = BroadcastLeg(self._context, target.key)
        target.leg = leg
        try:
            await leg.open()
        except BaseException:
            target.leg = None
            raise
        self._learn(leg, way)
        leg.on_over = self._leg_over
        if leg.link is not None:
            self._line.attach(leg.link)
            leg.link.on_heard = self._heard
        self._context.parts.stats.audio_opened[way.value] += 1

    def _learn(self, leg: AudioLeg, way: AudioMode) -> None:
        learn, device_id = self._context.parts.profiles.learn, leg.key.device_id
        evidence = f"{way.value} to {leg.key.channel_id} worked over {leg.transport.upper()} as {leg.form}"
        learn(device_id, Facet.AUDIO, way.value, evidence)
        if way is AudioMode.BROADCAST:
            learn(device_id, Facet.AUDIO_TRANSPORT, leg.transport, evidence)

    def _leg_over(self, leg: AudioLeg, reason: str) -> None:
        """One loudspeaker is gone; the session goes on for the others."""
        if leg.link is not None:
            self._line.detach(leg.link)
        for target in self.targets:
            if target.leg is leg:
                target.lost_reason = reason
        self._tasks.spawn(leg.close(reason), f"end {leg.key}")
        if self.state is SessionState.SPEAKING and not any(
            each.state is LegState.SPEAKING for each in self.legs if each is not leg
        ):
            self.stop(reason)

    def _heard(self, alaw: bytes) -> None:
        """Sound of a device, for the browser; of a group none is passed on, for it would be a jumble."""
        if len(self.targets) != 1:
            return
        if self._browser is not None:
            self._browser.loudspeaker.push(alaw)
        if self.on_heard is not None:
            self.on_heard(alaw)


class _Relay:
    """The source of a session with a microphone: whatever its browser says now."""

    def __init__(self, session: AudioSession) -> None:
        self._session = session

    def next_frame(self) -> bytes | None:
        return self._session.microphone_frame


def _target_view(target: Target) -> TargetView:
    leg, link = target.leg, target.leg.link if target.leg is not None else None
    stats = link.stats if link is not None else None
    state = leg.state.value if leg is not None else ("failed" if target.error is not None else "waiting")
    way = "talk" if isinstance(leg, TalkLeg) else "broadcast" if leg is not None else ""
    return TargetView(
        key=target.key,
        state=state,
        way=way,
        transport=leg.transport if leg is not None else "",
        form=leg.form if leg is not None else "",
        call_id=leg.call_id if leg is not None else "",
        error=target.error,
        lost_reason=target.lost_reason,
        frames_sent=stats.frames_sent if stats is not None else 0,
        frames_dropped=stats.frames_dropped if stats is not None else 0,
        packets_heard=stats.packets_heard if stats is not None else 0,
        heard_level_dbfs=stats.heard_level_dbfs if stats is not None else QUIETEST_DBFS,
    )
