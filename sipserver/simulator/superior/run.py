"""Runs steps, one after the other, and tells what came of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sipserver.gb.errors import GbError
from sipserver.simulator.superior import controls, misbehaviour, pictures, queries, speech, watching
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.scene import Scene, Table
from sipserver.simulator.superior.steps import Step, StepKind
from sipserver.sip.errors import SipError
from sipserver.transport.errors import TransportError

ACTIONS: Final[Table] = (
    queries.TABLE | pictures.TABLE | controls.TABLE | watching.TABLE | speech.TABLE | misbehaviour.TABLE
)
KINDS: Final[Mapping[str, StepKind]] = {name: kind for name, (kind, _) in ACTIONS.items()}
FIRST: Final = "wait-registered"
"""What every list begins with, written or not."""
DEFAULT_STEPS: Final = (
    FIRST,
    "options",
    "catalogue",
    "device-info",
    "device-status",
    "live",
    "live transport=tcp-passive",
    "live transport=tcp-active",
)
"""What is done when nobody says otherwise."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of one step; ``told`` is what it saw, or why it failed."""

    number: int
    step: str
    passed: bool
    told: str
    took_s: float
    figures: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        verdict = "ok  " if self.passed else "FAIL"
        return f"{verdict} {self.number:>3}  {self.took_s:7.2f} s  {self.step}: {self.told}"

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "step": self.step,
            "passed": self.passed,
            "told": self.told,
            "took_s": round(self.took_s, 3),
            "figures": dict(self.figures),
        }


async def run_steps(
    desk: SimulatedSuperior,
    steps: Sequence[Step],
    *,
    directory: Path = Path(),
    keep_going: bool = False,
    report: Callable[[StepResult], None] = lambda _: None,
) -> list[StepResult]:
    """Do all steps; after a failure no more, unless ``keep_going``. The superior is open."""
    results: list[StepResult] = []
    for number, step in enumerate(steps, 1):
        result = await _run(desk, step, number, directory)
        results.append(result)
        report(result)
        if not (result.passed or keep_going):
            break
    return results


async def _run(desk: SimulatedSuperior, step: Step, number: int, directory: Path) -> StepResult:
    scene = Scene(desk, directory)
    began = desk.transport.clock()
    try:
        told, passed = await ACTIONS[step.name][1](scene, step), True
    except StepFailed as error:
        told, passed = str(error), False
    except (GbError, SipError, TransportError, OSError) as error:
        told, passed = f"{type(error).__name__}: {error}", False
    took_s = desk.transport.clock() - began
    return StepResult(number, str(step), passed, told, took_s, scene.figures)
