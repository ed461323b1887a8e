"""What can go wrong in access.

::

    AccessError
    ├── LogInRefused
    │   ├── WrongPassword      unknown user, wrong password or disabled user: never said which
    │   ├── LockedOut          too many failures; carries the instant from which a try counts again
    │   └── LogInsBusy         more log-ins wait for a password check than we allow
    ├── TokenRefused
    │   ├── TokenExpired
    │   ├── TokenRevoked
    │   └── MalformedToken
    ├── NotAllowed             the role does not include the action
    ├── UserExists
    ├── UnknownUser
    ├── LastAdmin              the change would leave nobody who may manage users
    ├── MalformedUsername
    ├── UnsuitablePassword
    ├── AuditBehind            an entry of the audit log did not get its turn: the database is away
    └── SecretUnreadable       a key file or a sealed value cannot be used
"""

from __future__ import annotations

from datetime import datetime


class AccessError(Exception):
    """Root of what access refuses."""


class AuditBehind(AccessError):
    """The audit log waits for the database, and others wait before this entry."""


class LogInRefused(AccessError):
    """A log-in did not succeed."""


class WrongPassword(LogInRefused):
    """The name and the password do not belong together."""


class LockedOut(LogInRefused):
    """This user or this source failed too often.

    Args:
        until_time: the instant from which a log-in is checked again.
    """

    def __init__(self, until_time: datetime) -> None:
        super().__init__(f"too many failed log-ins, wait until {until_time.isoformat(timespec='seconds')}")
        self.until_time = until_time


class LogInsBusy(LogInRefused):
    """Too many log-ins wait for their password check; try again in a few seconds."""


class TokenRefused(AccessError):
    """A bearer token does not open anything."""


class TokenExpired(TokenRefused):
    """The token was good and its time is over."""


class TokenRevoked(TokenRefused):
    """The session was ended, or its user was disabled."""


class MalformedToken(TokenRefused):
    """Not a token of ours."""


class NotAllowed(AccessError):
    """The user's role does not include the action."""


class UserExists(AccessError):
    """A user of that name is there already."""


class UnknownUser(AccessError):
    """No user of that name."""


class LastAdmin(AccessError):
    """The change would leave nobody who may manage users."""


class MalformedUsername(AccessError):
    """The name breaks the rule for names."""


class UnsuitablePassword(AccessError):
    """The password breaks the rule for passwords."""


class SecretUnreadable(AccessError):
    """A key file or a sealed value cannot be used."""
