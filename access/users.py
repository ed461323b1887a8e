"""The people who may log in."""

from __future__ import annotations

import logging
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from access.clock import WallClock, from_us, to_us, wall_clock
from access.errors import (
    LastAdmin,
    LockedOut,
    LogInsBusy,
    MalformedUsername,
    UnknownUser,
    UnsuitablePassword,
    WrongPassword,
)
from access.guard import LogInGuard
from access.passwords import PasswordHashes, check_password
from access.roles import Role
from access.settings import AccessSettings
from access.stats import AccessStats
from access.store import UserRow, UserStore

ADMIN_NAME: Final = "admin"
ADMIN_PASSWORD_VARIABLE: Final = "TONGSHI_ADMIN_PASSWORD"  # noqa: S105 - a variable's name
MAX_SOURCE_LENGTH: Final = 64
# Without letters and digits that look alike.
_PASSWORD_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # noqa: S105
_GENERATED_LENGTH: Final = 16
_USERNAME: Final = re.compile(r"[\w.@-]{1,64}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """A person (or a program) that may log in."""

    user_id: str
    username: str
    role: Role
    enabled: bool
    created_time: datetime
    password_changed_time: datetime


class Users:
    """Creates users and checks their passwords.

    Args:
        engine: database with access's tables.
        settings: table ``[access]``.
        stats: counters to share; own ones when left out.
        clock: wall clock, aware UTC; a test passes its own.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: AccessSettings | None = None,
        *,
        stats: AccessStats | None = None,
        clock: WallClock = wall_clock,
    ) -> None:
        self._settings = settings or AccessSettings()
        self.stats = stats or AccessStats()
        self._clock = clock
        self._store = UserStore(engine)
        self._guard = LogInGuard(engine, self._settings, clock)
        self._hashes = PasswordHashes(self._settings)

    def close(self) -> None:
        """End the hashing threads."""
        self._hashes.close()

    async def ensure_first_admin(self, env: Mapping[str, str]) -> str | None:
        """Make the user ``admin`` when there is no user at all.

        Args:
            env: the environment; TONGSHI_ADMIN_PASSWORD, when not empty, is the password.

        Returns:
            The generated password, to be shown once; None when none was generated.
        """
        if await self._store.count():
            return None
        given = env.get(ADMIN_PASSWORD_VARIABLE, "")
        if given:
            try:
                check_password(given, ADMIN_NAME, self._settings.password_min_length)
            except UnsuitablePassword as error:
                _log.warning("weak first password in %s: %s; change it", ADMIN_PASSWORD_VARIABLE, error)
        password = given or generate_password()
        await self._add(ADMIN_NAME, password, Role.ADMIN)
        return None if given else password

    async def create(self, username: str, password: str, role: Role = Role.VIEWER) -> User:
        """Add a user.

        Raises:
            MalformedUsername, UnsuitablePassword, UserExists
        """
        if not _USERNAME.fullmatch(username):
            raise MalformedUsername("a user name has 1 to 64 letters, digits or . _ @ -")
        check_password(password, username, self._settings.password_min_length)
        return await self._add(username, password, role)

    async def verify(self, username: str, password: str, source: str) -> User:
        """Check a log-in.

        An unknown name costs the same work, gets the same answer and is locked like a known one.

        Args:
            source: address the try came from, without the port.

        Raises:
            WrongPassword, LockedOut, LogInsBusy
        """
        key, source = username_key(username), source[:MAX_SOURCE_LENGTH]
        try:
            self._hashes.demand_place()
            await self._guard.charge(key, source)
            row = await self._store.find(key)
            good = await self._hashes.matches(row.password_hash if row else None, password)
        except LockedOut:
            self.stats.log_ins_locked_out += 1
            raise
        except LogInsBusy:
            self.stats.log_ins_busy += 1
            raise
        if row is None or not good or not row.enabled:
            self.stats.log_ins_wrong += 1
            raise WrongPassword("user name or password is wrong")
        await self._guard.refund(key, source)
        if self._hashes.is_outdated(row.password_hash):
            await self._store.set_password(key, await self._hashes.hash(password), row.password_changed_us)
        self.stats.log_ins += 1
        return _user(row)

    async def set_password(self, username: str, password: str) -> None:
        """Set a new password; ends the user's sessions and lifts a lock.

        Raises:
            UnknownUser, UnsuitablePassword
        """
        key = username_key(username)
        check_password(password, username, self._settings.password_min_length)
        if await self._store.find(key) is None:
            raise UnknownUser(f"no user {username!r}")
        now_us = to_us(self._clock())
        await self._store.set_password(key, await self._hashes.hash(password), now_us)
        await self._store.revoke_sessions(key, now_us)
        await self._guard.forget(key)

    async def set_role(self, username: str, role: Role) -> None:
        """Change what a user may do. Raises UnknownUser, LastAdmin."""
        await self._change(username, role=role, enabled=None)

    async def set_enabled(self, username: str, enabled: bool) -> None:
        """Let a user in or keep it out; keeping out voids its tokens. Raises UnknownUser, LastAdmin."""
        await self._change(username, role=None, enabled=enabled)

    async def get(self, username: str) -> User:
        """One user. Raises UnknownUser."""
        row = await self._store.find(username_key(username))
        if row is None:
            raise UnknownUser(f"no user {username!r}")
        return _user(row)

    async def list(self) -> list[User]:
        """All users by name."""
        return [_user(row) for row in await self._store.list()]

    async def _add(self, username: str, password: str, role: Role) -> User:
        now_us = to_us(self._clock())
        row = UserRow(
            user_id=secrets.token_hex(16),
            username=username,
            username_key=username_key(username),
            password_hash=await self._hashes.hash(password),
            role=role.value,
            enabled=True,
            created_us=now_us,
            password_changed_us=now_us,
        )
        await self._store.insert(row)
        return _user(row)

    async def _change(self, username: str, *, role: Role | None, enabled: bool | None) -> None:
        key = username_key(username)
        row = await self._store.find(key)
        if row is None:
            raise UnknownUser(f"no user {username!r}")
        new_role = row.role if role is None else role.value
        new_enabled = row.enabled if enabled is None else enabled
        was_admin = row.enabled and row.role == Role.ADMIN
        stays_admin = new_enabled and new_role == Role.ADMIN
        if was_admin and not stays_admin and await self._store.count_enabled(Role.ADMIN.value) == 1:
            raise LastAdmin(f"{row.username} is the last administrator")
        await self._store.set_rights(key, new_role, new_enabled)
        if not new_enabled:
            await self._store.revoke_sessions(key, to_us(self._clock()))


def username_key(username: str) -> str:
    """The form in which names are compared: NFKC, case-folded, cut to what a name can be."""
    return unicodedata.normalize("NFKC", username[:64]).casefold()[:256]


def generate_password() -> str:
    """A password of 16 characters, some 92 bits."""
    return "".join(secrets.choice(_PASSWORD_ALPHABET) for _ in range(_GENERATED_LENGTH))


def _user(row: UserRow) -> User:
    return User(
        user_id=row.user_id,
        username=row.username,
        role=Role(row.role),
        enabled=row.enabled,
        created_time=from_us(row.created_us),
        password_changed_time=from_us(row.password_changed_us),
    )
