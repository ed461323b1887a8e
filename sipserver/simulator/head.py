"""The moving head of a simulated camera: time goes in, a direction comes out. Pure.

Presets, cruises, a scan and a home position as an ordinary dome has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sipserver.gb.camera_commands import HomePosition, PictureArea, PtzPrecise, ZoomDirection
from sipserver.gb.messages.cruise_track import CruisePoint
from sipserver.gb.messages.ptz_position import PtzPosition
from sipserver.gb.ptz import (
    SPEED_MAX,
    ZOOM_SPEED_MAX,
    Auxiliary,
    CruiseAdd,
    CruiseDelete,
    CruiseDwell,
    CruiseSpeed,
    CruiseStart,
    FocusIris,
    Instruction,
    Move,
    Preset,
    PresetAction,
    ScanLimit,
    ScanSide,
    ScanSpeed,
    ScanStart,
)

# At full speed: degrees and factors in one second.
PAN_DEGREES_PER_S: Final = 120.0
TILT_DEGREES_PER_S: Final = 60.0
ZOOM_PER_S: Final = 6.0
TILT_MIN: Final = -30.0
TILT_MAX: Final = 90.0
ZOOM_MIN: Final = 1.0
ZOOM_MAX: Final = 30.0
WIDE_ANGLE: Final = 60.0
SCAN_LEFT: Final = -45.0
SCAN_RIGHT: Final = 45.0
SCAN_DEGREES_PER_S: Final = 10.0
DEFAULT_DWELL_S: Final = 5
DEFAULT_CRUISE_SPEED: Final = 8
CRUISE_SPEED_MAX: Final = 15


@dataclass(frozen=True, slots=True)
class View:
    """Where a head looks: degrees to the right, degrees downward, zoom factor."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = ZOOM_MIN


@dataclass(slots=True)
class Cruise:
    """A tour of presets."""

    name: str = ""
    presets: list[int] = field(default_factory=list)
    speed: int = DEFAULT_CRUISE_SPEED
    dwell_s: int = DEFAULT_DWELL_S

    def points(self) -> tuple[CruisePoint, ...]:
        speed = max(1, min(self.speed, CRUISE_SPEED_MAX))
        return tuple(CruisePoint(preset, self.dwell_s, speed) for preset in self.presets)


@dataclass(slots=True)
class _Preset:
    name: str
    view: View


