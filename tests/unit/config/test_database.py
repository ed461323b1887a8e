"""The engine and the migrations."""

import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateTable

from config.database import (
    DatabaseUrlError,
    migrate,
    newest_revision,
    open_database,
    revisions,
    schema_revision,
)
from config.migrations.target import target_metadata


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, list(target_metadata())))  # type: ignore[arg-type]


async def test_migrated_schema_is_the_schema_of_all_rooms(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine)
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
        tables = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    await engine.dispose()
    found = [each for each in differences if "alembic_version" not in str(each)]
    assert found == []
    assert {"devices", "channels", "segments", "deletions", "access_user", "access_audit"} <= tables


async def test_migrated_columns_and_keys_equal_created_ones(tmp_path: Path) -> None:
    """Alembic's comparison overlooks primary keys, defaults and checks; the inspector does not."""
    engine = open_database(f"sqlite:///{tmp_path}/migrated.db")
    await migrate(engine)
    async with engine.connect() as connection:
        migrated = await connection.run_sync(_shape)
    await engine.dispose()
    created_engine = create_engine("sqlite://")
    with created_engine.connect() as created_connection:
        for metadata in target_metadata():
            metadata.create_all(created_connection)
        created = _shape(created_connection)
    created_engine.dispose()
    migrated.pop("alembic_version")
    assert migrated == created


def _shape(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], str(column["default"]))
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "checks": sorted(str(check["sqltext"]) for check in inspector.get_check_constraints(table)),
            "foreign": sorted(
                (key["constrained_columns"], key["referred_table"], str(key["options"]))
                for key in inspector.get_foreign_keys(table)
            ),
            "unique": sorted(unique["column_names"] for unique in inspector.get_unique_constraints(table)),
            "indexes": sorted(
                (str(index["name"]), index["column_names"]) for index in inspector.get_indexes(table)
            ),
        }
        for table in inspector.get_table_names()
    }


@pytest.mark.parametrize("revision", [script.revision for script in revisions()])
async def test_every_old_schema_migrates_to_the_newest(tmp_path: Path, revision: str) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    await migrate(engine, revision)
    assert await schema_revision(engine) == revision
    await migrate(engine)
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()
    assert [each for each in differences if "alembic_version" not in str(each)] == []


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    assert await schema_revision(engine) is None
    await migrate(engine)
    await migrate(engine)
    assert await schema_revision(engine) == newest_revision()
    await engine.dispose()


async def test_sqlite_runs_with_write_ahead_log_foreign_keys_and_patience(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")
    async with engine.connect() as connection:
        values = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    await engine.dispose()
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 10_000, "synchronous": 1}


async def test_database_file_is_private_and_its_directory_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tongshi.db"
    engine = open_database(f"sqlite:///{path}")
    await migrate(engine)
    await engine.dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_failed_transaction_leaves_no_table_behind(tmp_path: Path) -> None:
    """DDL is part of the transaction: a migration that breaks half-way is undone."""
    engine = open_database(f"sqlite:///{tmp_path}/tongshi.db")

    async def break_half_way() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE half (a INTEGER)"))
            await connection.execute(text("CREATE TABLE half (a INTEGER)"))

    with pytest.raises(OperationalError):
        await break_half_way()
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await engine.dispose()


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", "", "oracle://x"])
def test_other_databases_are_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="postgresql"):
        open_database(url)


def test_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        open_database("mysql://user:secret-word@host/name")
    assert "secret-word" not in str(caught.value)


async def test_postgresql_address_gets_the_asynchronous_driver() -> None:
    engine = open_database("postgresql://user@localhost/tongshi")
    assert engine.dialect.name == "postgresql"
    assert engine.dialect.driver == "asyncpg"
    await engine.dispose()


@pytest.mark.parametrize("metadata", target_metadata())
def test_tables_compile_for_postgresql(metadata: MetaData) -> None:
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_every_column_with_a_unit_has_a_comment() -> None:
    """Instants, sizes and ticks say what they count."""
    names = ("_time", "_at", "_s", "_us", "_bytes", "_90k", "keep_until", "longitude", "width")
    silent = [
        f"{table.name}.{column.name}"
        for metadata in target_metadata()
        for table in metadata.sorted_tables
        for column in table.columns
        if table.name in {"devices", "channels", "segments", "recording_gaps", "recording_requests"}
        and column.name.endswith(names)
        and not column.comment
    ]
    assert silent == []
