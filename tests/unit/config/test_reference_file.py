"""``config/tongshi.toml`` and the dataclasses are equal in both directions."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from config.load import load_settings
from config.schema import Settings

REFERENCE = Path(__file__).parents[3] / "config" / "tongshi.toml"
_TABLE = re.compile(r"\[([a-z]+)\]")
_KEY = re.compile(r"(?:# )?([a-z][a-z0-9_]*) = (.+)")


def _shown() -> dict[str, dict[str, Any]]:
    """Table and key to the value that the file shows."""
    tables: dict[str, dict[str, Any]] = {}
    table = ""
    for line in REFERENCE.read_text("utf-8").splitlines():
        if match := _TABLE.fullmatch(line):
            table = match[1]
            tables[table] = {}
        elif match := _KEY.fullmatch(line):
            assert match[1] not in tables[table], f"{table}.{match[1]} stands twice"
            tables[table][match[1]] = tomllib.loads(f"value = {match[2]}")["value"]
    return tables


def _plain(value: Any) -> Any:
    match value:
        case None:
            return ""
        case Enum():
            return value.value
        case Path():
            return str(value)
        case tuple():
            return [_plain(part) for part in value]
        case Mapping():
            return {key: _plain(part) for key, part in value.items()}
        case _:
            return value


def _defaults() -> dict[str, dict[str, Any]]:
    settings = Settings()
    return {
        table.name: {
            key.name: _plain(getattr(getattr(settings, table.name), key.name))
            for key in dataclasses.fields(getattr(settings, table.name))
        }
        for table in dataclasses.fields(settings)
    }


def test_the_reference_file_shows_every_key_with_its_real_default() -> None:
    shown, defaults = _shown(), _defaults()
    assert set(shown) == set(defaults)
    for table, keys in defaults.items():
        assert set(shown[table]) == set(keys), table
        for key, value in keys.items():
            assert (shown[table][key], type(shown[table][key])) == (value, type(value)), f"{table}.{key}"


def test_every_key_is_explained_above_it() -> None:
    above = ""
    for line in REFERENCE.read_text("utf-8").splitlines():
        if _KEY.fullmatch(line):
            is_explained = above.startswith("# ") and not _KEY.fullmatch(above)
            assert is_explained, f"nothing explains {line!r}"
        above = line


def test_the_reference_file_loads_and_changes_nothing() -> None:
    assert load_settings(REFERENCE, {}) == Settings()


def test_the_reference_file_loads_with_every_key_written_out(tmp_path: Path) -> None:
    lines = [
        line[2:] if line.startswith("# ") and _KEY.fullmatch(line) else line
        for line in REFERENCE.read_text("utf-8").splitlines()
    ]
    written = tmp_path / "all.toml"
    written.write_text("\n".join(lines), "utf-8")
    assert load_settings(written, {}) == Settings()
