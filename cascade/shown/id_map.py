"""The ids under which a superior knows our channels: assigned once, then for ever (gb28181.md 8.3).

A channel keeps its own id where that has 20 digits and nobody else has it there; else it gets one in our own
domain. Superiors that take only ids of their own numbering plan are given ids that begin as they ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sipserver.gb.ids import SYSTEM_TYPE, GbId

CAMERA_TYPE: Final = "132"
NETWORK_DIGIT: Final = "0"
LAST_SERIAL: Final = 999_999


class OutOfIds(Exception):
    """All serial numbers of a type are taken."""


class IdMap:
    """From an identity of ours to the id that one superior knows.

    ``prefix`` is what assigned ids begin with: 8 digits (centre) or 10 (with the industry); ``keeps_own``
    says whether ids that are 20 digits already are passed as they are.
    """

    def __init__(
        self,
        prefix: str,
        known: Mapping[str, str] | None = None,
        *,
        reserved: Iterable[str] = (),
        keeps_own: bool = True,
    ) -> None:
        self._head = prefix.ljust(10, "0")[:10]
        self._keeps_own = keeps_own
        self._presented: dict[str, str] = dict(known or {})
        self._taken = {presented: identity for identity, presented in self._presented.items()}
        self._reserved = frozenset(reserved)
        self._serials: dict[str, int] = {}
        self._new: dict[str, str] = {}

    def presented(self, identity: str, own_id: str) -> str:
        """The id for a superior; assigned now if there is none yet.

        Raises:
            OutOfIds: a million of one type are taken.
        """
        known = self._presented.get(identity)
        if known is not None:
            return known
        chosen = own_id
        if not (self._keeps_own and GbId(own_id).is_standard and self._is_free(own_id)):
            chosen = self._next(GbId(own_id).type_code or CAMERA_TYPE)
        self._presented[identity] = chosen
        self._taken[chosen] = identity
        self._new[identity] = chosen
        return chosen

    def known(self, identity: str) -> str | None:
        """The id for a superior, if it has one."""
        return self._presented.get(identity)

    def identity(self, presented: str) -> str | None:
        """What of ours a superior knows by this id."""
        return self._taken.get(presented)

    def take_new(self) -> dict[str, str]:
        """What was assigned since the last call, to be written down."""
        new, self._new = self._new, {}
        return new

    def _is_free(self, presented: str) -> bool:
        return presented not in self._taken and presented not in self._reserved

    def _next(self, type_code: str) -> str:
        serial = self._serials.get(type_code, 0)
        while serial < LAST_SERIAL:
            serial += 1
            candidate = f"{self._head}{type_code}{NETWORK_DIGIT}{serial:06d}"
            if self._is_free(candidate):
                self._serials[type_code] = serial
                return candidate
        raise OutOfIds(f"no id is left that begins with {self._head}{type_code}")


def identity_of(device_id: str, channel_id: str) -> str:
    """What is one camera for superiors: through several subordinate platforms it is still one (annex H).

    Recorders number their channels as they like, so the same id on two of them is two cameras (lesson 13).
    """
    return channel_id if GbId(device_id).type_code == SYSTEM_TYPE else f"{device_id}~{channel_id}"


def group_id(ids: IdMap, own_id: str) -> str:
    """Of the business group that a superior is shown."""
    return ids.presented(f"group {own_id}", f"{own_id[:10]}2150{1:06d}")


def organisation_id(ids: IdMap, device_id: str) -> str:
    """Of the virtual organisation that stands for a device."""
    return ids.presented(f"organisation {device_id}", f"{device_id[:10]}2160{device_id[14:20]:0>6}")
