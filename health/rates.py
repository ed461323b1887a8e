"""Rates of the cameras on file (R-11), now, by class (R-7), with the formula beside the number (R-12).

The networking rate and the good-condition rate need evidence that a picture came through and was usable;
that evidence is not gathered yet, so they are not claimed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from health.inputs import RatedCamera
from health.text import Family, Sample

ONLINE_RATE_FORMULA: Final[Mapping[str, str]] = {
    "en": "online rate = cameras online now ÷ cameras on file, of the same class; no exclusions",
    "zh": "在线率 = 当前在线摄像机数 ÷ 同类建档摄像机总数，不作剔除",
}
ALL: Final = "all"
UNCLASSIFIED: Final = "unclassified"
_CLASS_NAMES: Final[Mapping[int | None, str]] = {1: "1", 2: "2", 3: "3"}


@dataclass(frozen=True, slots=True)
class OnlineRate:
    """Cameras of one class.

    ``camera_class`` is ``all``, ``1``, ``2``, ``3`` or ``unclassified``.
    """

    camera_class: str
    cameras: int
    online: int

    @property
    def rate(self) -> float | None:
        """0 to 1; None when there is no camera, which is neither 0 % nor 100 %."""
        return self.online / self.cameras if self.cameras else None


class OnlineCount:
    """Counts cameras, one after the other."""

    def __init__(self) -> None:
        self._on_file = {"1": 0, "2": 0, "3": 0, UNCLASSIFIED: 0}
        self._online = dict(self._on_file)

    def add(self, camera: RatedCamera) -> None:
        name = _CLASS_NAMES.get(camera.camera_class, UNCLASSIFIED)
        self._on_file[name] += 1
        if camera.online:
            self._online[name] += 1

    def lines(self) -> list[OnlineRate]:
        """All cameras first, then each class, then those without a class if there are any."""
        lines = [OnlineRate(ALL, sum(self._on_file.values()), sum(self._online.values()))]
        lines += [OnlineRate(name, count, self._online[name]) for name, count in self._on_file.items()]
        return [line for line in lines if line.cameras or line.camera_class != UNCLASSIFIED]


def online_rates(cameras: Iterable[RatedCamera]) -> list[OnlineRate]:
    """The lines of all these cameras."""
    count = OnlineCount()
    for camera in cameras:
        count.add(camera)
    return count.lines()


def rate_families(rates: Iterable[OnlineRate]) -> list[Family]:
    """Cameras on file, cameras online and their ratio, by class."""
    lines = list(rates)

    def samples(values: Iterable[float | None]) -> tuple[Sample, ...]:
        pairs = zip(lines, values, strict=True)
        return tuple(Sample(value, {"class": line.camera_class}) for line, value in pairs)

    return [
        Family("gb28181_cameras", "gauge", "Cameras on file, by class.", samples(x.cameras for x in lines)),
        Family(
            "gb28181_cameras_online", "gauge", "Cameras online, by class.", samples(x.online for x in lines)
        ),
        Family(
            "gb28181_cameras_online_ratio",
            "gauge",
            f"Online rate by class (R-11): {ONLINE_RATE_FORMULA['en']}.",
            samples(x.rate for x in lines),
        ),
    ]
