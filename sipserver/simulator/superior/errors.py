"""Errors of the simulated superior.

```text
SimulatorError
├── BadSteps               the list of steps says something that is not understood
└── StepFailed             the subordinate did not do what a step expects of it
```
"""

from __future__ import annotations

from sipserver.simulator.errors import SimulatorError


class BadSteps(SimulatorError):
    """A step, a parameter or a value that there is not; the text names the place and what there is."""


class StepFailed(SimulatorError):
    """What was expected and what came, in one line."""
