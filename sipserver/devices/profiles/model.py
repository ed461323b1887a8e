"""Kinds of devices, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self

from sipserver.devices.profiles.facets import Facet

NAME_MAX_CHARS: Final = 64


class DeviceKind(NamedTuple):
    """Vendor, model and firmware, as the device itself says (DeviceInfo)."""

    manufacturer: str
    model: str
    firmware: str

    @classmethod
    def of(cls, manufacturer: str, model: str, firmware: str) -> Self | None:
        """None when the device says nothing that tells it from others."""
        names = [" ".join(name.split())[:NAME_MAX_CHARS] for name in (manufacturer, model, firmware)]
        return cls(*names) if names[0] or names[1] else None

    def __str__(self) -> str:
        return " ".join(filter(None, self))


@dataclass(frozen=True, slots=True)
class Learned:
    """One value with what showed it."""

    value: str
    evidence: str
    """What was sent and what came back, in one line; no secrets."""
    learned_time: datetime
    is_pinned: bool = False


class Origin(StrEnum):
    """Where an effective value comes from, strongest first."""

    DEVICE_PINNED = "pinned for this device"
    KIND_PINNED = "pinned for its kind"
    DEVICE = "learned from this device"
    KIND = "learned from devices of its kind"


class Effective(NamedTuple):
    """The value that is acted on."""

    learned: Learned
    origin: Origin


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What is known about one device."""

    device_id: str
    kind: DeviceKind | None
    values: dict[Facet, Effective]


@dataclass(frozen=True, slots=True)
class KindProfile:
    """What is known about a kind of devices."""

    kind: DeviceKind
    values: dict[Facet, Learned]
    devices: int
    """How many of the devices that are known here are of this kind."""


class ProfileRow(NamedTuple):
    """One value of a kind, as it is stored."""

    kind: DeviceKind
    facet: Facet
    learned: Learned


class DeviationRow(NamedTuple):
    """One value of a device, as it is stored."""

    device_id: str
    facet: Facet
    learned: Learned
