"""Times of pictures, where FFmpeg does not know them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

HELD_MAX: Final = 16
"""Pictures that wait for the first decoding time: streams reorder over fewer."""
PICTURE_90K: Final = 3600
"""A picture's duration where nobody says it: 25 in a second."""
LEAP_90K: Final = 90_000
"""A step back by more is a new clock, not a picture that is shown before it was sent."""


@dataclass(slots=True)
class _Held(Generic[Item]):
    item: Item
    pts: int | None


class PictureTimes(Generic[Item]):
    """Gives each picture both times, decoding times rising.

    FFmpeg leaves the first picture of an RTSP stream without any time, and the next ones without a decoding
    time until it has seen how pictures are reordered. They are held until the first decoding time is known,
    which is at the second picture of a stream without B pictures.
    """

    def __init__(self) -> None:
        self._held: list[_Held[Item]] = []
        self._last: tuple[int, int] | None = None

    def take(
        self, item: Item, pts: int | None, dts: int | None, duration: int = 0
    ) -> Iterator[tuple[Item, int, int]]:
        """One picture in decoding order, times in ticks of 90 kHz; gives those that have theirs now."""
        step = duration if duration > 0 else PICTURE_90K
        if self._last is not None:
            yield self._next(item, pts, dts, step)
            return
        self._held.append(_Held(item, pts))
        if dts is None and len(self._held) < HELD_MAX:
            return
        yield from self._begin(dts, step)

    def _begin(self, dts: int | None, step: int) -> Iterator[tuple[Item, int, int]]:
        held, self._held = self._held, []
        known = [each.pts for each in held if each.pts is not None]
        if dts is None:
            dts = min(known, default=0)
        for number, each in enumerate(held):
            # A picture without time is the first, and is shown before those that followed it.
            shown = each.pts if each.pts is not None else min(known, default=dts + step) - step
            yield self._keep(each.item, shown, dts - (len(held) - 1 - number) * step)

    def _next(self, item: Item, pts: int | None, dts: int | None, step: int) -> tuple[Item, int, int]:
        assert self._last is not None  # noqa: S101 - take() asks before
        last_pts, last_dts = self._last
        if dts is None:
            shown = pts if pts is not None else last_pts + step
            is_leap = abs(shown - last_pts) > LEAP_90K
            dts = shown if is_leap else max(last_dts + 1, min(shown, last_dts + step))
        elif last_dts - LEAP_90K < dts <= last_dts:
            dts = last_dts + 1
        return self._keep(item, pts if pts is not None else dts, dts)

    def _keep(self, item: Item, pts: int, dts: int) -> tuple[Item, int, int]:
        self._last = (pts, dts)
        return item, pts, dts
