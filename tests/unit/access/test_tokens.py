from __future__ import annotations

import jwt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from access.errors import MalformedToken, TokenExpired, TokenRevoked
from access.roles import Role
from access.tokens import CACHE_S, Tokens
from access.users import Users

GOOD = "correct horse 7"
KEY = bytes(range(32))


@pytest.fixture
def tokens(engine: AsyncEngine, wall_time: object) -> Tokens:
    return Tokens(engine, KEY, clock=wall_time, monotonic=lambda: wall_time.now.timestamp())  # type: ignore


async def test_a_token_speaks_for_its_user(users: Users, tokens: Tokens) -> None:
    user = await users.create("lin", GOOD, Role.OPERATOR)
    issued = await tokens.issue(user, "192.0.2.7")
    identity = await tokens.verify(issued.token)
    assert (identity.username, identity.role, identity.session_id) == (
        "lin",
        Role.OPERATOR,
        issued.session_id,
    )
    assert identity.expires_time == issued.expires_time


async def test_a_token_expires(users: Users, tokens: Tokens, wall_time: object) -> None:
    issued = await tokens.issue(await users.create("lin", GOOD), "")
    wall_time.pass_s(43_199)  # type: ignore[attr-defined]
    await tokens.verify(issued.token)
    wall_time.pass_s(1)  # type: ignore[attr-defined]
    with pytest.raises(TokenExpired):
        await tokens.verify(issued.token)


async def test_log_out_voids_the_token_at_once(users: Users, tokens: Tokens) -> None:
    issued = await tokens.issue(await users.create("lin", GOOD), "")
    await tokens.verify(issued.token)
    await tokens.revoke(issued.session_id)
    with pytest.raises(TokenRevoked):
        await tokens.verify(issued.token)


async def test_a_new_password_and_a_disabled_user_void_tokens_within_the_cache_time(
    users: Users, tokens: Tokens, wall_time: object
) -> None:
    first = await tokens.issue(await users.create("lin", GOOD), "")
    second = await tokens.issue(await users.create("wang", GOOD), "")
    await tokens.verify(first.token)
    await tokens.verify(second.token)
    await users.set_password("lin", "better donkey 8")
    await users.set_enabled("wang", False)
    wall_time.pass_s(CACHE_S)  # type: ignore[attr-defined]
    for issued in (first, second):
        with pytest.raises(TokenRevoked):
            await tokens.verify(issued.token)


async def test_a_changed_role_counts_for_tokens_that_are_out(users: Users, tokens: Tokens) -> None:
    issued = await tokens.issue(await users.create("lin", GOOD), "")
    assert (await tokens.verify(issued.token)).role is Role.VIEWER
    await users.set_role("lin", Role.OPERATOR)
    tokens.forget_cached()
    assert (await tokens.verify(issued.token)).role is Role.OPERATOR


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a" * 3000])
async def test_garbage_is_malformed(tokens: Tokens, token: str) -> None:
    with pytest.raises(MalformedToken):
        await tokens.verify(token)
    assert tokens.stats.tokens_refused == 1


async def test_another_key_or_no_signature_is_refused(users: Users, tokens: Tokens) -> None:
    issued = await tokens.issue(await users.create("lin", GOOD), "")
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    forged = [jwt.encode(claims, bytes(32), algorithm="HS256"), jwt.encode(claims, None, algorithm="none")]
    for token in forged:
        with pytest.raises(MalformedToken):
            await tokens.verify(token)


async def test_expired_sessions_are_forgotten_at_the_next_log_in(
    users: Users, tokens: Tokens, wall_time: object
) -> None:
    user = await users.create("lin", GOOD)
    old = await tokens.issue(user, "")
    wall_time.pass_s(43_201)  # type: ignore[attr-defined]
    await tokens.issue(user, "")
    assert await tokens._store.find(old.session_id) is None
