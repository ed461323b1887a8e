"""What the pictures say about a speed that was answered 200 (Q70)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sipserver.devices.history import scales as scales_module
from sipserver.devices.history.scales import MEASURES, RTP_CLOCK, Pace, Scales, judge
from sipserver.devices.history.stream import HistoryStream
from sipserver.devices.profiles.profiles import Profiles

DEVICE = "34020000001180000001"
USUAL_FPS = 25.0
OLD_PACE = Pace(25.0, 1.0)
OBEYED = Pace(25.0, 4.0)
STALLED = Pace(12.0, 0.5)


@dataclass
class Film:
    """A stream whose figures are those of ``paces``, one for each second."""

    paces: list[Pace]
    looks: int = 0
    scale: float = 4.0
    paused_at: float | None = None
    outcome: None = None
    end_told_at: float | None = None

    @property
    def session(self) -> Any:
        return self

    def stats(self) -> Any:
        gone = self.paces[: (self.looks + 1) // 2]
        self.looks += 1
        return SimpleNamespace(
            age_s=float(len(gone)),
            access_units=round(sum(pace.pictures_per_s for pace in gone)),
            rtp_timestamp=round(sum(pace.clock_rate for pace in gone) * RTP_CLOCK),
        )


@pytest.fixture
def scales(monkeypatch: pytest.MonkeyPatch) -> Scales:
    monkeypatch.setattr(scales_module, "SETTLE_S", 0.0)
    monkeypatch.setattr(scales_module, "MEASURE_S", 0.0)
    return Scales(Profiles(wall=lambda: datetime.now(UTC)), DEVICE)


async def proven(scales: Scales, paces: list[Pace], usual_fps: float | None = USUAL_FPS) -> bool | None:
    return await scales.prove(cast(HistoryStream, Film(paces)), 4.0, usual_fps)


@pytest.mark.parametrize(
    ("pace", "verdict"),
    [
        (OBEYED, True),
        (Pace(100.0, 1.0), True),
        (Pace(1.0, 4.0), True),  # key frames alone
        (OLD_PACE, False),
        (STALLED, None),
    ],
)
def test_a_pace_is_judged(pace: Pace, verdict: bool | None) -> None:
    assert judge(pace, 4.0, USUAL_FPS) is verdict


async def test_what_is_kept_and_what_is_ignored_is_remembered(scales: Scales) -> None:
    assert await proven(scales, [OBEYED]) is True
    assert scales.is_proven(4.0)
    assert not scales.is_refused(4.0)
    assert await proven(scales, [OLD_PACE]) is False
    assert scales.is_refused(4.0)


async def test_a_stall_is_no_verdict_and_is_looked_at_again(scales: Scales) -> None:
    assert await proven(scales, [STALLED, STALLED, OLD_PACE]) is False
    assert scales.is_refused(4.0)


async def test_nothing_is_said_of_what_cannot_be_told(scales: Scales) -> None:
    assert await proven(scales, [STALLED] * (MEASURES + 1)) is None
    assert await proven(scales, [OLD_PACE], usual_fps=None) is None
    assert await proven(scales, [Pace(0.0, 0.0)]) is None
    assert not scales.is_proven(4.0)
    assert not scales.is_refused(4.0)
