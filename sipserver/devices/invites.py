"""All invites: one per live picture, shared by everybody who wants it, and those of recordings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from catalog.model import Channel, ChannelKey
from media.session import MediaTransport
from sipserver.devices.commands.gate import EditionGate
from sipserver.devices.errors import DeviceError, DeviceOffline, NoSubstream, UnknownChannel
from sipserver.devices.events import DeviceEvent, DeviceRestarted, DeviceWentOffline
from sipserver.devices.invite import Invite, StreamHold
from sipserver.devices.invite_context import InviteContext
from sipserver.devices.invite_state import Input, State
from sipserver.devices.media_paths import MediaPaths
from sipserver.devices.ports import DeviceCatalog, MediaPort, SipPort
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.settings import DeviceSettings, MediaPreference
from sipserver.devices.signalling import Signalling
from sipserver.devices.ssrc_behaviour import SsrcBehaviour
from sipserver.devices.stale_dialogs import StaleDialogs
from sipserver.devices.stats import DeviceStats
from sipserver.devices.stream_request import LiveStream, StreamRequest
from sipserver.devices.substreams import Substreams
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.route_path import DIRECT, InviteRoute, Path, parse_path
from sipserver.gb.ssrc import SsrcPool
from sipserver.transport.driver import IncomingRequest

OLD_BYE_WAIT_S: Final = 5.0
SHUTDOWN_WAIT_S: Final = 5.0
EARLY: Final = frozenset({"relay"})
"""Holders that need no picture yet: a superior is answered when the device has answered (gb28181.md 8.5)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InviteState:
    """What others see of an invite; ``*_at`` are monotonic seconds."""

    key: ChannelKey
    stream: LiveStream
    session_id: str | None
    state: State
    transport: MediaTransport
    holders: tuple[tuple[str, str], ...]
    """(purpose, tag) of each holder."""
    ssrc: str | None
    call_id: str
    started_at: float
    state_since: float
    stall: str | None = None
    """Why the picture stands still now (``media.facts.StallReason``)."""
    route_path: Path = ()
    """The platforms below us that it comes by, the nearest first; empty: none."""


class LiveKey(NamedTuple):
    """One live picture: of these there is one invite at a time."""

    channel: ChannelKey
    stream: LiveStream


