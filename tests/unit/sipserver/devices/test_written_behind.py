"""Rows that are written behind: nobody waits for the database, and nothing is lost in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy.exc import OperationalError

from sipserver.devices import until_written as until_written_module
from sipserver.devices import written_behind as module
from sipserver.devices.until_written import until_written
from sipserver.devices.written_behind import WrittenBehind
from tests.support.virtual_time import run_virtually

AWAY = OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))


class Table:
    """A table that can be away, and slow."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.writes: list[dict[str, int | None]] = []
        self.error: Exception | None = None
        self.takes_s = 0.0

    async def write(self, changes: Mapping[str, int | None]) -> None:
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        self.writes.append(dict(changes))
        for key, row in changes.items():
            if row is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = row


def opened(table: Table, limit: int = 100) -> WrittenBehind[str, int]:
    rows: WrittenBehind[str, int] = WrittenBehind("test", table.write, limit)
    rows.open(table.rows)
    return rows


def test_a_row_is_written_at_once_and_a_removal_a_moment_later() -> None:
    async def main() -> None:
        table = Table()
        rows = opened(table)
        rows.put("a", 1)
        assert "a" in rows
        assert await rows.written("a", 0.5)
        assert table.rows == {"a": 1}
        rows.drop(["a"])
        await asyncio.sleep(module.LINGER_S / 2)
        assert table.rows == {"a": 1}
        await asyncio.sleep(module.LINGER_S)
        assert table.rows == {}
        await rows.close()

    run_virtually(main())


def test_what_never_reached_the_table_is_removed_without_a_write() -> None:
    async def main() -> None:
        table = Table()
        table.error = AWAY
        rows = opened(table)
        rows.put("a", 1)
        await asyncio.sleep(3.0)
        rows.drop(["a"])
        table.error = None
        await asyncio.sleep(60.0)
        assert table.writes in ([], [{"a": None}])
        assert table.rows == {}
        await rows.close()

    run_virtually(main())


def test_a_database_that_is_away_delays_and_loses_nothing() -> None:
    async def main() -> None:
        table = Table()
        table.error = AWAY
        rows = opened(table)
        for number in range(20):
            rows.put(f"row {number % 5}", number)
            await asyncio.sleep(1.0)
        assert not await rows.written("row 1", 1.0)
        table.error = None
        assert await rows.written("row 1", 10.0)
        assert table.rows == {f"row {number}": 15 + number for number in range(5)}
        assert len(table.writes) == 1
        await rows.close()

    run_virtually(main())


def test_a_removal_during_a_slow_write_comes_after_it() -> None:
    async def main() -> None:
        table = Table()
        table.takes_s = 5.0
        rows = opened(table)
        rows.put("a", 1)
        await asyncio.sleep(1.0)
        rows.drop(["a"])
        await asyncio.sleep(20.0)
        assert table.writes == [{"a": 1}, {"a": None}]
        await rows.close()

    run_virtually(main())


def test_closing_writes_what_is_left_for_as_long_as_it_may_take() -> None:
    async def main() -> None:
        table = Table()
        rows = opened(table)
        rows.put("a", 1)
        await asyncio.sleep(0.1)
        rows.drop(["a"])
        rows.put("b", 2)
        await rows.close()
        assert table.rows == {"b": 2}
        away = Table()
        away.error = AWAY
        late = opened(away)
        late.put("a", 1)
        began = asyncio.get_running_loop().time()
        await late.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(module.CLOSE_S)

    run_virtually(main())


def test_rows_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rows = opened(Table(), limit=2)
        for name in "abc":
            rows.put(name, 1)
        rows.put("a", 2)
        assert len(rows) == 2
        assert "c" not in rows
        await rows.close()

    run_virtually(main())
    assert "2 rows are kept already, c is left out" in caplog.text


def test_a_write_that_must_not_be_lost_is_tried_until_it_is_taken() -> None:
    async def main() -> None:
        tries: list[float] = []

        async def write() -> None:
            tries.append(asyncio.get_running_loop().time())
            if len(tries) < 4:
                raise AWAY

        began = asyncio.get_running_loop().time()
        await until_written(write, "the row")
        pause = until_written_module.RETRY_MIN_S
        assert [each - began for each in tries] == [0.0, pause, 3 * pause, 7 * pause]

    run_virtually(main())
