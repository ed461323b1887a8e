"""What one superior may do now, and the end of what it may do no longer.

Whoever serves a superior asks here before it does anything: ``ask`` for one act, ``hold`` for what lasts.
What lasts is looked at again when the rights change and each second, so it ends when its right ends:
withdrawn, the hours over, or the limit lowered. Source: R-1, R-5; gb28181.md 8.8; GB-C137.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from access.audit import Outcome
from access.rights import Decision, Limits, Place, Reason, Right, Rights
from cascade.rights.trail import Asker, Entry, Trail
from cascade.shown.presented import PresentedChannel
from cascade.stats import CascadeStats

LOOK_EVERY_S: Final = 1.0
GUESS_KBPS: Final = {"main": 4_096, "sub": 1_024}
"""Of a stream that was not measured yet."""
MEASURED_AFTER_S: Final = 3.0
OVER_FOR_S: Final = 10.0
"""So long may what runs take more than the limit, before the newest ends."""

NOBODY: Final = Asker()
End: TypeAlias = Callable[[str], None]
Measure: TypeAlias = Callable[[], int]
"""Bytes that went up so far."""

logger = logging.getLogger(__name__)


def subject_of(superior_id: str) -> str:
    """What rights call a superior."""
    return f"superior:{superior_id}"


def place_of(entry: PresentedChannel) -> Place:
    """What rights call a channel."""
    groups = (group for place in entry.places for group in (place.business_group_id, *place.parent_ids))
    return Place(
        tuple(str(key) for key in entry.paths),
        tuple(place.region for place in entry.places),
        frozenset(group for group in groups if group),
    )


class Permit:
    """The right to something that lasts. ``release`` it, whoever ended it."""

    def __init__(
        self,
        action: Right,
        entry: PresentedChannel,
        end: End,
        guess_kbps: int,
        now: float,
        *,
        is_stream: bool,
    ) -> None:
        self.is_stream: Final = is_stream
        self.action: Final = action
        self.entry: Final = entry
        self.end: Final = end
        self.measure: Measure | None = None
        """Set when there is something to measure."""
        self._guess_kbps = guess_kbps
        self._looked = (now, 0)
        self._measured: float | None = None

    @property
    def kbps(self) -> float:
        """Measured; guessed in its first seconds."""
        return self._guess_kbps if self._measured is None else self._measured

    def look(self, now: float) -> None:
        """Measure since the last look that is old enough."""
        since, before = self._looked
        if self.measure is None or now - since < MEASURED_AFTER_S:
            return
        total = self.measure()
        # What has not begun is still guessed.
        if total > 0:
            self._measured = (total - before) * 8 / 1_000 / (now - since)
        self._looked = (now, total)


@dataclass(frozen=True, slots=True)
class PermitsView:
    """What a superior takes of its limits."""

    streams: int
    kbps: float


class Permits:
    """All permits of one superior."""

    def __init__(
        self,
        superior_id: str,
        rights: Rights,
        trail: Trail,
        wall: Callable[[], datetime],
        clock: Callable[[], float],
        stats: CascadeStats | None = None,
    ) -> None:
        self.stats: Final = stats or CascadeStats()
        self.subject: Final = subject_of(superior_id)
        self._rights = rights
        self._trail = trail
        self._wall = wall
        self._clock = clock
        self._held: list[Permit] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._over_since: float | None = None
        self.refused = 0
        """Since the start."""
        rights.listeners.append(self._hear)

    async def close(self) -> None:
        self._rights.listeners.remove(self._hear)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def limits(self) -> Limits:
        return self._rights.policy(self.subject).limits

    @property
    def view(self) -> PermitsView:
        streams = self._streams
        return PermitsView(len(streams), sum(permit.kbps for permit in streams))

    @property
    def _streams(self) -> list[Permit]:
        return [permit for permit in self._held if permit.is_stream]

    # ---------------------------------------------------------------- asking

    def ask(self, action: Right, entry: PresentedChannel | None, asker: Asker = NOBODY) -> Decision:
        """Whether the superior may do this now; a refusal is written down.

        Args:
            entry: what it is about; None is ourselves.
        """
        decision = self._may(action, entry)
        if not decision.allowed:
            self._note_refusal(action, entry, decision, asker)
        return decision

    def refuse_unknown(self, action: str, presented: str, asker: Asker) -> None:
        """Write down that the superior asked for what it is not shown."""
        self.refused += 1
        self.stats.permits_refused["not_presented"] += 1
        detail = {"reason": "not_presented"}
        self.note(f"superior.{action}", presented, asker, outcome=Outcome.REFUSED, detail=detail)

    def hold(
        self, action: Right, entry: PresentedChannel, end: End, asker: Asker = NOBODY, *, guess: str = "main"
    ) -> Permit | Decision:
        """Whether the superior may begin a stream: a permit, or the decision against it.

        Args:
            end: called with a reason once the right has ended; it must end what was permitted.
            guess: ``main`` or ``sub``: what is assumed until it is measured.
        """
        decision = self._may(action, entry)
        expected = GUESS_KBPS[guess]
        if decision.allowed:
            decision = self._room(expected)
        if not decision.allowed:
            self._note_refusal(action, entry, decision, asker)
            return decision
        return self._keep(Permit(action, entry, end, expected, self._clock(), is_stream=True))

    def hold_movement(self, action: Right, entry: PresentedChannel, end: End) -> Permit:
        """For what lasts and is no stream; it was asked for and allowed."""
        return self._keep(Permit(action, entry, end, 0, self._clock(), is_stream=False))

    def release(self, permit: Permit) -> None:
        """It is over; harmless when repeated."""
        if permit in self._held:
            self._held.remove(permit)
            if not self._held:
                self._changed.set()

    def note(
        self,
        action: str,
        target: str,
        asker: Asker,
        *,
        outcome: Outcome = Outcome.DONE,
        detail: Mapping[str, object] | None = None,
        often: bool = False,
    ) -> None:
        """Write down what the superior did; what is done ``often`` is counted for a while."""
        self._trail.note(Entry(self.subject, action, target, outcome, asker, detail or {}, often))

    # ---------------------------------------------------------------- inside

    def _keep(self, permit: Permit) -> Permit:
        self.stats.permits[permit.action.value] += 1
        self._held.append(permit)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._watch(), name=f"rights of {self.subject}"
            )
        return permit

    def _may(self, action: Right, entry: PresentedChannel | None) -> Decision:
        place = None if entry is None else place_of(entry)
        return self._rights.may(self.subject, action, place, self._wall())

    def _room(self, expected_kbps: float) -> Decision:
        limits, view = self.limits, self.view
        if limits.streams is not None and view.streams >= limits.streams:
            return Decision(Reason.STREAMS, f"{view.streams} streams are open, allowed are {limits.streams}")
        if limits.kbps is not None and view.kbps + expected_kbps > limits.kbps:
            return Decision(
                Reason.BANDWIDTH,
                f"{view.kbps:.0f} kbit/s are in use and {expected_kbps:.0f} more are expected, "
                f"allowed are {limits.kbps}",
            )
        return Decision(Reason.GRANTED)

    def _note_refusal(
        self, action: Right, entry: PresentedChannel | None, decision: Decision, asker: Asker
    ) -> None:
        self.refused += 1
        self.stats.permits_refused[decision.reason.value] += 1
        logger.info("superior is refused: %s", decision.text)
        self.note(
            f"superior.{action}",
            _target(entry),
            asker,
            outcome=Outcome.REFUSED,
            detail={"reason": decision.reason.value, "text": decision.text},
        )

    def _hear(self, subject: str) -> None:
        if subject == self.subject:
            self._changed.set()

    async def _watch(self) -> None:
        """Until nothing is held."""
        while self._held:
            self._look()
            self._changed.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _look(self) -> None:
        now = self._clock()
        for permit in tuple(self._held):
            permit.look(now)
            decision = self._may(permit.action, permit.entry)
            if not decision.allowed:
                self._withdraw(permit, decision)
        limits = self.limits
        while limits.streams is not None and len(streams := self._streams) > limits.streams:
            text = f"{len(streams)} streams are open, allowed are {limits.streams}"
            self._withdraw(streams[-1], Decision(Reason.STREAMS, text))
        self._look_at_bandwidth(limits, now)

    def _look_at_bandwidth(self, limits: Limits, now: float) -> None:
        used = self.view.kbps
        if limits.kbps is None or used <= limits.kbps:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = now
        elif now - self._over_since >= OVER_FOR_S:
            self._over_since = now
            text = f"{used:.0f} kbit/s are in use, allowed are {limits.kbps}"
            self._withdraw(self._streams[-1], Decision(Reason.BANDWIDTH, text))

    def _withdraw(self, permit: Permit, decision: Decision) -> None:
        self._held.remove(permit)
        self.stats.permits_ended[decision.reason.value] += 1
        self.note(
            f"superior.{permit.action}",
            _target(permit.entry),
            NOBODY,
            detail={"ended": decision.reason.value, "text": decision.text},
        )
        try:
            permit.end(f"the right has ended: {decision.text}")
        except Exception:
            logger.exception("what %s may do no longer did not end", self.subject)


def _target(entry: PresentedChannel | None) -> str:
    return "" if entry is None else str(entry.paths[0])
