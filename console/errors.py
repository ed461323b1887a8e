"""Errors of the room.

Exception
└── StartFailed    a step of the start did not succeed; one line says which and how to mend it
"""


class StartFailed(Exception):
    """The platform cannot start."""
