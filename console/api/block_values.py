"""Configuration blocks as JSON: out as the device said it, in only as the standard allows it."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from console.api.problems import INVALID, ApiProblem
from sipserver.gb.config_blocks.block import Block, UnknownBlock, fields_of, missing_fields
from sipserver.gb.config_blocks.registry import find_block

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


def values_of(block: Block) -> dict[str, Any]:
    """The fields that have a value; ``unknown`` only when there is something in it."""
    found = {each.name: _plain(getattr(block, each.name)) for each in fields(block)}
    if isinstance(block, UnknownBlock):
        del found["name"]
    if not found["unknown"]:
        del found["unknown"]
    return {name: value for name, value in found.items() if value is not None}


def block_of(name: str, values: Mapping[str, Any]) -> Block:
    """A block to be sent.

    Raises:
        ApiProblem: an unknown field, a value out of range, or one that is missing.
    """
    row = find_block(name)
    if row is None:
        return _vendor_block(name, values)
    if not row.can_set:
        raise ApiProblem(INVALID, f"{row.name} can be asked for, and not be set here", errors=[row.name])
    if strange := list(_strange(row.kind, values, "body")):
        raise ApiProblem(INVALID, f"{strange[0]}: there is no such field", errors=strange)
    try:
        block = adapter(row.kind).validate_python(values)
    except ValidationError as error:
        lines = [
            f"body.{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise ApiProblem(INVALID, "; ".join(lines[:3]), errors=lines) from error
    if missing := [f"body.{path}: is needed" for path in missing_fields(block)]:
        raise ApiProblem(INVALID, "; ".join(missing[:3]), errors=missing)
    return block


_ADAPTERS: Final[dict[type[Block], TypeAdapter[Block]]] = {}


def adapter(kind: type[Block]) -> TypeAdapter[Block]:
    """Checks and describes one kind of block."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _plain(value: Any) -> Any:
    if isinstance(value, Block):
        return values_of(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def _vendor_block(name: str, values: Mapping[str, Any]) -> Block:
    """A block that no edition has: texts by path."""
    texts = values.get("unknown")
    is_texts = isinstance(texts, Mapping) and all(isinstance(text, str) for text in texts.values())
    if (
        not NAME.fullmatch(name)
        or set(values) != {"unknown"}
        or not isinstance(texts, Mapping)
        or not is_texts
    ):
        line = (
            f"{name[:64]!r} is no block of the standard; one of a vendor is sent as unknown = {{path: text}}"
        )
        raise ApiProblem(INVALID, line, errors=[line])
    return UnknownBlock(name=name, unknown=dict(texts))


def _strange(kind: Any, values: Any, path: str) -> Any:
    """Fields that the block does not have: a spelling mistake must not be taken for a setting."""
    if not isinstance(values, Mapping) or not is_dataclass(kind):
        return
    known: dict[str, Any] = {}
    if isinstance(kind, type) and issubclass(kind, Block):
        known = {each.attribute: each.kind for each in fields_of(kind)}
    names = {each.name for each in fields(kind)}
    for name, value in values.items():
        here = f"{path}.{name}"
        if name not in names:
            yield here
        for number, item in enumerate(value if isinstance(value, list) else [value], 1):
            yield from _strange(known.get(name), item, f"{here}[{number}]" if item is not value else here)
