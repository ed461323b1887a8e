"""Errors of the simulator.

```text
SimulatorError
├── EncoderMissing         this PyAV cannot encode the asked-for codec
└── UnknownFault           no fault of that name
```
"""


class SimulatorError(Exception):
    """Anything that keeps a simulated device from doing its part."""


class EncoderMissing(SimulatorError):
    """The encoder is not in this build of PyAV."""


class UnknownFault(SimulatorError):
    """The name stands in no row of the table of faults."""
