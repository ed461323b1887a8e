"""Who may do what with which camera, and when: the one function that everybody asks, in its first form.

A subject has a policy: grants, of which any one that fits allows, and limits for all that it has open at
once. A subject without a policy has the one that all begin with. Decisions are made from memory; policies are
written down before they count. Source: R-1, R-5, R-21; gb28181.md 8.8; GB-C137.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final, Protocol

from access.hours import Hours, within

logger = logging.getLogger(__name__)


class Right(StrEnum):
    """Something that may be done with a camera."""

    LIVE = "live"
    PLAYBACK = "playback"
    DOWNLOAD = "download"
    PTZ = "ptz"  # whatever moves the picture: directions, presets, home position, target track
    TALK = "talk"  # audio to the camera, one way or both
    CONFIGURATION = "configuration"  # whatever changes it: settings, guard, recording, restart, upgrade


class ScopeKind(StrEnum):
    """What the value of a scope is."""

    ALL = "all"
    REGION = "region"  # an administrative division and all in it
    GROUP = "group"  # what hangs directly under a business group or virtual organisation
    DEVICE = "device"
    CHANNEL = "channel"  # ``device~channel``


class StreamChoice(StrEnum):
    """Which of a camera's streams a subject gets."""

    AS_ASKED = "as_asked"
    MAIN = "main"
    SUB = "sub"


class Reason(StrEnum):
    """Why something is allowed or not."""

    GRANTED = "granted"
    NO_RIGHT = "no_right"  # no grant has this action
    OTHER_CHANNEL = "other_channel"  # the grants with this action are for other cameras
    OTHER_HOURS = "other_hours"  # they are for this camera, and not now
    STREAMS = "streams"  # as many as allowed are open
    BANDWIDTH = "bandwidth"  # what is open takes what is allowed


