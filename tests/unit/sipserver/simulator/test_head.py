"""The moving head of a simulated camera. Time is a number."""

from __future__ import annotations

import pytest

from sipserver.gb.camera_commands import HomePosition, PictureArea, PtzPrecise, ZoomDirection
from sipserver.gb.messages.cruise_track import CruisePoint
from sipserver.gb.ptz import (
    STOP,
    Auxiliary,
    CruiseAdd,
    CruiseDelete,
    CruiseDwell,
    CruiseSpeed,
    CruiseStart,
    FocusIris,
    Move,
    Preset,
    PresetAction,
    ScanLimit,
    ScanSide,
    ScanSpeed,
    ScanStart,
)
from sipserver.simulator.head import PAN_DEGREES_PER_S, SCAN_LEFT, SCAN_RIGHT, TILT_MIN, ZOOM_MAX, CameraHead


def pan_tilt_zoom(head: CameraHead, now: float) -> tuple[float | None, float | None, float | None]:
    position = head.position(now)
    return position.pan, position.tilt, position.zoom


def test_a_movement_goes_on_until_stop() -> None:
    """GB-C085: the axes move together, up is negative tilt, and nothing ends it but stop."""
    head = CameraHead()
    head.apply(Move(255, 51, 15), now=10)
    assert pan_tilt_zoom(head, 10.5) == (PAN_DEGREES_PER_S / 2, -6.0, 4.0)
    assert head.is_moving
    head.apply(STOP, now=11)
    assert pan_tilt_zoom(head, 99) == pan_tilt_zoom(head, 11)
    assert not head.is_moving


def test_mechanics_have_ends_and_pan_goes_round() -> None:
    head = CameraHead()
    head.apply(Move(-255, 255, 15), now=0)
    pan, tilt, zoom = pan_tilt_zoom(head, 60)
    assert (tilt, zoom) == (TILT_MIN, ZOOM_MAX)
    assert pan is not None
    assert 0 <= pan < 360


def test_presets_are_set_called_and_deleted() -> None:
    head = CameraHead()
    head.aim(PtzPrecise(90, 10, 4), now=0)
    head.apply(Preset(PresetAction.SET, 5), now=0, preset_name="gate")
    head.aim(PtzPrecise(0, 0, 1), now=1)
    head.apply(Preset(PresetAction.CALL, 5), now=2)
    assert pan_tilt_zoom(head, 2) == (90, 10, 4)
    assert head.presets[5].name == "gate"
    head.apply(Preset(PresetAction.DELETE, 5), now=3)
    head.apply(Preset(PresetAction.CALL, 5), now=3)
    assert head.presets == {}


def test_a_cruise_visits_its_presets_until_stop() -> None:
    head = CameraHead()
    for number, pan in ((1, 10.0), (2, 20.0)):
        head.aim(PtzPrecise(pan), now=0)
        head.apply(Preset(PresetAction.SET, number), now=0)
        head.apply(CruiseAdd(7, number), now=0, cruise_name="round")
    head.apply(CruiseDwell(7, 10), now=0)
    head.apply(CruiseSpeed(7, 300), now=0)
    assert head.cruises[7].points() == (CruisePoint(1, 10, 15), CruisePoint(2, 10, 15))
    head.apply(CruiseStart(7), now=100)
    assert [head.position(at).pan for at in (101, 111, 121)] == [10, 20, 10]
    head.apply(STOP, now=122)
    assert head.position(999).pan == 10
    head.apply(CruiseDelete(7, 2), now=1000)
    assert head.cruises[7].presets == [1]
    head.apply(CruiseDelete(7), now=1000)
    head.apply(CruiseStart(7), now=1000)
    assert not head.is_moving


def test_a_cruise_that_is_deleted_while_it_runs_ends() -> None:
    head = CameraHead()
    head.apply(CruiseAdd(1, 1), now=0)
    head.apply(CruiseStart(1), now=0)
    head.apply(CruiseDelete(1), now=1)
    head.advance(2)
    assert not head.is_moving


def test_a_scan_begins_to_the_left_between_its_limits() -> None:
    head = CameraHead()
    head.apply(ScanStart(1), now=0)
    assert head.position(0).pan == SCAN_RIGHT
    assert head.position(9).pan == SCAN_LEFT % 360
    head.aim(PtzPrecise(10), now=20)
    head.apply(ScanLimit(2, ScanSide.LEFT), now=20)
    head.aim(PtzPrecise(30), now=20)
    head.apply(ScanLimit(2, ScanSide.RIGHT), now=20)
    head.apply(ScanSpeed(2, 300), now=20)
    head.apply(ScanStart(2), now=20)
    assert [head.position(at).pan for at in (20, 21, 22, 23)] == [30, 20, 10, 20]


def test_home_comes_after_rest_alone() -> None:
    head = CameraHead()
    head.apply(Preset(PresetAction.SET, 3), now=0)
    head.home = HomePosition(True, reset_time_s=30, preset_index=3)
    head.apply(Move(pan=255), now=10)
    head.apply(STOP, now=11)
    assert head.position(40.9).pan == PAN_DEGREES_PER_S
    assert head.position(41).pan == 0


@pytest.mark.parametrize(("direction", "zoom"), [(ZoomDirection.IN, 4.0), (ZoomDirection.OUT, 1.0)])
def test_a_dragged_box_is_looked_at(direction: ZoomDirection, zoom: float) -> None:
    head = CameraHead()
    head.drag(direction, PictureArea(1280, 720, 960, 180, 320, 180), now=0)
    assert pan_tilt_zoom(head, 0) == (15.0, -15.0, zoom)
    head.drag(direction, PictureArea(0, 0, 0, 0, 0, 0), now=1)


def test_focus_iris_and_switches() -> None:
    head = CameraHead()
    head.apply(FocusIris(focus=-5), now=0)
    assert head.is_moving
    head.apply(FocusIris(), now=1)
    head.apply(Auxiliary(1, True), now=2)
    assert head.auxiliaries == {1}
    head.apply(Auxiliary(1, False), now=3)
    assert head.auxiliaries == set()
    assert not head.is_moving
