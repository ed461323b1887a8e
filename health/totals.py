"""The platform's gauges as families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from health.inputs import Totals
from health.text import Family, Sample

HELP: Final[Mapping[str, str]] = {
    "devices": "Devices on file.",
    "devices_online": "Devices that are registered and heard from.",
    "media_sessions": "RTP receptions that are open.",
    "media_viewers": "Connections that watch a live stream.",
    "media_bitrate_bps": "Sum of what is received, in bits per second.",
    "media_stalled": "Streams that stand still now.",
    "media_ports_in_use": "Ports of the range of receive ports that are in use.",
    "media_senders": "Streams that go to other platforms as RTP.",
    "recorders": "Recordings that run.",
    "recordings_wanted": "Recordings that should run.",
    "storage_segments": "Segments on disk.",
    "storage_recorded_bytes": "Size of all segments on disk.",
    "storage_disk_bytes": "Size of the file system that holds the recordings.",
    "storage_disk_free_bytes": "Free space of the file system that holds the recordings.",
    "storage_writable": "1 while new segments are accepted, 0 at the free-space floor or when writing fails.",
    "outages_open": "Devices and channels that are out, by cause.",
    "sites_out": "Sites whose devices were lost together and are not back.",
    "clocks_drifting": "Devices whose clock is further off than allowed.",
    "superiors": "Superior platforms that are switched on.",
    "superiors_online": "Superior platforms that we are registered with.",
}
LABELS: Final[Mapping[str, str]] = {"outages_open": "cause"}


def total_families(totals: Totals) -> Iterator[Family]:
    """One gauge per field that is known."""
    for field, help_text in HELP.items():
        value = getattr(totals, field)
        if value is not None:
            yield Family(f"gb28181_{field}", "gauge", help_text, tuple(_samples(field, value)))


def _samples(field: str, value: float | Mapping[str, int]) -> Iterator[Sample]:
    if isinstance(value, Mapping):
        yield from (Sample(count, {LABELS[field]: label}) for label, count in sorted(value.items()))
    else:
        yield Sample(value)
