"""Compares every few seconds what is intended with what is there, and repairs the difference.

Chains of events lose links: a packet, a task, a restart in between. This loop does not ask how a difference
came about. Each repair is counted by kind, so that a chain that breaks often is seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from media.session import MediaSession
from sipserver.devices.errors import DeviceOffline, InviteEnded, NoMedia
from sipserver.devices.invite import Invite
from sipserver.devices.invite_state import Input, State
from sipserver.devices.invites import Invites
from sipserver.devices.ports import MediaPort
from sipserver.devices.presence import Presence
from sipserver.devices.settings import DeviceSettings
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner

logger = logging.getLogger(__name__)

# No state but the two with a picture may last longer than its own timers allow.
STATE_LIMITS_S: Final[Mapping[State, float]] = {
    State.OPENING: 15.0,
    State.INVITING: 60.0,
    State.CLEARING: 30.0,
    State.SWITCHING: 60.0,
    State.WAITING_MEDIA: 60.0,
    State.REPAIRING: 60.0,
}


class Reconciler:
    """The loop. ``sweep`` is one turn of it."""

    def __init__(
        self,
        settings: DeviceSettings,
        invites: Invites,
        media: MediaPort,
        presence: Presence,
        stats: DeviceStats,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._invites = invites
        self._media = media
        self._presence = presence
        self._stats = stats
        self._clock = clock
        # Media sessions without an invite at the last sweep: one sweep of grace for those just opened.
        self._orphans: set[str] = set()
        self._tasks = TaskOwner("reconcile")

    def open(self) -> None:
        self._tasks.spawn(self._run(), "loop")

    async def close(self) -> None:
        await self._tasks.close()

    async def sweep(self) -> None:
        now = self._clock()
        for invite in self._invites.all():
            self._check(invite, now)
        await self._drop_orphans()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reconcile_interval_s)
            try:
                await self.sweep()
            except Exception:
                logger.exception("a sweep failed")

    def _check(self, invite: Invite, now: float) -> None:
        if invite.state.is_established:
            self._check_media(invite)
        if now - invite.state_since > STATE_LIMITS_S.get(invite.state, float("inf")):
            self._repair(invite, "stuck", InviteEnded(f"stuck while {invite.state.value}"))
        if not invite.state.is_over and not self._presence.is_online(invite.key.device_id):
            self._repair(invite, "device offline", DeviceOffline(f"device {invite.key.device_id} is offline"))

    def _check_media(self, invite: Invite) -> None:
        session = invite.session
        if session is None or self._media.sessions.get(session.session_id) is None:
            self._repair(invite, "session gone", InviteEnded("the media session is gone"))
            return
        stats, limit_s = session.stats(), invite.request.silence_timeout_s
        silence_s = stats.silence_s
        if stats.stall is not None:
            # The data plane says why: what is done about it goes by the reason, once that has been told.
            invite.upkeep.standstill.look()
        elif limit_s is not None and silence_s > limit_s:
            self._stats.reconcile_repairs["media silent"] += 1
            logger.info("invite %s is ended: no packet for %.0f s", invite.key, silence_s)
            invite.upkeep.fail(NoMedia.about(invite.key, f"media stopped: no packet for {silence_s:.0f} s"))
        elif silence_s < self._settings.reconcile_interval_s:
            # Media is a sign of life: a device that streams is not offline because keepalives get lost.
            self._presence.answered(invite.key.device_id)

    def _repair(self, invite: Invite, kind: str, error: DeviceOffline | InviteEnded) -> None:
        self._stats.reconcile_repairs[kind] += 1
        logger.info("invite %s is ended: %s", invite.key, error)
        invite.feed(Input.LOST, error)

    async def _drop_orphans(self) -> None:
        owned = {invite.session.session_id for invite in self._invites.all() if invite.session is not None}
        labels = {invite.label for invite in self._invites.all() if invite.session is None}
        orphans: dict[str, MediaSession] = {
            session_id: session
            for session_id, session in self._media.sessions.items()
            if session_id not in owned and session.label not in labels and _is_of_a_device(session)
        }
        for session_id in self._orphans & orphans.keys():
            self._stats.reconcile_repairs["session without invite"] += 1
            logger.warning("media session %s belongs to no invite and is closed", session_id)
            await orphans[session_id].close("belongs to no invite")
        self._orphans = set(orphans)


def _is_of_a_device(session: MediaSession) -> bool:
    """Whether an invite should own it: what this platform feeds or plays itself comes from no device."""
    return "~" in session.label and session.transport.is_received
