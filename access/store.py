"""The queries on users and sessions."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from access.errors import UserExists
from access.tables import sessions, users


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row of access_user."""

    user_id: str
    username: str
    username_key: str
    password_hash: str
    role: str
    enabled: bool
    created_us: int
    password_changed_us: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A live session with what its user is now."""

    session_id: str
    user_id: str
    username: str
    role: str
    enabled: bool
    expires_us: int
    revoked_us: int | None


class UserStore:
    """Users in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def count(self) -> int:
        """How many users there are."""
        async with self._engine.connect() as connection:
            return (await connection.execute(select(func.count()).select_from(users))).scalar_one()

    async def count_enabled(self, role: str) -> int:
        """How many users of a role may log in."""
        query = select(func.count()).select_from(users).where(users.c.role == role, users.c.enabled)
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).scalar_one()

    async def find(self, key: str) -> UserRow | None:
        """The user of that name key."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(users).where(users.c.username_key == key))).one_or_none()
        return None if row is None else UserRow(**row._mapping)

    async def list(self) -> list[UserRow]:
        """All users by name key."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(users).order_by(users.c.username_key))
            return [UserRow(**row._mapping) for row in rows]

    async def insert(self, row: UserRow) -> None:
        """Add a user. Raises UserExists."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(users).values(**asdict(row)))
        except IntegrityError as error:
            raise UserExists(f"there is a user {row.username!r} already") from error

    async def set_password(self, key: str, password_hash: str, changed_us: int) -> None:
        """Replace the hash."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(users)
                .where(users.c.username_key == key)
                .values(password_hash=password_hash, password_changed_us=changed_us)
            )

    async def set_rights(self, key: str, role: str, enabled: bool) -> None:
        """Replace role and whether the user may log in."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(users).where(users.c.username_key == key).values(role=role, enabled=enabled)
            )

    async def revoke_sessions(self, key: str, now_us: int) -> None:
        """End all sessions of a user."""
        owner = select(users.c.user_id).where(users.c.username_key == key).scalar_subquery()
        async with self._engine.begin() as connection:
            await connection.execute(
                update(sessions)
                .where(sessions.c.user_id == owner, sessions.c.revoked_us.is_(None))
                .values(revoked_us=now_us)
            )


class SessionStore:
    """Sessions in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def insert(
        self, session_id: str, user_id: str, source: str, created_us: int, expires_us: int
    ) -> None:
        """Remember a session."""
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(sessions).values(
                    session_id=session_id,
                    user_id=user_id,
                    source=source,
                    created_us=created_us,
                    expires_us=expires_us,
                    revoked_us=None,
                )
            )

    async def find(self, session_id: str) -> SessionRow | None:
        """A session and its user."""
        query = (
            select(
                sessions.c.session_id,
                sessions.c.user_id,
                users.c.username,
                users.c.role,
                users.c.enabled,
                sessions.c.expires_us,
                sessions.c.revoked_us,
            )
            .join(users, users.c.user_id == sessions.c.user_id)
            .where(sessions.c.session_id == session_id)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else SessionRow(**row._mapping)

    async def revoke(self, session_id: str, now_us: int) -> None:
        """End one session."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(sessions)
                .where(sessions.c.session_id == session_id, sessions.c.revoked_us.is_(None))
                .values(revoked_us=now_us)
            )

    async def delete_expired(self, now_us: int) -> None:
        """Forget sessions whose time is over: their tokens are void by themselves."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_us <= now_us))
