"""Bearer tokens: signed, expiring, and void at once when their session is ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt
from sqlalchemy.ext.asyncio import AsyncEngine

from access.clock import WallClock, from_us, to_us, wall_clock
from access.errors import MalformedToken, TokenExpired, TokenRevoked
from access.roles import Role
from access.settings import AccessSettings
from access.stats import AccessStats
from access.store import SessionRow, SessionStore
from access.users import MAX_SOURCE_LENGTH, User

ALGORITHM: Final = "HS256"
ISSUER: Final = "tongshi"
MAX_TOKEN_LENGTH: Final = 2048
CACHE_S: Final = 5.0
MAX_CACHED: Final = 4096


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as handed out."""

    token: str
    session_id: str
    expires_time: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token speaks for, with the role the user has now."""

    user_id: str
    username: str
    role: Role
    session_id: str
    expires_time: datetime


class Tokens:
    """Issues and checks tokens.

    A session that was found good is believed for five seconds, so that a page with sixteen tiles does not
    ask the database for each of its calls. ``revoke`` takes effect at once in this process, and within those
    five seconds in another one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        signing_key: bytes,
        settings: AccessSettings | None = None,
        *,
        stats: AccessStats | None = None,
        clock: WallClock = wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = SessionStore(engine)
        self._key = signing_key
        self._settings = settings or AccessSettings()
        self.stats = stats or AccessStats()
        self._clock = clock
        self._monotonic = monotonic
        self._cache: dict[str, tuple[float, Identity]] = {}

    async def issue(self, user: User, source: str) -> IssuedToken:
        """Open a session for a user who has just been verified."""
        now_time = self._clock()
        expires_time = now_time + timedelta(seconds=self._settings.token_ttl_s)
        session_id = secrets.token_hex(16)
        await self._store.delete_expired(to_us(now_time))
        await self._store.insert(
            session_id, user.user_id, source[:MAX_SOURCE_LENGTH], to_us(now_time), to_us(expires_time)
        )
        claims = {
            "iss": ISSUER,
            "sub": user.user_id,
            "jti": session_id,
            "iat": int(now_time.timestamp()),
            "exp": int(expires_time.timestamp()),
        }
        self.stats.tokens_issued += 1
        return IssuedToken(jwt.encode(claims, self._key, algorithm=ALGORITHM), session_id, expires_time)

    async def verify(self, token: str) -> Identity:
        """Who this token speaks for.

        Raises:
            MalformedToken, TokenExpired, TokenRevoked
        """
        try:
            return await self._verify(token)
        except (MalformedToken, TokenExpired, TokenRevoked):
            self.stats.tokens_refused += 1
            raise

    async def revoke(self, session_id: str) -> None:
        """End a session (log-out)."""
        self._cache.pop(session_id, None)
        await self._store.revoke(session_id, to_us(self._clock()))

    def forget_cached(self) -> None:
        """Ask the database again for each session, e.g. after a change of users."""
        self._cache.clear()

    async def _verify(self, token: str) -> Identity:
        session_id = self._session_id(token)
        now_us = to_us(self._clock())
        cached = self._cache.get(session_id)
        if cached is not None and cached[0] > self._monotonic():
            identity = cached[1]
        else:
            identity = self._believe(await self._store.find(session_id))
        if to_us(identity.expires_time) <= now_us:
            raise TokenExpired("the log-in has expired: log in again")
        return identity

    def _session_id(self, token: str) -> str:
        if len(token) > MAX_TOKEN_LENGTH:
            raise MalformedToken(f"a token has at most {MAX_TOKEN_LENGTH} characters")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                # Expiry is checked against our own clock, below.
                options={"require": ["jti", "sub", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise MalformedToken(f"not a token of this platform: {error}") from error
        return str(claims["jti"])

    def _believe(self, row: SessionRow | None) -> Identity:
        if row is None or row.revoked_us is not None or not row.enabled:
            raise TokenRevoked("the session was ended: log in again")
        identity = Identity(
            row.user_id, row.username, Role(row.role), row.session_id, from_us(row.expires_us)
        )
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[row.session_id] = (self._monotonic() + CACHE_S, identity)
        return identity
