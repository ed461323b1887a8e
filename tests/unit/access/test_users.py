from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from access.errors import (
    LastAdmin,
    LockedOut,
    LogInsBusy,
    MalformedUsername,
    UnknownUser,
    UnsuitablePassword,
    UserExists,
    WrongPassword,
)
from access.passwords import PasswordHashes
from access.roles import Role
from access.settings import AccessSettings
from access.users import Users

GOOD = "correct horse 7"
SOURCE = "192.0.2.7"


async def fail(users: Users, username: str = "lin", source: str = SOURCE) -> None:
    with pytest.raises(WrongPassword):
        await users.verify(username, "wrong", source)


async def test_the_first_admin_gets_a_generated_password_once(users: Users) -> None:
    password = await users.ensure_first_admin({})
    assert password is not None
    assert len(password) == 16
    assert (await users.verify("admin", password, SOURCE)).role is Role.ADMIN
    assert await users.ensure_first_admin({}) is None


async def test_the_first_admin_takes_the_password_of_the_environment(users: Users) -> None:
    assert await users.ensure_first_admin({"TONGSHI_ADMIN_PASSWORD": GOOD}) is None
    assert (await users.verify("admin", GOOD, SOURCE)).username == "admin"
    # A later start with another value changes nothing.
    await users.ensure_first_admin({"TONGSHI_ADMIN_PASSWORD": "another one 9"})
    assert (await users.verify("admin", GOOD, SOURCE)).username == "admin"


