"""What was learned about devices and their kinds, and what an operator pinned by hand.

A value is learned from one device and counts for it at once. When enough devices of the same vendor, model
and firmware have shown the same, and none another, it counts for all of that kind: one camera behind a bad
firewall says nothing about its model. What is pinned stands above everything learned.

Reading and learning touch memory only; a task writes what changed, many rows at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from sipserver.devices.errors import UnsuitableValue
from sipserver.devices.profiles.facets import VALUE_MAX_CHARS, Facet, is_suitable
from sipserver.devices.profiles.model import (
    DeviceKind,
    DeviceProfile,
    Effective,
    KindProfile,
    Learned,
    Origin,
    ProfileRow,
)
from sipserver.devices.profiles.settings import ProfileSettings
from sipserver.devices.profiles.store import DeviationKey, MemoryProfileStore, ProfileKey, ProfileStore
from sipserver.devices.profiles.tables import EVIDENCE_MAX_CHARS

__all__ = ["Learned", "Profiles"]

logger = logging.getLogger(__name__)

_NOTHING: Final[dict[Facet, Learned]] = {}

KeyT = TypeVar("KeyT")


class Profiles:
    """Facets by device and by kind. One that nobody showed has no value: the caller's safe default counts."""

    def __init__(
        self,
        *,
        wall: Callable[[], datetime],
        settings: ProfileSettings | None = None,
        store: ProfileStore | None = None,
    ) -> None:
        self.settings: Final = settings or ProfileSettings()
        self._wall = wall
        self._store = store or MemoryProfileStore()
        self._kind_of: dict[str, DeviceKind] = {}
        self._kinds: dict[DeviceKind, DeviceKind] = {}
        self._members: Counter[DeviceKind] = Counter()
        self._of_kind: dict[DeviceKind, dict[Facet, Learned]] = {}
        self._of_device: dict[str, dict[Facet, Learned]] = {}
        self._deviating: dict[DeviceKind, set[str]] = {}
        self._dirty_kinds: set[ProfileKey] = set()
        self._dirty_devices: set[DeviationKey] = set()
        self._saving: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        """Load what was kept, and begin to keep what changes."""
        profiles, deviations = await self._store.load()
        for kind, facet, learned in profiles:
            self._of_kind.setdefault(kind, {})[facet] = learned
        for device_id, facet, learned in deviations:
            self._of_device.setdefault(device_id, {})[facet] = learned
            self._note_deviating(device_id)
        self._saving = asyncio.get_running_loop().create_task(self._save_now_and_then(), name="profiles")

    async def close(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
        await self.save()

    # ---------------------------------------------------------------- acting on it

    def value(self, device_id: str, facet: Facet) -> str | None:
        """The value to act on, or None: use the safe default."""
        found = self._effective(device_id, facet)
        return None if found is None else found.learned.value

    def is_pinned(self, device_id: str, facet: Facet) -> bool:
        """Whether an operator decided it."""
        found = self._effective(device_id, facet)
        return found is not None and found.learned.is_pinned

    def learn(self, device_id: str, facet: Facet, value: str, evidence: str) -> None:
        """Remember what a device showed. A pinned value stays."""
        known = self._effective(device_id, facet)
        if not self.settings.learn or (
            known is not None and (known.learned.value == value or known.learned.is_pinned)
        ):
            return
        learned = Learned(value[:VALUE_MAX_CHARS], evidence[:EVIDENCE_MAX_CHARS], self._wall())
        self._set_device(device_id, facet, learned)
        logger.info("device %s: %s is %s: %s", device_id, facet.value, value, evidence)
        if (kind := self._kind_of.get(device_id)) is not None:
            self._compare_with_kind(device_id, kind, facet, learned)

    def identify(self, device_id: str, manufacturer: str, model: str, firmware: str) -> None:
        """The device said what it is. With another firmware, what it showed before counts no more."""
        kind = DeviceKind.of(manufacturer, model, firmware)
        before = self._kind_of.get(device_id)
        if kind is None or kind == before:
            return
        if before is not None:
            for facet, learned in list(self._of_device.get(device_id, _NOTHING).items()):
                if not learned.is_pinned:
                    self._set_device(device_id, facet, None)
            self._deviating.get(before, set()).discard(device_id)
            self._leave_kind(device_id)
        self._kind_of[device_id] = kind = self._kinds.setdefault(kind, kind)
        self._members[kind] += 1
        self._note_deviating(device_id)
        for facet, learned in list(self._of_device.get(device_id, _NOTHING).items()):
            self._compare_with_kind(device_id, kind, facet, learned)

    def forget_device(self, device_id: str) -> None:
        """An operator removed the device."""
        for facet in list(self._of_device.get(device_id, _NOTHING)):
            self._set_device(device_id, facet, None)
        self._leave_kind(device_id)

    # ---------------------------------------------------------------- looking

    def kind_of(self, device_id: str) -> DeviceKind | None:
        """What the device said that it is, once it did."""
        return self._kind_of.get(device_id)

    def of_device(self, device_id: str) -> DeviceProfile:
        found = ((facet, self._effective(device_id, facet)) for facet in Facet)
        values = {facet: effective for facet, effective in found if effective is not None}
        return DeviceProfile(device_id, self._kind_of.get(device_id), values)

    def kinds(self) -> list[KindProfile]:
        """Every kind of which something is known or a device is here, by name."""
        counts = Counter(self._kind_of.values())
        return [
            KindProfile(kind, dict(self._of_kind.get(kind, _NOTHING)), counts[kind])
            for kind in sorted({*self._of_kind, *counts})
        ]

    def rows(self) -> list[ProfileRow]:
        """All values of all kinds, for an export."""
        return [
            ProfileRow(kind, facet, learned)
            for kind in sorted(self._of_kind)
            for facet, learned in sorted(self._of_kind[kind].items())
        ]

    # ---------------------------------------------------------------- by hand

    def pin_device(self, device_id: str, facet: Facet, value: str, who: str) -> None:
        """Raises UnsuitableValue."""
        self._set_device(device_id, facet, self._pinned(facet, value, who))

    def unpin_device(self, device_id: str, facet: Facet) -> bool:
        """Forget what is pinned or learned for the device; False when there was nothing."""
        if facet not in self._of_device.get(device_id, _NOTHING):
            return False
        self._set_device(device_id, facet, None)
        return True

    def pin_kind(self, kind: DeviceKind, facet: Facet, value: str, who: str) -> None:
        """Raises UnsuitableValue."""
        self._set_kind(kind, facet, self._pinned(facet, value, who))

    def unpin_kind(self, kind: DeviceKind, facet: Facet) -> bool:
        """Forget what is pinned or learned for the kind; False when there was nothing."""
        if facet not in self._of_kind.get(kind, _NOTHING):
            return False
        self._set_kind(kind, facet, None)
        return True

    def take_over(self, rows: Iterable[ProfileRow], *, replace: bool) -> int:
        """Values from a file; those that are known here stay unless ``replace``. How many were taken.

        Raises:
            UnsuitableValue: and nothing is taken.
        """
        rows = list(rows)
        for row in rows:
            _demand_suitable(row.facet, row.learned.value)
        taken = [row for row in rows if replace or row.facet not in self._of_kind.get(row.kind, _NOTHING)]
        for kind, facet, learned in taken:
            self._set_kind(kind, facet, learned)
        return len(taken)

    # ---------------------------------------------------------------- keeping

    async def save(self) -> None:
        """Write what changed; what a failing database refuses is written the next time."""
        async with self._writing:
            await self._save()

    async def _save(self) -> None:
        kinds, devices = self._dirty_kinds, self._dirty_devices
        if not kinds and not devices:
            return
        self._dirty_kinds, self._dirty_devices = set(), set()
        try:
            await self._store.save(
                {key: self._of_kind.get(key[0], _NOTHING).get(key[1]) for key in kinds},
                {key: self._of_device.get(key[0], _NOTHING).get(key[1]) for key in devices},
            )
        except (SQLAlchemyError, OSError) as error:
            self._dirty_kinds |= kinds
            self._dirty_devices |= devices
            logger.error("profiles could not be kept, will try again: %s", error)

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self.settings.save_interval_s)
            # A save that is under way is finished even when this task is cancelled.
            await asyncio.shield(self.save())

    # ---------------------------------------------------------------- inside

    def _leave_kind(self, device_id: str) -> None:
        """A kind without devices needs no memory: one that names itself anew each time fills none."""
        kind = self._kind_of.pop(device_id, None)
        if kind is None:
            return
        self._members[kind] -= 1
        if self._members[kind] <= 0:
            del self._members[kind]
            self._kinds.pop(kind, None)
            self._deviating.pop(kind, None)

    def _effective(self, device_id: str, facet: Facet) -> Effective | None:
        own = self._of_device.get(device_id, _NOTHING).get(facet)
        if own is not None and own.is_pinned:
            return Effective(own, Origin.DEVICE_PINNED)
        kind = self._kind_of.get(device_id)
        shared = None if kind is None else self._of_kind.get(kind, _NOTHING).get(facet)
        if shared is not None and (shared.is_pinned or own is None):
            return Effective(shared, Origin.KIND_PINNED if shared.is_pinned else Origin.KIND)
        return None if own is None else Effective(own, Origin.DEVICE)

    def _compare_with_kind(self, device_id: str, kind: DeviceKind, facet: Facet, learned: Learned) -> None:
        """What its kind shows as well need not be kept for the device."""
        shared = self._of_kind.get(kind, _NOTHING).get(facet)
        if learned.is_pinned:
            return
        if shared is None:
            self._promote(kind, facet, learned)
        elif shared.value == learned.value:
            self._set_device(device_id, facet, None)

    def _promote(self, kind: DeviceKind, facet: Facet, learned: Learned) -> None:
        members = self._deviating.get(kind, set())
        shown = {member: self._of_device[member].get(facet) for member in members}
        values = {own.value for own in shown.values() if own is not None and not own.is_pinned}
        voters = [member for member, own in shown.items() if own is not None and not own.is_pinned]
        if values != {learned.value} or len(voters) < self.settings.devices_to_agree:
            return
        evidence = f"{len(voters)} devices, at last {learned.evidence}"[:EVIDENCE_MAX_CHARS]
        self._set_kind(kind, facet, Learned(learned.value, evidence, learned.learned_time))
        for member in voters:
            self._set_device(member, facet, None)

    def _pinned(self, facet: Facet, value: str, who: str) -> Learned:
        _demand_suitable(facet, value)
        return Learned(value, f"pinned by {who}"[:EVIDENCE_MAX_CHARS], self._wall(), is_pinned=True)

    def _set_kind(self, kind: DeviceKind, facet: Facet, learned: Learned | None) -> None:
        _put(self._of_kind, kind, facet, learned)
        self._dirty_kinds.add((kind, facet))

    def _set_device(self, device_id: str, facet: Facet, learned: Learned | None) -> None:
        if learned is None and facet not in self._of_device.get(device_id, _NOTHING):
            return
        _put(self._of_device, device_id, facet, learned)
        self._dirty_devices.add((device_id, facet))
        self._note_deviating(device_id)

    def _note_deviating(self, device_id: str) -> None:
        kind = self._kind_of.get(device_id)
        if kind is None:
            return
        if device_id in self._of_device:
            self._deviating.setdefault(kind, set()).add(device_id)
        elif (members := self._deviating.get(kind)) is not None:
            members.discard(device_id)
            if not members:
                del self._deviating[kind]


def _put(held: dict[KeyT, dict[Facet, Learned]], key: KeyT, facet: Facet, learned: Learned | None) -> None:
    if learned is not None:
        held.setdefault(key, {})[facet] = learned
        return
    values = held.get(key)
    if values is not None and values.pop(facet, None) is not None and not values:
        del held[key]


def _demand_suitable(facet: Facet, value: str) -> None:
    if not is_suitable(facet, value):
        raise UnsuitableValue(f"{facet.value} cannot be {value[:40]!r}")