@dataclass(frozen=True, slots=True)
class Place:
    """A camera, as far as rights distinguish it. It may be reached by several ways."""

    keys: tuple[str, ...]
    """``device~channel`` of each way."""
    regions: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    """Business groups and virtual organisations under which it hangs."""

    @property
    def devices(self) -> frozenset[str]:
        return frozenset(key.partition("~")[0] for key in self.keys)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cameras a grant is for."""

    kind: ScopeKind = ScopeKind.ALL
    value: str = ""

    def includes(self, place: Place | None) -> bool:
        """None is the platform itself: only what is for everything includes it."""
        if self.kind is ScopeKind.ALL:
            return True
        if place is None:
            return False
        match self.kind:
            case ScopeKind.REGION:
                return bool(self.value) and any(each.startswith(self.value) for each in place.regions)
            case ScopeKind.GROUP:
                return self.value in place.groups
            case ScopeKind.DEVICE:
                return self.value in place.devices
            case _:
                return self.value in place.keys


@dataclass(frozen=True, slots=True)
class Grant:
    """Some actions with some cameras at some hours; no hours is always."""

    actions: frozenset[Right]
    scope: Scope = Scope()
    hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """For all that a subject has open at once; None is no limit."""

    streams: int | None = None
    kbps: int | None = None
    """Kilobits per second, 1,000 bits each."""
    stream: StreamChoice = StreamChoice.AS_ASKED
    priority: int = 40
    """Of its control of cameras, 0 to 100; below an operator's, unless somebody decides otherwise."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All that is decided about a subject."""

    grants: tuple[Grant, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and why."""

    reason: Reason
    text: str = ""
    """For the log and for people."""

    @property
    def allowed(self) -> bool:
        return self.reason is Reason.GRANTED


ALLOWED: Final = Decision(Reason.GRANTED)
WATCHER: Final = Policy((Grant(frozenset({Right.LIVE, Right.PLAYBACK, Right.DOWNLOAD})),))
"""May see what it is shown, and neither moves, changes nor speaks."""


class Policies(Protocol):
    """Where policies are written down."""

    async def load(self) -> Mapping[str, Policy]: ...
    async def replace(self, subject: str, policy: Policy) -> None: ...
    async def remove(self, subject: str) -> None: ...


class _ByScope:
    """The grants of one action, found without looking at each: there may be one for every camera."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._some: list[Grant] = []
        self._named: dict[tuple[ScopeKind, str], list[Grant]] = {}
        for grant in grants:
            if grant.scope.kind in (ScopeKind.DEVICE, ScopeKind.CHANNEL):
                self._named.setdefault((grant.scope.kind, grant.scope.value), []).append(grant)
            else:
                self._some.append(grant)

    def concerning(self, place: Place | None) -> Iterator[Grant]:
        yield from (grant for grant in self._some if grant.scope.includes(place))
        if place is None:
            return
        for kind, values in ((ScopeKind.DEVICE, place.devices), (ScopeKind.CHANNEL, place.keys)):
            for value in values:
                yield from self._named.get((kind, value), ())


class Rights:
    """Decides for all subjects.

    Args:
        zone: of the hours of the week.
        initial: what a subject without a policy may do.
    """

    def __init__(self, store: Policies, zone: tzinfo, *, initial: Policy = WATCHER) -> None:
        self._store = store
        self._zone = zone
        self._initial = initial
        self._policies: dict[str, Policy] = {}
        # Of two decisions at once the later one counts, here and in what is written down.
        self._writing = asyncio.Lock()
        self._found: dict[str, Mapping[Right, _ByScope]] = {}
        """What is looked at for a decision, made when it is first needed."""
        self.listeners: Final[list[Callable[[str], None]]] = []
        """Told the subject whose policy has changed."""

    async def open(self) -> None:
        self._policies = dict(await self._store.load())
        self._found.clear()

    def policy(self, subject: str) -> Policy:
        return self._policies.get(subject, self._initial)

    def is_initial(self, subject: str) -> bool:
        """Whether nobody has decided anything about it yet."""
        return subject not in self._policies

    def may(self, subject: str, action: Right, channel: Place | None, at: datetime) -> Decision:
        """Whether a subject may do this now.

        Args:
            channel: None for the platform itself.
            at: aware; hours are compared in the local time zone.
        """
        of_action = self._grants(subject).get(action)
        if of_action is None:
            return Decision(Reason.NO_RIGHT, f"{subject} has no right to {action}")
        found = list(of_action.concerning(channel))
        if not found:
            return Decision(
                Reason.OTHER_CHANNEL, f"{subject} has the right to {action} for other cameras alone"
            )
        local = at.astimezone(self._zone)
        if any(not grant.hours or within(grant.hours, local) for grant in found):
            return ALLOWED
        return Decision(Reason.OTHER_HOURS, f"{subject} has no right to {action} at {local:%a %H:%M}")

    async def replace(self, subject: str, policy: Policy) -> None:
        """Decide anew about a subject; what runs by a right that ends with this ends too."""
        async with self._writing:
            await self._store.replace(subject, policy)
            self._policies[subject] = policy
        self._tell(subject)

    async def remove(self, subject: str) -> None:
        """Forget what was decided; a subject of that name begins from the start."""
        async with self._writing:
            await self._store.remove(subject)
            is_other = self._policies.pop(subject, None) is not None
        if is_other:
            self._tell(subject)

    def _grants(self, subject: str) -> Mapping[Right, _ByScope]:
        known = self._found.get(subject if subject in self._policies else "")
        if known is None:
            grants = self.policy(subject).grants
            known = {
                action: _ByScope(of_action)
                for action in Right
                if (of_action := [grant for grant in grants if action in grant.actions])
            }
            self._found[subject if subject in self._policies else ""] = known
        return known

    def _tell(self, subject: str) -> None:
        self._found.pop(subject, None)
        for listener in tuple(self.listeners):
            try:
                listener(subject)
            except Exception:
                logger.exception("somebody did not hear that the rights of %s changed", subject)