class CameraHead:
    """One head. All times are seconds on whatever clock the caller uses, never backwards."""

    def __init__(self, now: float = 0.0) -> None:
        self.move = Move()
        self.focus_iris = FocusIris()
        self.presets: dict[int, _Preset] = {}
        self.cruises: dict[int, Cruise] = {}
        self.auxiliaries: set[int] = set()
        self.home = HomePosition(False)
        self.running_cruise: int | None = None
        self.running_scan: int | None = None
        self._view = View()
        self._focus = 0.0
        self._iris = 0.0
        self._scan_limits: dict[int, dict[ScanSide, float]] = {}
        self._now = now
        self._started_at = now
        self._idle_since = now

    @property
    def is_moving(self) -> bool:
        """Whether it goes on until it is told to stop."""
        return (
            self.move.is_motion
            or self.focus_iris.is_motion
            or self.running_cruise is not None
            or self.running_scan is not None
        )

    def apply(
        self, instruction: Instruction, now: float, *, preset_name: str = "", cruise_name: str = ""
    ) -> None:
        """Do what a PTZ frame says."""
        self.advance(now)
        self._idle_since = now
        match instruction:
            case Move():
                self._rest()
                self.move = instruction
            case FocusIris():
                self.focus_iris = instruction
            case Preset(action=action, number=number):
                self._preset(action, number, preset_name)
            case CruiseAdd(group=group, preset=preset):
                cruise = self.cruises.setdefault(group, Cruise())
                cruise.presets.append(preset)
                cruise.name = cruise_name or cruise.name
            case CruiseDelete(group=group, preset=0):
                self.cruises.pop(group, None)
            case CruiseDelete(group=group, preset=preset) if group in self.cruises:
                kept = [point for point in self.cruises[group].presets if point != preset]
                self.cruises[group].presets = kept
            case CruiseSpeed(group=group, speed=speed):
                self.cruises.setdefault(group, Cruise()).speed = speed
            case CruiseDwell(group=group, dwell_s=dwell_s):
                self.cruises.setdefault(group, Cruise()).dwell_s = dwell_s
            case CruiseStart(group=group) if self.cruises.get(group, Cruise()).presets:
                self._rest()
                self.running_cruise, self._started_at = group, now
            case ScanStart(group=group):
                self._rest()
                self.running_scan, self._started_at = group, now
            case ScanLimit(group=group, side=side):
                self._scan_limits.setdefault(group, {})[side] = self._view.pan
            case Auxiliary(number=number, is_on=is_on):
                (self.auxiliaries.add if is_on else self.auxiliaries.discard)(number)
            case ScanSpeed() | CruiseDelete() | CruiseStart():
                pass

    def aim(self, precise: PtzPrecise, now: float) -> None:
        """Look exactly there; beyond the mechanics the nearest is taken."""
        self.advance(now)
        self._rest()
        self._idle_since = now
        before = self._view
        self._look(
            before.pan if precise.pan is None else precise.pan,
            before.tilt if precise.tilt is None else precise.tilt,
            before.zoom if precise.zoom is None else precise.zoom,
        )

    def drag(self, direction: ZoomDirection, area: PictureArea, now: float) -> None:
        """Look at the middle of a box, so near that the box fills the picture (or the other way round)."""
        self.advance(now)
        self._rest()
        self._idle_since = now
        angle = WIDE_ANGLE / self._view.zoom
        right = (area.mid_point_x / max(area.length, 1) - 0.5) * angle
        down = (area.mid_point_y / max(area.width, 1) - 0.5) * angle
        factor = max(area.length, 1) / max(area.length_x, 1)
        if direction is ZoomDirection.OUT:
            factor = 1 / factor
        self._look(self._view.pan + right, self._view.tilt + down, self._view.zoom * factor)

    def advance(self, now: float) -> None:
        """Bring the view to this time."""
        elapsed, self._now = max(now - self._now, 0.0), max(now, self._now)
        view = self._view
        if self.move.is_motion:
            self._idle_since = now
            self._look(
                view.pan + self.move.pan / SPEED_MAX * PAN_DEGREES_PER_S * elapsed,
                view.tilt - self.move.tilt / SPEED_MAX * TILT_DEGREES_PER_S * elapsed,
                view.zoom + self.move.zoom / ZOOM_SPEED_MAX * ZOOM_PER_S * elapsed,
            )
        elif self.running_cruise is not None:
            self._tour(self.cruises.get(self.running_cruise))
        elif self.running_scan is not None:
            self._scan(self.running_scan)
        elif self._is_home_due(now):
            self._go(self.home.preset_index or 0)

    def position(self, now: float) -> PtzPosition:
        """What the device would answer to a question."""
        self.advance(now)
        angle = WIDE_ANGLE / self._view.zoom
        return PtzPosition(
            round(self._view.pan % 360.0, 2) % 360.0,
            round(self._view.tilt, 2),
            round(self._view.zoom, 2),
            round(angle, 2),
            round(angle * 9 / 16, 2),
            500.0,
        )

    def _rest(self) -> None:
        """A movement, cruise or scan ends when anything else moves the head."""
        self.move = Move()
        self.running_cruise = self.running_scan = None

    def _look(self, pan: float, tilt: float, zoom: float) -> None:
        self._view = View(pan, min(max(tilt, TILT_MIN), TILT_MAX), min(max(zoom, ZOOM_MIN), ZOOM_MAX))

    def _preset(self, action: PresetAction, number: int, name: str) -> None:
        match action:
            case PresetAction.SET:
                self.presets[number] = _Preset(name or f"preset {number}", self._view)
            case PresetAction.CALL:
                self._rest()
                self._go(number)
            case PresetAction.DELETE:
                self.presets.pop(number, None)

    def _go(self, number: int) -> None:
        preset = self.presets.get(number)
        if preset is not None:
            self._view = preset.view

    def _tour(self, cruise: Cruise | None) -> None:
        if cruise is None or not cruise.presets:
            self.running_cruise = None
            return
        stop = int((self._now - self._started_at) / max(cruise.dwell_s, 1))
        self._go(cruise.presets[stop % len(cruise.presets)])

    def _scan(self, group: int) -> None:
        """From right to left first, then back."""
        limits = self._scan_limits.get(group, {})
        left, right = limits.get(ScanSide.LEFT, SCAN_LEFT), limits.get(ScanSide.RIGHT, SCAN_RIGHT)
        width = max(right - left, 1.0)
        way = (self._now - self._started_at) * SCAN_DEGREES_PER_S % (2 * width)
        pan = right - way if way <= width else left + way - width
        self._look(pan, self._view.tilt, self._view.zoom)

    def _is_home_due(self, now: float) -> bool:
        wait_s = self.home.reset_time_s
        return self.home.is_enabled and wait_s is not None and now - self._idle_since >= wait_s
