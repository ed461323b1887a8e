"""Test calls to other platforms, as the API tells them."""

from collections.abc import Sequence
from typing import Literal, cast

from cascade.trial import TrialStep
from console.api.models import ApiModel

TrialStepName = Literal["registration", "answer", "catalogue", "picture"]


class TrialStepItem(ApiModel):
    """How one step of a test call went."""

    name: TrialStepName
    ok: bool
    detail: str
    took_ms: float


class TrialResult(ApiModel):
    """A test call; the steps end at the first that failed."""

    ok: bool
    steps: list[TrialStepItem]


def result_of(steps: Sequence[TrialStep]) -> TrialResult:
    return TrialResult(
        ok=all(step.ok for step in steps),
        steps=[
            TrialStepItem(
                name=cast(TrialStepName, step.name), ok=step.ok, detail=step.detail, took_ms=step.took_ms
            )
            for step in steps
        ],
    )
