"""Rooms' ``stats.py`` objects as families.

A room counts in a dataclass; each number in it becomes ``gb28181_<room>_<field>_total``, so a new counter
needs no change here. A field that is a mapping has labels: its keys are one label value, or a tuple of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Final

from health.text import Family, Sample

# Labels of mappings, by field name; label sets are closed (method, code, ...), or they do not belong here.
LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "requests_received": ("method",),
    "requests_sent": ("method",),
    "responses_received": ("method", "code"),
    "responses_sent": ("method", "code"),
    "registrations_refused": ("reason",),
    "went_offline": ("reason",),
    "viewers_closed_by_reason": ("reason",),
    "senders_closed_by_reason": ("reason",),
    "invites_failed": ("reason",),
    "invites_ended": ("reason",),
    "streams_stalled": ("reason",),
    "stream_repairs": ("outcome",),
    "reconcile_repairs": ("repair",),
    "failures": ("verdict",),
    "publishes_refused": ("reason",),
    "queries_refused": ("code",),
    "subscribes_refused": ("code",),
    "notices": ("outcome",),
    "controls_refused": ("code",),
    "permits": ("right",),
    "permits_refused": ("reason",),
    "permits_ended": ("reason",),
}
# Fields of snapshots that rise and fall; those worth showing are in health/totals.py.
NOT_COUNTERS: Final[Mapping[str, frozenset[str]]] = {
    "storage": frozenset(
        {"segments", "size_bytes", "free_bytes", "total_bytes", "floor_bytes", "desired", "recording"}
    ),
}
MAX_SAMPLES_PER_FIELD: Final = 500
_UNSUITABLE: Final = re.compile(r"[^a-z0-9_]")


def counter_families(rooms: Mapping[str, object]) -> Iterator[Family]:
    """One family per counter of every room."""
    for room, stats in rooms.items():
        gauges = NOT_COUNTERS.get(room, frozenset())
        for field_name, value in _fields(stats):
            if field_name in gauges:
                continue
            name = f"gb28181_{_UNSUITABLE.sub('_', room.lower())}_{field_name.removesuffix('_total')}_total"
            help_text = f"{field_name.replace('_', ' ')}, counted by {room} since the start."
            samples = tuple(_samples(field_name, value))
            if samples:
                yield Family(name, "counter", help_text[0].upper() + help_text[1:], samples)


def _fields(stats: object) -> Iterator[tuple[str, object]]:
    if is_dataclass(stats) and not isinstance(stats, type):
        for field in fields(stats):
            if not field.name.startswith("_"):
                yield field.name, getattr(stats, field.name)
    elif isinstance(stats, Mapping):
        yield from stats.items()


def _samples(field_name: str, value: object) -> Iterator[Sample]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield Sample(value)
    elif isinstance(value, Mapping):
        for number, (key, count) in enumerate(sorted(value.items(), key=lambda item: str(item[0]))):
            if number == MAX_SAMPLES_PER_FIELD:
                return
            parts = tuple(str(part) for part in key) if isinstance(key, tuple) else (str(key),)
            yield Sample(count, dict(zip(_label_names(field_name, len(parts)), parts, strict=True)))


def _label_names(field_name: str, count: int) -> tuple[str, ...]:
    names = LABELS.get(field_name, ())
    if len(names) == count:
        return names
    if count == 1:
        return ("code",) if "response" in field_name else ("kind",)
    if count == 2:
        return ("method", "code")
    return tuple(f"label_{number}" for number in range(count))
