"""Errors of the simulator.

```text
SimulatorError
├── EncoderMissing         this PyAV cannot encode the asked-for codec
├── RegistrationRefused    the platform said no; carries the SIP status
└── UnknownFault           no fault of that name
```
"""


class SimulatorError(Exception):
    """Anything that keeps a simulated device from doing its part."""


class EncoderMissing(SimulatorError):
    """The encoder is not in this build of PyAV."""


class RegistrationRefused(SimulatorError):
    """The platform's final answer to REGISTER was no."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the platform answered REGISTER with {status} {reason}")
        self.status = status


class UnknownFault(SimulatorError):
    """The name stands in no row of the table of faults."""
