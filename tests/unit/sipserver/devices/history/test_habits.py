"""What is concluded from the answers to INFO."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sipserver.devices.history.habits import Habits
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb.editions import Edition
from sipserver.gb.mansrtsp import MANSRTSP, RTSP, Controls

DEVICE = "34020000001180000001"


@pytest.fixture
def profiles() -> Profiles:
    return Profiles(wall=lambda: datetime.now(UTC))


@pytest.fixture
def habits(profiles: Profiles) -> Habits:
    return Habits(profiles, DEVICE)


def test_an_accepted_control_settles_the_start_line(habits: Habits, profiles: Profiles) -> None:
    controls = Controls(RTSP)
    habits.note(controls.pause(), 200)
    assert profiles.value(DEVICE, Facet.START_LINE) == RTSP
    assert habits.other_start_line(controls.speed(4.0), 400, Edition.V2_0) is None


def test_the_other_start_line_is_tried_once(habits: Habits, profiles: Profiles) -> None:
    """Q71."""
    controls = Controls(RTSP)
    assert habits.other_start_line(controls.pause(), 400, Edition.V2_0) == MANSRTSP
    assert habits.other_start_line(controls.pause(), 400, Edition.V2_0) is None
    habits.note(Controls(MANSRTSP).pause(), 200)
    assert profiles.value(DEVICE, Facet.START_LINE) == MANSRTSP
    learned = profiles.of_device(DEVICE).values[Facet.START_LINE].learned
    assert learned.evidence == "RTSP/1.0 was answered 400, PAUSE MANSRTSP/1.0 200"


@pytest.mark.parametrize(
    ("status", "edition"), [(400, Edition.V3_0), (486, Edition.V1_0), (481, Edition.V2_0)]
)
def test_it_is_not_tried_where_it_cannot_be_the_reason(habits: Habits, status: int, edition: Edition) -> None:
    assert habits.other_start_line(Controls(RTSP).pause(), status, edition) is None


def test_a_known_start_line_is_used(profiles: Profiles) -> None:
    profiles.learn(DEVICE, Facet.START_LINE, MANSRTSP, "by this test")
    habits = Habits(profiles, DEVICE)
    assert habits.start_line == MANSRTSP
    assert habits.other_start_line(Controls(MANSRTSP).pause(), 400, Edition.V1_0) is None


def test_a_refused_seek_counts_beside_an_accepted_control(habits: Habits, profiles: Profiles) -> None:
    controls = Controls(RTSP)
    habits.note(controls.seek(10.0), 400)
    assert profiles.value(DEVICE, Facet.SEEK) is None
    habits.note(controls.pause(), 200)
    assert profiles.value(DEVICE, Facet.SEEK) == "none"


def test_resuming_is_no_seek(habits: Habits, profiles: Profiles) -> None:
    habits.note(Controls(RTSP).resume(), 200)
    assert profiles.value(DEVICE, Facet.SEEK) is None


@pytest.mark.parametrize("status", [400, 408, 481])
def test_what_sought_before_still_can(habits: Habits, profiles: Profiles, status: int) -> None:
    controls = Controls(RTSP)
    habits.note(controls.seek(10.0), 200)
    habits.note(controls.seek(20.0), status)
    habits.note(controls.pause(), 200)
    assert profiles.value(DEVICE, Facet.SEEK) == "npt"
