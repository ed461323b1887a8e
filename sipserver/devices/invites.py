"""All invites: one live one per channel, shared by everybody who wants it, and those of recordings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from catalog.model import ChannelKey
from media.session import MediaTransport
from sipserver.devices.errors import DeviceError, DeviceOffline, UnknownChannel
from sipserver.devices.events import DeviceEvent, DeviceRefreshed, DeviceWentOffline
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
from sipserver.devices.stream_request import StreamRequest
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.ssrc import SsrcPool
from sipserver.transport.driver import IncomingRequest

OLD_BYE_WAIT_S: Final = 5.0
SHUTDOWN_WAIT_S: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InviteState:
    """What others see of an invite; ``*_at`` are monotonic seconds."""

    key: ChannelKey
    session_id: str | None
    state: State
    transport: MediaTransport
    holders: tuple[tuple[str, str], ...]
    """(purpose, tag) of each holder."""
    ssrc: str | None
    call_id: str
    started_at: float
    state_since: float


class Invites:
    """Who holds what. The only place that makes or drops an Invite."""

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
    ) -> None:
        self._settings = settings
        self._presence = presence
        self._catalog = catalog
        self._invites: dict[ChannelKey, Invite] = {}
        # Invites whose BYE takes long, after a new one took their place.
        self._ending: set[Invite] = set()
        # Playbacks and downloads: one upstream session for each, whatever else the channel sends.
        self._exclusive: set[Invite] = set()
        self._live = StreamRequest.live(settings)
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
            ask_keyframe=self._nudge,
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

    def get(self, key: ChannelKey) -> InviteState | None:
        invite = self._invites.get(key)
        return None if invite is None else _view(invite)

    # ---------------------------------------------------------------- holding

    async def hold(self, key: ChannelKey, purpose: str, *, tag: str) -> StreamHold:
        """Get the live picture of a channel, inviting the device when nobody has it yet.

        Returns when the first key frame is there.

        Raises:
            UnknownChannel, UnknownDevice, DeviceOffline, NoAnswer, Refused, BadAnswer, NoMedia, WrongSsrc,
            NoKeyframe, NoCapacity, InviteEnded
        """
        self._context.signalling.entry_of(key.device_id)
        if key not in self._invites and await self._catalog.get_channel(key) is None:
            raise UnknownChannel(
                f"device {key.device_id} has no channel {key.channel_id}",
                device_id=key.device_id,
                channel_id=key.channel_id,
            )
        await self._wait_for_old_bye(key)
        if self._is_closing:
            raise DeviceOffline("the platform is shutting down", device_id=key.device_id)
        invite = self._invites.get(key)
        if invite is None:
            invite = Invite(key, self._context, self._paths.choose(key.device_id), self._live)
            self._invites[key] = invite
        hold = invite.attach(purpose, tag)
        try:
            await invite.ready()
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
        if await self._catalog.get_channel(key) is None:
            raise UnknownChannel(
                f"device {key.device_id} has no channel {key.channel_id}",
                device_id=key.device_id,
                channel_id=key.channel_id,
            )
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

    def stop(self, key: ChannelKey) -> bool:
        """End an invite whoever holds it; False when there is none."""
        invite = self._invites.get(key)
        if invite is None:
            return False
        invite.feed(Input.STOPPED)
        return True

    # ---------------------------------------------------------------- news

    def listen(self, event: DeviceEvent) -> None:
        """A device that is gone, or that restarted, has no sessions any more."""
        match event:
            case DeviceWentOffline(device_id, reason):
                self._lose(device_id, f"device {device_id} went offline: {reason}")
            case DeviceRefreshed(device_id, True):
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

    async def _wait_for_old_bye(self, key: ChannelKey) -> None:
        """BYE old before new; but a device that does not answer it must not block the channel for long."""
        while (invite := self._invites.get(key)) is not None and invite.state.is_over:
            try:
                async with asyncio.timeout(OLD_BYE_WAIT_S):
                    await invite.closed.wait()
            except TimeoutError:
                if self._invites.get(key) is invite:
                    del self._invites[key]
                    self._ending.add(invite)

    def _lose(self, device_id: str, text: str) -> None:
        for invite in self.all():
            if invite.key.device_id == device_id:
                error = DeviceOffline(text, device_id=device_id, channel_id=invite.key.channel_id)
                invite.feed(Input.LOST, error)

    def _forget(self, invite: Invite) -> None:
        self._ending.discard(invite)
        self._exclusive.discard(invite)
        if self._invites.get(invite.key) is invite:
            del self._invites[invite.key]

    async def _nudge(self, key: ChannelKey) -> None:
        try:
            await self._ask_keyframe(key)
        except DeviceError as error:
            logger.debug("no key frame could be asked for: %s", error)


def _view(invite: Invite) -> InviteState:
    return InviteState(
        key=invite.key,
        session_id=invite.session.session_id if invite.session is not None else None,
        state=invite.state,
        transport=invite.transport,
        holders=tuple((hold.purpose, hold.tag) for hold in invite.holders),
        ssrc=invite.ssrc,
        call_id=invite.call_id,
        started_at=invite.started_at,
        state_since=invite.state_since,
    )
