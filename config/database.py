"""The database: one engine for all rooms, and the migrations that bring its schema up to date.

SQLite by default (write-ahead log, one file), PostgreSQL for large sites. Rooms take the engine
and know nothing of the address.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}

SQLITE_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",  # readers do not wait for the writer
    "PRAGMA synchronous=NORMAL",  # a power cut may lose the last transactions, never the database
    "PRAGMA busy_timeout=10000",  # milliseconds a writer waits for its turn
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=1000",  # pages
)

POSTGRES_POOL: Final = 10


class DatabaseUrlError(ValueError):
    """The database address in the settings cannot be used; the message says what is allowed."""


def open_database(url: str) -> AsyncEngine:
    """An engine for ``[database] url``.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, or
            ``postgresql://user:password@host/name``; the async driver is chosen here.

    Raises:
        DatabaseUrlError: another kind of database, or no address at all.
    """
    address = _with_driver(url)
    if address.get_backend_name() == "sqlite":
        return _open_sqlite(address)
    return create_async_engine(
        address, pool_pre_ping=True, pool_size=POSTGRES_POOL, json_serializer=_to_json, hide_parameters=True
    )


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring the schema to ``revision``, in one transaction; a schema that is there already is left alone."""
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(_upgrade, revision)


async def schema_revision(engine: AsyncEngine) -> str | None:
    """The revision that the database stands at, None when it is empty."""
    async with engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def newest_revision() -> str | None:
    """The revision that this program needs."""
    return ScriptDirectory.from_config(_alembic_config()).get_current_head()


def revisions() -> list[Script]:
    """All revisions, the first one first."""
    return list(reversed(list(ScriptDirectory.from_config(_alembic_config()).walk_revisions())))


def _with_driver(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        raise DatabaseUrlError("database url is not of the form sqlite:///FILE or postgresql://...") from None
    driver = DRIVERS.get(address.get_backend_name())
    if driver is None:
        allowed = ", ".join(sorted({"sqlite", "postgresql"}))
        raise DatabaseUrlError(f"database url names {address.get_backend_name()!r}; allowed: {allowed}")
    return address.set(drivername=driver)


def _open_sqlite(address: URL) -> AsyncEngine:
    path = address.database
    if path and path != ":memory:" and not path.startswith("file:"):
        _create_private(Path(path))
    engine = create_async_engine(address, json_serializer=_to_json, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path) -> None:
    """Make the file readable for its owner alone; SQLite gives its log files the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin transactions only before the first write, and not at all before DDL.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _upgrade(connection: Connection, revision: str) -> None:
    config = _alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _alembic_config() -> Config:
    config = Config()
    # A percent sign in the path would be taken for an interpolation.
    here = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", here)
    config.set_main_option("path_separator", "os")
    return config


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