class Invites:
    """Who holds what. The only place that makes or drops an Invite."""

    listens_to: Final = (DeviceRestarted, DeviceWentOffline)

    def __init__(
        self,
        settings: DeviceSettings,
        signalling: Signalling,
        transport: SipPort,
        media: MediaPort,
        presence: Presence,
        catalog: DeviceCatalog,
        dialogs: StaleDialogs,
        stats: DeviceStats,
        *,
        clock: Callable[[], float],
        wall: Callable[[], datetime],
        ask_keyframe: Callable[[ChannelKey], Awaitable[None]],
        profiles: Profiles,
        preference_of: Callable[[str], MediaPreference | None],
        is_platform: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._presence = presence
        self._catalog = catalog
        self._invites: dict[LiveKey, Invite] = {}
        # Invites whose BYE takes long, after a new one took their place.
        self._ending: set[Invite] = set()
        # Playbacks and downloads: one upstream session for each, whatever else the channel sends.
        self._exclusive: set[Invite] = set()
        self._live = {stream: StreamRequest.live(settings, stream) for stream in LiveStream}
        self._substreams = Substreams(profiles, EditionGate(signalling, profiles), clock=clock)
        self._tasks = TaskOwner("invites")
        self._is_closing = False
        self._ask_keyframe = ask_keyframe
        self._paths = MediaPaths(settings, profiles, presence, preference_of=preference_of, clock=clock)
        self._context: Final = InviteContext(
            settings=settings,
            signalling=signalling,
            transport=transport,
            media=media,
            presence=presence,
            dialogs=dialogs,
            ssrcs=SsrcPool(settings.id),
            stats=stats,
            tasks=self._tasks,
            clock=clock,
            wall=wall,
            forget=self._forget,
            profiles=profiles,
            paths=self._paths,
            ssrc_behaviour=SsrcBehaviour(profiles),
            substreams=self._substreams,
            ask_keyframe=self._nudge,
            is_platform=is_platform,
        )

    async def close(self) -> None:
        """End every invite with BYE, for as long as a shutdown may take."""
        self._is_closing = True
        invites = self.all()
        for invite in invites:
            invite.feed(Input.STOPPED)
        if invites:
            waits = [asyncio.ensure_future(invite.closed.wait()) for invite in invites]
            _, late = await asyncio.wait(waits, timeout=SHUTDOWN_WAIT_S)
            for wait in late:
                wait.cancel()
        await self._tasks.close()

    # ---------------------------------------------------------------- questions

    def snapshot(self) -> list[InviteState]:
        """The live pictures."""
        return [_view(invite) for invite in [*self._invites.values(), *self._ending]]

    def all(self) -> list[Invite]:
        """Every invite that is not closed, for the reconcile loop."""
        return [*self._invites.values(), *self._ending, *self._exclusive]

    @property
    def context(self) -> InviteContext:
        """For parts of this room with dialogs of their own: one pool of SSRCs, one memory of dialogs."""
        return self._context

    def get(self, key: ChannelKey, stream: LiveStream = LiveStream.MAIN) -> InviteState | None:
        invite = self._invites.get(LiveKey(key, stream))
        return None if invite is None else _view(invite)

    # ---------------------------------------------------------------- holding

    async def hold(
        self,
        key: ChannelKey,
        purpose: str,
        *,
        tag: str,
        stream: LiveStream = LiveStream.MAIN,
        route: InviteRoute = DIRECT,
    ) -> StreamHold:
        """Get a live picture of a channel, inviting the device when nobody has it yet.

        Returns when the first key frame is there; for a relay when the device has answered, where its media
        is known to come. A channel without sub-stream gives its main one: the hold says which it is.
        ``route`` counts where the device is a platform and is invited now: a picture that runs is shared,
        whichever way it came.

        Raises:
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, NoCapacity, InviteEnded
        """
        self._context.signalling.entry_of(key.device_id)
        if stream is LiveStream.SUB:
            try:
                return await self._hold(LiveKey(key, LiveStream.SUB), purpose, tag, route)
            except NoSubstream as error:
                logger.info("the main stream instead of the sub-stream: %s", error)
                await self._wait_for_old_bye(LiveKey(key, LiveStream.SUB))
        return await self._hold(LiveKey(key, LiveStream.MAIN), purpose, tag, route)

    async def _hold(self, live: LiveKey, purpose: str, tag: str, route: InviteRoute) -> StreamHold:
        channel = None
        if live.stream is LiveStream.SUB or live not in self._invites:
            channel = await self._known_channel(live.channel)
        await self._wait_for_old_bye(live)
        if self._is_closing:
            raise DeviceOffline("the platform is shutting down", device_id=live.channel.device_id)
        invite = self._invites.get(live)
        if invite is None:
            invite = self._make(live, channel, route)
        hold = invite.attach(purpose, tag)
        try:
            await (invite.answered() if purpose in EARLY else invite.ready())
        except BaseException:
            await hold.release()
            raise
        return hold

    async def open_exclusive(
        self, key: ChannelKey, request: StreamRequest, purpose: str, *, tag: str
    ) -> tuple[Invite, StreamHold]:
        """Get a stream of one's own, as a playback or download needs it; it ends with its hold.

        Raises:
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, NoCapacity, InviteEnded
        """
        self._context.signalling.entry_of(key.device_id)
        await self._known_channel(key)
        if self._is_closing:
            raise DeviceOffline("the platform is shutting down", device_id=key.device_id)
        invite = Invite(key, self._context, self._paths.choose(key.device_id), request)
        self._exclusive.add(invite)
        hold = invite.attach(purpose, tag)
        try:
            await invite.ready()
        except BaseException:
            await hold.release()
            raise
        return invite, hold

    def stop(self, key: ChannelKey, stream: LiveStream = LiveStream.MAIN) -> bool:
        """End an invite whoever holds it; False when there is none."""
        invite = self._invites.get(LiveKey(key, stream))
        if invite is None:
            return False
        invite.feed(Input.STOPPED)
        return True

    def device_removed(self, device_id: str) -> None:
        """Its streams ended when it lost its registration."""
        self._paths.forget(device_id)
        self._context.ssrc_behaviour.forget(device_id)

    # ---------------------------------------------------------------- news

    def listen(self, event: DeviceEvent) -> None:
        """A device that is gone, or that restarted, has no sessions any more."""
        match event:
            case DeviceWentOffline(device_id, reason):
                self._lose(device_id, f"device {device_id} went offline: {reason}")
            case DeviceRestarted(device_id):
                # Suspect, not dead: the reconcile loop looks at whether media still flows.
                logger.debug("device %s registered anew with open invites", device_id)
            case _:
                pass

    def remote_bye(self, incoming: IncomingRequest) -> bool:
        """A BYE of a device; True when it ended an invite. It must come from the host that was invited."""
        call_id, host = incoming.request.call_id, incoming.flow.remote[0]
        return any(
            invite.call_id == call_id and invite.host == host and invite.remote_bye(incoming.request)
            for invite in self.all()
        )

    # ---------------------------------------------------------------- inside

    async def _known_channel(self, key: ChannelKey) -> Channel:
        channel = await self._catalog.get_channel(key)
        if channel is None:
            raise UnknownChannel(
                f"device {key.device_id} has no channel {key.channel_id}",
                device_id=key.device_id,
                channel_id=key.channel_id,
            )
        return channel

    def _make(self, live: LiveKey, channel: Channel | None, route: InviteRoute) -> Invite:
        key, attempt = live.channel, None
        if live.stream is LiveStream.SUB:
            attempt = self._substreams.begin(channel) if channel is not None else None
            if attempt is None:
                raise NoSubstream.about(key, "it is known to have no sub-stream")
        transport = self._paths.choose(key.device_id)
        if channel is not None and channel.preferred_path and not route.preferred:
            route = replace(route, preferred=parse_path(channel.preferred_path))
        request = self._live[live.stream]
        if route != DIRECT:
            request = replace(request, route=route)
        invite = self._invites[live] = Invite(key, self._context, transport, request, attempt)
        return invite

    async def _wait_for_old_bye(self, live: LiveKey) -> None:
        """BYE old before new; but a device that does not answer it must not block the channel for long."""
        while (invite := self._invites.get(live)) is not None and invite.state.is_over:
            try:
                async with asyncio.timeout(OLD_BYE_WAIT_S):
                    await invite.closed.wait()
            except TimeoutError:
                if self._invites.get(live) is invite:
                    del self._invites[live]
                    self._ending.add(invite)

    def _lose(self, device_id: str, text: str) -> None:
        for invite in self.all():
            if invite.key.device_id == device_id:
                error = DeviceOffline(text, device_id=device_id, channel_id=invite.key.channel_id)
                invite.feed(Input.LOST, error)

    def _forget(self, invite: Invite) -> None:
        self._ending.discard(invite)
        self._exclusive.discard(invite)
        live = LiveKey(invite.key, invite.request.stream)
        if self._invites.get(live) is invite:
            del self._invites[live]

    async def _nudge(self, key: ChannelKey) -> None:
        try:
            await self._ask_keyframe(key)
        except DeviceError as error:
            logger.debug("no key frame could be asked for: %s", error)


def _view(invite: Invite) -> InviteState:
    return InviteState(
        key=invite.key,
        stream=invite.request.stream,
        session_id=invite.session.session_id if invite.session is not None else None,
        state=invite.state,
        transport=invite.transport,
        holders=tuple((hold.purpose, hold.tag) for hold in invite.holders),
        ssrc=invite.ssrc,
        call_id=invite.call_id,
        started_at=invite.started_at,
        state_since=invite.state_since,
        stall=invite.upkeep.standstill.reason,
        route_path=invite.evidence.route_path,
    )
