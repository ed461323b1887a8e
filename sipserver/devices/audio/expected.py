"""Whose INVITE is this? Broadcast notices that are out, and the INVITE that answers one of them. Pure.

Devices name whom they like: the To of the INVITE may be the source, the platform or the device itself, and
the Subject may hold the device's id in place of the loudspeaker's (Q65).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from sipserver.gb import quirks
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.message import SipRequest

MAX_NAMES: Final = 8

WaiterT = TypeVar("WaiterT")


class ExpectedInvites(Generic[WaiterT]):
    """Waiters by device, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[str, str, WaiterT]]] = {}

    def __len__(self) -> int:
        return sum(len(waiters) for waiters in self._waiting.values())

    def add(self, device_id: str, target_id: str, sn: str, waiter: WaiterT) -> None:
        self._waiting.setdefault(device_id, []).append((target_id, sn, waiter))

    def remove(self, device_id: str, waiter: WaiterT) -> None:
        """Harmless when repeated."""
        left = [each for each in self._waiting.get(device_id, ()) if each[2] is not waiter]
        if left:
            self._waiting[device_id] = left
        else:
            self._waiting.pop(device_id, None)

    def awaits(self, device_id: str) -> bool:
        """Whether a notice to this device is out."""
        return device_id in self._waiting

    def of_invite(self, device_id: str, names: Iterable[str]) -> WaiterT | None:
        """The waiter whose loudspeaker the INVITE names; the oldest when it names none of them."""
        waiting = self._waiting.get(device_id, [])
        named = set(names)
        for target_id, _, waiter in waiting:
            if target_id in named:
                return waiter
        return waiting[0][2] if waiting else None

    def of_response(self, device_id: str, target_id: str, sn: str) -> WaiterT | None:
        """The waiter that a Response speaks of: by number, by loudspeaker, or because there is one."""
        waiting = self._waiting.get(device_id, [])
        plain = quirks.apply("sn-zero-stripped", sn)
        for wanted_target, wanted_sn, waiter in waiting:
            if wanted_sn == plain and (wanted_target == target_id or len(waiting) == 1):
                return waiter
        for wanted_target, _, waiter in waiting:
            if wanted_target == target_id:
                return waiter
        return waiting[0][2] if len(waiting) == 1 else None


def names_in(request: SipRequest) -> tuple[str, ...]:
    """Every id that an INVITE names: From, To, the Subject's two, and the owner of the Request-URI."""
    names = [request.uri.removeprefix("sip:").partition("@")[0]]
    parts = request.headers.get("Subject").replace("%3A", ":").split(",")[:MAX_NAMES]
    names += [part.strip().partition(":")[0] for part in parts]
    with contextlib.suppress(MalformedMessage):
        names += [request.from_.uri.user, request.to.uri.user]
    return tuple(name for name in names if name)
