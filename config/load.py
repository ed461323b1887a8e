"""Read the settings: defaults, then the TOML file, then the environment; later ones win.

``TONGSHI_<TABLE>__<KEY>`` overrides one key. In the environment a list is written with commas, or as JSON; a
table is JSON. Nothing else in the platform reads settings from the environment.
"""

import dataclasses
import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from config.allowed import describe
from config.errors import ConfigError
from config.schema import Settings, cross_faults

ENVIRONMENT_PREFIX: Final = "TONGSHI_"
_SECRET_WORDS: Final = ("password", "secret", "token")
_MAX_VALUE_IN_MESSAGE: Final = 80

SchemaT = TypeVar("SchemaT")


@dataclasses.dataclass(frozen=True, slots=True)
class _Given:
    """One value that somebody wrote, and where."""

    value: Any
    origin: str
    from_environment: bool = False


def load_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check everything at once.

    Args:
        path: the TOML file; None = defaults and environment alone.
        environment: ``os.environ`` unless given.

    Raises:
        ConfigError: with one line for every fault, not only for the first.
    """
    settings = load_tables(Settings, path, os.environ if environment is None else environment)
    if faults := list(cross_faults(settings)):
        raise ConfigError(*faults)
    return settings


def load_tables(schema: type[SchemaT], path: Path | None, environment: Mapping[str, str]) -> SchemaT:
    """The same for any frozen dataclass whose fields are frozen dataclasses, one per table."""
    tables = get_type_hints(schema, include_extras=True)
    given: dict[str, dict[str, _Given]] = {name: {} for name in tables}
    faults = [*_take_file(path, tables, given), *_take_environment(environment, tables, given)]
    built: dict[str, Any] = {}
    for name, kind in tables.items():
        values = _check_table(name, kind, given[name], faults)
        if values is not None:
            _build(name, kind, values, built, faults)
    if faults:
        raise ConfigError(*faults)
    return schema(**built)


def _take_file(
    path: Path | None, tables: Mapping[str, Any], given: dict[str, dict[str, _Given]]
) -> Iterator[str]:
    if path is None:
        return
    for name, content in _read(path).items():
        if not isinstance(content, dict):
            shown = _show(name, content)
            yield f"{path}: {name} = {shown} stands outside a table; allowed are {_names(tables)}"
        elif name not in tables:
            yield f"{path}: table [{name}] is unknown{_suggest(name, tables)}; allowed are {_names(tables)}"
        else:
            given[name].update({key: _Given(value, str(path)) for key, value in content.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; give --config FILE") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def _take_environment(
    environment: Mapping[str, str], tables: Mapping[str, Any], given: dict[str, dict[str, _Given]]
) -> Iterator[str]:
    for variable, text in sorted(environment.items()):
        table, separator, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not variable.startswith(ENVIRONMENT_PREFIX) or not separator:
            continue
        if table not in tables:
            near = _suggest(table, tables)
            yield f"{variable}: table [{table}] is unknown{near}; allowed are {_names(tables)}"
        else:
            given[table][key] = _Given(text, variable, from_environment=True)


def _check_table(
    table: str, kind: Any, given: Mapping[str, _Given], faults: list[str]
) -> dict[str, Any] | None:
    """The checked values, or None when a fault makes building the table pointless."""
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    before = len(faults)
    values: dict[str, Any] = {}
    for key, entry in given.items():
        if key not in fields:
            known = _suggest(key, fields)
            faults.append(
                f"{entry.origin}: {table}.{key} = {_show(key, entry.value)}: the key is unknown{known}"
            )
            continue
        try:
            values[key] = _convert(hints[key], entry)
        except ValueError as error:
            faults.append(_fault(table, fields[key], hints[key], entry, error))
    for key, field in fields.items():
        if key not in given and _is_required(field):
            faults.append(f"{table}.{key} is not set; allowed is {describe(hints[key])}")
    return values if len(faults) == before else None


def _build(table: str, kind: Any, values: dict[str, Any], built: dict[str, Any], faults: list[str]) -> None:
    try:
        built[table] = kind(**values)
    except ValueError as error:  # raised by __post_init__: values that do not fit together
        faults.append(f"[{table}]: {_one_line(str(error))}")


def _convert(hint: Any, entry: _Given) -> Any:
    value = entry.value
    if value == "" and _allows_none(hint):
        return None
    if entry.from_environment and (structure := _structure(hint)) is not None:
        value = _from_text(structure, str(value))
    return TypeAdapter(hint).validate_python(value)


def _from_text(structure: type, text: str) -> Any:
    if text.lstrip().startswith(("[", "{")):
        return json.loads(text)
    if issubclass(structure, Mapping):
        raise ValueError("a table in the environment is written as JSON")
    return [part.strip() for part in text.split(",") if part.strip()]


def _structure(hint: Any) -> type | None:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    origin = get_origin(hint)
    return origin if isinstance(origin, type) and issubclass(origin, (tuple, list, Mapping)) else None


def _allows_none(hint: Any) -> bool:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return NoneType in get_args(hint)


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _fault(table: str, field: "dataclasses.Field[Any]", hint: Any, entry: _Given, error: ValueError) -> str:
    why = ""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] in ("value_error", "assertion_error") or place:
            why = f" ({place + ': ' if place else ''}{first['msg']})"
    else:
        why = f" ({error})"
    default = "" if _is_required(field) else f"; the default is {_show(field.name, _default(field))}"
    shown = _show(field.name, entry.value)
    allowed = describe(hint)
    return _one_line(
        f"{entry.origin}: {table}.{field.name} = {shown} is wrong{why}: allowed is {allowed}{default}"
    )


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _show(key: str, value: Any) -> str:
    if any(word in key for word in _SECRET_WORDS) and value not in ("", None):
        return "(hidden)"
    # As it would be written in the file; enums are strings, and a path is shown as one.
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_VALUE_IN_MESSAGE else text[:_MAX_VALUE_IN_MESSAGE] + "..."


def _suggest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.5)
    return f", did you mean {' or '.join(near)}?" if near else ""


def _names(tables: Mapping[str, Any]) -> str:
    return ", ".join(f"[{name}]" for name in tables)


def _one_line(text: str) -> str:
    return " ".join(text.split())