async def test_a_weak_first_password_is_taken_with_a_warning_that_does_not_tell_it(
    users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    await users.ensure_first_admin({"TONGSHI_ADMIN_PASSWORD": "zzz-1"})
    assert "weak first password" in caplog.text
    assert "zzz-1" not in caplog.text
    assert await users.verify("admin", "zzz-1", SOURCE)


async def test_no_password_stands_in_the_database(users: Users, engine: AsyncEngine) -> None:
    await users.create("lin", GOOD)
    async with engine.connect() as connection:
        row = (await connection.execute(text("select * from access_user"))).one()
    assert GOOD not in str(row)
    assert row.password_hash.startswith("$argon2id$")


async def test_names_are_compared_without_case_and_width(users: Users) -> None:
    await users.create("Lin", GOOD)
    assert (await users.verify("ｌｉｎ", GOOD, SOURCE)).username == "Lin"
    with pytest.raises(UserExists):
        await users.create("LIN", GOOD)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b", "a\n"])
async def test_a_malformed_name_is_refused(users: Users, name: str) -> None:
    with pytest.raises(MalformedUsername):
        await users.create(name, GOOD)


@pytest.mark.parametrize("password", ["short 1", "aaaaaaaaaaaaaa", "x" * 1025, "watcher1234"])
async def test_an_unsuitable_password_is_refused(users: Users, password: str) -> None:
    with pytest.raises(UnsuitablePassword):
        await users.create("watcher", password)


async def test_five_failures_lock_the_name_even_for_the_right_password(
    users: Users, wall_time: object
) -> None:
    await users.create("lin", GOOD)
    for _ in range(5):
        await fail(users)
    with pytest.raises(LockedOut) as refused:
        await users.verify("lin", GOOD, "198.51.100.1")
    assert (refused.value.until_time - wall_time()).total_seconds() == 30  # type: ignore[operator]
    assert users.stats.log_ins_locked_out == 1


async def test_locks_double_up_to_the_longest(users: Users, wall_time: object) -> None:
    await users.create("lin", GOOD)
    for _ in range(5):
        await fail(users)
    locks = []
    for _ in range(7):
        with pytest.raises(LockedOut) as refused:
            await users.verify("lin", "wrong", SOURCE)
        locks.append((refused.value.until_time - wall_time()).total_seconds())  # type: ignore[operator]
        wall_time.pass_s(locks[-1])  # type: ignore[attr-defined]
        await fail(users)
    assert locks == [30, 60, 120, 240, 480, 900, 900]


async def test_a_success_after_the_lock_starts_afresh(users: Users, wall_time: object) -> None:
    await users.create("lin", GOOD)
    for _ in range(5):
        await fail(users)
    wall_time.pass_s(30)  # type: ignore[attr-defined]
    await users.verify("lin", GOOD, SOURCE)
    for _ in range(4):
        await fail(users)
    assert await users.verify("lin", GOOD, SOURCE)


async def test_old_failures_are_forgotten(users: Users, wall_time: object) -> None:
    await users.create("lin", GOOD)
    for _ in range(4):
        await fail(users)
    wall_time.pass_s(1801)  # type: ignore[attr-defined]
    for _ in range(4):
        await fail(users)
    assert await users.verify("lin", GOOD, SOURCE)


async def test_an_unknown_name_is_locked_like_a_known_one(users: Users) -> None:
    for _ in range(5):
        await fail(users, "nobody")
    with pytest.raises(LockedOut):
        await users.verify("nobody", "wrong", SOURCE)


async def test_a_source_that_tries_many_names_is_locked(users: Users) -> None:
    await users.create("lin", GOOD)
    for number in range(20):
        await fail(users, f"guess{number}")
    with pytest.raises(LockedOut):
        await users.verify("lin", GOOD, SOURCE)
    assert await users.verify("lin", GOOD, "198.51.100.1")


async def test_one_good_account_does_not_pay_for_guessing_others(users: Users) -> None:
    await users.create("lin", GOOD)
    for number in range(20):
        await fail(users, f"guess{number}")
        if number < 19:
            await users.verify("lin", GOOD, SOURCE)
    with pytest.raises(LockedOut):
        await users.verify("lin", GOOD, SOURCE)


async def test_a_lock_outlives_a_restart(users: Users, engine: AsyncEngine, wall_time: object) -> None:
    await users.create("lin", GOOD)
    for _ in range(5):
        await fail(users)
    again = Users(engine, AccessSettings(hash_memory_kib=32, hash_rounds=1), clock=wall_time)  # type: ignore[arg-type]
    with pytest.raises(LockedOut):
        await again.verify("lin", GOOD, SOURCE)
    again.close()


async def test_tries_at_the_same_moment_are_all_counted(users: Users) -> None:
    await users.create("lin", GOOD)
    results = await asyncio.gather(
        *(users.verify("lin", f"guess {number}", SOURCE) for number in range(12)), return_exceptions=True
    )
    assert sum(isinstance(result, WrongPassword) for result in results) == 5
    assert sum(isinstance(result, LockedOut) for result in results) == 7


async def test_a_new_password_lifts_the_lock(users: Users) -> None:
    await users.create("lin", GOOD)
    for _ in range(5):
        await fail(users)
    await users.set_password("lin", "better donkey 8")
    assert await users.verify("lin", "better donkey 8", SOURCE)
    with pytest.raises(UnknownUser):
        await users.set_password("nobody", GOOD)


async def test_the_last_admin_stays(users: Users) -> None:
    await users.ensure_first_admin({"TONGSHI_ADMIN_PASSWORD": GOOD})
    with pytest.raises(LastAdmin):
        await users.set_role("admin", Role.VIEWER)
    with pytest.raises(LastAdmin):
        await users.set_enabled("admin", False)
    await users.create("deputy", GOOD, Role.ADMIN)
    await users.set_enabled("admin", False)
    with pytest.raises(WrongPassword):
        await users.verify("admin", GOOD, SOURCE)
    assert [user.username for user in await users.list()] == ["admin", "deputy"]


async def test_a_hash_with_old_costs_is_renewed_at_the_next_log_in(users: Users, engine: AsyncEngine) -> None:
    await users.create("lin", GOOD)
    dearer = Users(engine, AccessSettings(hash_memory_kib=64, hash_rounds=2))
    await dearer.verify("lin", GOOD, SOURCE)
    dearer.close()
    async with engine.connect() as connection:
        stored = (await connection.execute(text("select password_hash from access_user"))).scalar_one()
    assert "t=2" in stored


async def test_an_unknown_user_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch, users: Users) -> None:
    checked: list[str] = []
    verify = PasswordHashes._verify

    def count(self: PasswordHashes, password_hash: str | None, password: str) -> bool:
        checked.append(password)
        return verify(self, password_hash, password)

    monkeypatch.setattr(PasswordHashes, "_verify", count)
    await fail(users, "nobody")
    assert checked == ["wrong"]


async def test_log_ins_past_the_bound_are_told_to_wait_and_not_counted_as_failures(
    engine: AsyncEngine,
) -> None:
    narrow = Users(
        engine, AccessSettings(hash_memory_kib=32, hash_rounds=1, parallel_hashes=1, waiting_log_ins=1)
    )
    narrow._hashes._in_hand = 2
    with pytest.raises(LogInsBusy):
        await narrow.verify("lin", "wrong", SOURCE)
    narrow._hashes._in_hand = 0
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from access_login_guard"))).scalar_one() == 0
    narrow.close()


async def test_guessed_names_do_not_fill_the_table(
    users: Users, engine: AsyncEngine, wall_time: object
) -> None:
    for number in range(15):
        await fail(users, f"guess{number}", f"192.0.2.{number}")
    wall_time.pass_s(3600)  # type: ignore[attr-defined]
    await users._guard.sweep()
    async with engine.connect() as connection:
        assert (await connection.execute(text("select count(*) from access_login_guard"))).scalar_one() == 0
