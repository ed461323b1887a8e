"""Who has a camera: a lock with holder, priority and expiry. Pure: time goes in.

::

    free or expired     anyone takes it
    own                 kept; its end moves back, never forward
    of lower priority   taken over
    of same or higher   ControlHeld
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from sipserver.devices.errors import ControlHeld

Key = TypeVar("Key", bound=Hashable)

# Lapsed locks are cleared away from so many on.
PRUNE_FROM: Final = 64


@dataclass(frozen=True, slots=True)
class Holder:
    """One who moves cameras.

    Args:
        holder_id: one log-in or one superior; what goes away as a whole.
        name: for people.
        priority: 0 to 100; more takes a camera from less.
    """

    holder_id: str
    name: str
    priority: int = 50


@dataclass(frozen=True, slots=True)
class Lock:
    """A camera is with somebody until a time."""

    holder: Holder
    expires_at: float


class Locks(Generic[Key]):
    """All locks. Those that lapsed are gone at the next look."""

    def __init__(self) -> None:
        self._locks: dict[Key, Lock] = {}
        self._prune_at = PRUNE_FROM

    def __len__(self) -> int:
        return len(self._locks)

    def get(self, key: Key, now: float) -> Lock | None:
        lock = self._locks.get(key)
        if lock is not None and lock.expires_at <= now:
            del self._locks[key]
            return None
        return lock

    def take(self, key: Key, holder: Holder, for_s: float, now: float) -> Lock | None:
        """Take or keep a camera; the lock of somebody else that ended by this.

        Raises:
            ControlHeld: it is with somebody of the same or a higher priority.
        """
        self._prune(now)
        lock = self.get(key, now)
        expires_at = now + for_s
        if lock is not None and lock.holder.holder_id == holder.holder_id:
            self._locks[key] = replace(lock, holder=holder, expires_at=max(expires_at, lock.expires_at))
            return None
        if lock is not None and lock.holder.priority >= holder.priority:
            raise ControlHeld(
                f"{lock.holder.name} has the camera for {lock.expires_at - now:.0f} s more",
                holder=lock.holder.name,
                priority=lock.holder.priority,
                remaining_s=lock.expires_at - now,
            )
        self._locks[key] = Lock(holder, expires_at)
        return lock

    def release(self, key: Key, holder_id: str, now: float) -> bool:
        """Give back; False when it was not this holder's."""
        lock = self.get(key, now)
        if lock is None or lock.holder.holder_id != holder_id:
            return False
        del self._locks[key]
        return True

    def release_all(self, holder_id: str) -> list[Key]:
        """Give back everything of one holder."""
        keys = [key for key, lock in self._locks.items() if lock.holder.holder_id == holder_id]
        for key in keys:
            del self._locks[key]
        return keys

    def forget(self, is_gone: Callable[[Key], bool]) -> None:
        """Cameras that are no more."""
        for key in [key for key in self._locks if is_gone(key)]:
            del self._locks[key]

    def _prune(self, now: float) -> None:
        if len(self._locks) >= self._prune_at:
            self._locks = {key: lock for key, lock in self._locks.items() if lock.expires_at > now}
            self._prune_at = max(2 * len(self._locks), PRUNE_FROM)
