"""What the steps of one run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from sipserver.gb.ids import GbId, ItemKind, item_kind
from sipserver.simulator.superior.desk import SimulatedSuperior
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.steps import Parameter, Step, StepKind
from sipserver.simulator.superior.subordinate import Subordinate

SUBORDINATE: Final = Parameter("subordinate", "", "its id; empty: the first that registered")
CHANNEL: Final = Parameter("channel", "", "its id; empty: the first camera of the catalogue that is on")
TIMEOUT: Final = Parameter("timeout_s", 15.0, "how long is waited", most=3600.0)


@dataclass(slots=True)
class Scene:
    """The superior, and where files go. ``figures`` are those of the step that runs."""

    desk: SimulatedSuperior
    directory: Path = Path()
    figures: dict[str, object] = field(default_factory=dict)

    def below(self, step: Step) -> Subordinate:
        """Raises StepFailed: it is not registered."""
        return self.desk.only(step.text("subordinate"))

    def channel(self, step: Step, below: Subordinate) -> GbId:
        """The channel that a step names, or the first camera.

        Raises:
            StepFailed: no camera is known.
        """
        if named := step.text("channel"):
            return GbId.parse(named, relaxed=True)
        cameras = [each for each in below.items if item_kind(each.device_id) is ItemKind.DEVICE]
        cameras.sort(key=lambda each: each.status != "ON")
        for camera in cameras:
            if camera.device_id != below.platform_id:
                return camera.device_id
        raise StepFailed("no camera is known: name a channel, or list the catalogue first")


Action: TypeAlias = Callable[[Scene, Step], Awaitable[str]]
"""Does a step; what it saw, in one line. Raises StepFailed."""

Table: TypeAlias = dict[str, tuple[StepKind, Action]]


def entry(
    name: str, help_text: str, action: Action, *parameters: Parameter
) -> tuple[str, tuple[StepKind, Action]]:
    """A row of a table of steps."""
    return name, (StepKind(name, help_text, parameters), action)
