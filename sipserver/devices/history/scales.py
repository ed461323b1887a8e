"""Which speeds of playback a device takes: what it refused or ignored is kept in its profile (Q70)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from media.errors import MediaError
from sipserver.devices.errors import InviteEnded
from sipserver.devices.history.stream import HistoryStream
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb.mansrtsp import BASIC_SCALES, EXTRA_SCALES

SETTLE_S: Final = 1.0
MEASURE_S: Final = 3.0
MEASURES: Final = 3
"""A stall of the network may hide what a device does: nothing is said before so many looks."""
PROOF_S: Final = SETTLE_S + MEASURES * MEASURE_S
"""At most as long takes the proof of a speed."""
RTP_CLOCK: Final = 90_000
RTP_RANGE: Final = 1 << 32
# How near to the old pace counts as "nothing has changed", and to the new one as "obeyed".
SAME_WITHIN: Final = 0.2
OBEYED_WITHIN: Final = 0.35
FEWEST_PICTURES: Final = 5
MAX_KNOWN: Final = 32


@dataclass(frozen=True, slots=True)
class Pace:
    """What came in a while: pictures per second, and seconds of the device's clock per second."""

    pictures_per_s: float
    clock_rate: float


class Scales:
    """The speeds of one device."""

    def __init__(self, profiles: Profiles, device_id: str) -> None:
        self._profiles = profiles
        self._device_id = device_id

    def offered(self, *, reverse: bool) -> list[float]:
        known = {*BASIC_SCALES, *EXTRA_SCALES, *self._listed(Facet.SCALES)}
        if reverse:
            known |= {-1.0}
        return sorted(known - self._listed(Facet.SCALES_REFUSED) | {1.0})

    def is_refused(self, scale: float) -> bool:
        return scale != 1.0 and scale in self._listed(Facet.SCALES_REFUSED)

    def is_proven(self, scale: float) -> bool:
        return scale in self._listed(Facet.SCALES)

    def refused(self, scale: float, evidence: str) -> None:
        if scale != 1.0:
            self._add(Facet.SCALES_REFUSED, scale, evidence)

    def accepted(self, scale: float, evidence: str) -> None:
        self._add(Facet.SCALES, scale, evidence)

    def begin_measure(self, stream: HistoryStream) -> float | None:
        """Pictures per second before a change of speed, at the pace of 1; None when it is not known."""
        if stream.scale != 1.0 or stream.paused_at is not None:
            return None
        try:
            fps = stream.session.stats().fps
        except (MediaError, InviteEnded):
            return None
        return fps or None

    async def prove(self, stream: HistoryStream, scale: float, usual_fps: float | None) -> bool | None:
        """Measure whether a speed that was answered 200 is kept; None: nothing can be said."""
        await asyncio.sleep(SETTLE_S)
        for _ in range(MEASURES):
            pace = await self._measure(stream, scale)
            if pace is None or usual_fps is None:
                return None
            verdict = judge(pace, scale, usual_fps)
            if verdict is None:
                continue
            evidence = (
                f"Scale {scale:g} was answered 200: {pace.pictures_per_s:.1f} pictures per second (before"
                f" {usual_fps:.1f}), clock {pace.clock_rate:.2f} s per second"
            )
            (self.accepted if verdict else self.refused)(scale, evidence)
            return verdict
        return None

    async def _measure(self, stream: HistoryStream, scale: float) -> Pace | None:
        try:
            first = stream.session.stats()
            await asyncio.sleep(MEASURE_S)
            last = stream.session.stats()
        except (MediaError, InviteEnded):
            return None
        is_same = stream.scale == scale and stream.paused_at is None and stream.outcome is None
        pictures, seconds = last.access_units - first.access_units, last.age_s - first.age_s
        if not is_same or stream.end_told_at is not None or pictures < FEWEST_PICTURES or seconds <= 0:
            return None
        ticks = (last.rtp_timestamp - first.rtp_timestamp) % RTP_RANGE
        if ticks >= RTP_RANGE // 2:
            ticks -= RTP_RANGE
        return Pace(pictures / seconds, ticks / RTP_CLOCK / seconds)

    def _listed(self, facet: Facet) -> set[float]:
        return parse_scales(self._profiles.value(self._device_id, facet) or "")

    def _add(self, facet: Facet, scale: float, evidence: str) -> None:
        known = self._listed(facet) | {scale}
        self._profiles.learn(self._device_id, facet, format_scales(known), evidence)


def judge(pace: Pace, scale: float, usual_fps: float) -> bool | None:
    """Whether a speed was kept (True), ignored (False), or neither can be told.

    A device at another speed sends more pictures, or stamps that run faster, or key frames alone.
    """
    speed = abs(scale)
    if _is_near(abs(pace.clock_rate), speed, OBEYED_WITHIN) or _is_near(
        pace.pictures_per_s, usual_fps * speed, OBEYED_WITHIN
    ):
        return True
    if _is_near(pace.clock_rate, 1.0, SAME_WITHIN) and _is_near(pace.pictures_per_s, usual_fps, SAME_WITHIN):
        return False
    return None


def parse_scales(text: str) -> set[float]:
    """``0.5,1,2``; what is no number is passed over."""
    found = set()
    for word in text.split(",")[:MAX_KNOWN]:
        try:
            found.add(float(word))
        except ValueError:
            continue
    return found


def format_scales(scales: set[float]) -> str:
    return ",".join(f"{scale:g}" for scale in sorted(scales)[:MAX_KNOWN])


def _is_near(value: float, wanted: float, within: float) -> bool:
    return abs(value - wanted) <= within * wanted
