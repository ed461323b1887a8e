from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from access import audit as audit_module
from access.audit import AuditLog, Outcome
from access.errors import AuditBehind
from access.roles import Action

CHANNEL = "34020000001320000001~34020000001310000001"


@pytest.fixture
def audit(engine: AsyncEngine, wall_time: object) -> AuditLog:
    return AuditLog(engine, b"key", clock=wall_time)  # type: ignore[arg-type]


async def fill(audit: AuditLog, entries: int = 5) -> None:
    for number in range(entries):
        await audit.record(
            Action.VIEW_LIVE, actor="lin", target=CHANNEL, source="192.0.2.7", detail={"number": number}
        )


async def alter(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def test_entries_form_a_chain(audit: AuditLog) -> None:
    assert (await audit.verify()).is_whole
    await fill(audit)
    verdict = await audit.verify()
    assert verdict.is_whole
    assert (verdict.entries, verdict.head) == await audit.head()
    newest = await audit.list(limit=2)
    assert [entry.sequence for entry in newest] == [5, 4]
    assert newest[0].previous_hash == newest[1].hash
    assert (newest[0].actor, newest[0].action, newest[0].detail) == ("lin", "live.view", '{"number": 4}')
    assert [entry.sequence for entry in await audit.list(before=3)] == [2, 1]


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("update access_audit set actor = 'wang' where sequence = 3", 3),
        ("update access_audit set time_us = time_us + 1 where sequence = 1", 1),
        ("update access_audit set detail = '{}' where sequence = 5", 5),
        ("update access_audit set actor = 'li', source = 'n192.0.2.7' where sequence = 2", 2),
        ("delete from access_audit where sequence = 2", 2),
        ("delete from access_audit where sequence = 1", 1),
        ("update access_audit set hash = lower(hex(zeroblob(32))) where sequence = 4", 4),
        ("update access_audit set previous_hash = lower(hex(zeroblob(32))) where sequence = 4", 4),
    ],
)
async def test_any_change_is_found(
    audit: AuditLog, engine: AsyncEngine, statement: str, broken_at: int
) -> None:
    await fill(audit)
    await alter(engine, statement)
    verdict = await audit.verify()
    assert verdict.broken_at == broken_at
    assert str(broken_at) in verdict.reason


async def test_without_the_key_nobody_can_make_the_chain_whole_again(engine: AsyncEngine) -> None:
    await fill(AuditLog(engine, b"forger's key"))
    assert (await AuditLog(engine, b"key").verify()).broken_at == 1


async def test_writers_at_the_same_moment_do_not_break_the_chain(
    audit: AuditLog, engine: AsyncEngine
) -> None:
    other = AuditLog(engine, b"key")
    await asyncio.gather(*(fill(log, 10) for log in (audit, other)))
    verdict = await audit.verify()
    assert verdict.is_whole
    assert verdict.entries == 20


async def test_a_chain_longer_than_one_chunk_is_walked(
    audit: AuditLog, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.audit.VERIFY_CHUNK", 3)
    await fill(audit, 7)
    assert (await audit.verify()).entries == 7
    await alter(engine, "delete from access_audit where sequence = 4")
    assert (await audit.verify()).broken_at == 4


async def test_long_values_are_cut_not_refused(audit: AuditLog) -> None:
    entry = await audit.record(
        "log_in", actor="x" * 999, target="y" * 999, outcome=Outcome.REFUSED, detail={"text": "长" * 9000}
    )
    assert (len(entry.actor), len(entry.target)) == (64, 255)
    assert "cut" in entry.detail
    assert (await audit.verify()).is_whole


async def test_not_everybody_waits_behind_a_database_that_is_away(
    audit: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "TURN_WAIT_S", 0.01)
    async with audit._turn:
        with pytest.raises(AuditBehind, match="did not come to this"):
            await audit.record("control_ptz")
    assert (await audit.record("control_ptz")).sequence == 1
    assert (await audit.verify()).is_whole
