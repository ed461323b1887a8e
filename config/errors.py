"""Errors of the room.

Exception
└── ConfigError    the settings are wrong; the start stops, every fault on a line of its own
"""


class ConfigError(Exception):
    """Every fault that was found; each is one line that names the key, the value and what is allowed."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
