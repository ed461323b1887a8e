"""What the tables of all rooms share: instants, constraint names, writing transactions, bulk upserts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Dialect, Table, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeDecorator

Value = TypeVar("Value")
ExcludedRow = ReadOnlyColumnCollection[str, Any]

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, the same in every room and in the migrations."""

ID_LENGTH: Final = 64
"""GB/T 28181 ids have 20 digits; relaxed deployments use up to 64 letters and digits."""

DATABASE_AWAY: Final[tuple[type[Exception], ...]] = (OperationalError, InterfaceError, PoolTimeout)
"""What a database says that is locked, restarting or gone; any other error is about what was asked of it."""

CHUNK_ROWS: Final = 500
"""Rows in one IN list: SQLite takes 32,766 parameters a statement, PostgreSQL 65,535 / 32,767 by driver."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exact (no float in between)."""
    return (instant - EPOCH) // MICROSECOND


def from_us(microseconds: int) -> datetime:
    """The aware UTC instant of so many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


class UtcTime(TypeDecorator[datetime]):
    """An instant, stored as microseconds since 1970 UTC in a 64-bit integer.

    Integers compare and index alike on SQLite and PostgreSQL, and no driver can lose the zone.
    A naive datetime is refused: it would mean a different instant on every machine.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value.isoformat()} cannot be stored: give it a zone")
        return to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The same engine whose transactions take SQLite's write lock at their start.

    A SQLite transaction that reads first and writes later fails at once, without waiting, when
    another connection wrote in between; with BEGIN IMMEDIATE it waits its turn (busy_timeout).
    ``config/database.py`` reads the option; PostgreSQL ignores it.
    """
    return engine.execution_options(writes=True)


def upsert(
    dialect: str,
    table: Table,
    *,
    key: Sequence[str],
    update: Sequence[str],
    keep_when_null: Iterable[str] = (),
    merged: Callable[[ExcludedRow], Mapping[str, ColumnElement[Any]]] | None = None,
    where: ColumnElement[bool] | None = None,
) -> sqlite.Insert | postgresql.Insert:
    """An ``insert .. on conflict`` to be executed with a list of dicts.

    Args:
        dialect: ``engine.dialect.name``, "sqlite" or "postgresql".
        key: columns of the primary key.
        update: columns that take the new value when the row is there already. Empty: leave the row alone.
        keep_when_null: columns (not in ``update``) that keep the old value when the new one is NULL.
        merged: gives expressions for further columns, from the columns of the row that could not be inserted.
        where: an existing row is changed only if this holds.
    """
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    changes: dict[str, Any] = {name: statement.excluded[name] for name in update}
    for name in keep_when_null:
        changes[name] = func.coalesce(statement.excluded[name], table.c[name])
    if merged is not None:
        changes.update(merged(statement.excluded))
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    return statement.on_conflict_do_update(index_elements=list(key), set_=changes, where=where)


def chunks(values: Iterable[Value], size: int = CHUNK_ROWS) -> Iterator[list[Value]]:
    """``values`` in lists of at most ``size``, in order."""
    source = iter(values)
    while chunk := list(islice(source, size)):
        yield chunk
