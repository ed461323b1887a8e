"""Say in words what a setting allows, from its type: the second half of each ConfigError line."""

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types

_PLAIN: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}


def describe(kind: Any) -> str:
    """``Annotated[int, Ge(1), Le(65535)]`` becomes ``a whole number from 1 to 65535``."""
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        return " ".join([describe(inner), *_limits(notes)])
    if (choices := _choices(kind)) is not None:
        return "one of " + ", ".join(choices)
    if get_origin(kind) in (Union, UnionType):
        parts = [describe(part) for part in get_args(kind) if part is not NoneType]
        return " or ".join(parts) + (", or empty" if NoneType in get_args(kind) else "")
    if get_origin(kind) in (tuple, list, set, frozenset):
        return "a list, each entry " + describe(get_args(kind)[0])
    if get_origin(kind) in (dict, Mapping):
        _, value = get_args(kind)
        return "a table, each value " + describe(value)
    return _PLAIN.get(kind, f"a {getattr(kind, '__name__', kind)}")


def _choices(kind: Any) -> list[str] | None:
    if get_origin(kind) is Literal:
        return [_quoted(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [_quoted(member.value) for member in kind]
    return None


def _quoted(choice: Any) -> str:
    return f'"{choice}"' if isinstance(choice, str) else str(choice)


def _limits(notes: list[Any]) -> list[str]:
    low, high, words = "", "", []
    for note in _flat(notes):
        match note:
            case annotated_types.Ge(ge=bound):
                low = f"from {bound}"
            case annotated_types.Gt(gt=bound):
                low = f"above {bound}"
            case annotated_types.Le(le=bound):
                high = f"to {bound}" if low else f"at most {bound}"
            case annotated_types.Lt(lt=bound):
                high = f"below {bound}"
            case annotated_types.MinLen(min_length=length):
                words.append(f"of at least {length} characters")
            case annotated_types.MaxLen(max_length=length):
                words.append(f"of at most {length} characters")
            case annotated_types.Predicate(func=test):
                # A test named is_port_range allows a port range.
                name = getattr(test, "__name__", "see config/tongshi.toml")
                words.append(f"({name.removeprefix('is_').replace('_', ' ')})")
            case str():
                words.append(f"({note})")
            case _:
                if (pattern := getattr(note, "pattern", None)) is not None:
                    words.append(f"of the form {pattern}")
    if low and not high:
        low = low.replace("from ", "of at least ")
    return [part for part in (low, high, *words) if part]


def _flat(notes: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for note in notes:
        # Interval and Len unpack into Ge, Le, MinLen and so on.
        flat.extend(note) if isinstance(note, annotated_types.GroupedMetadata) else flat.append(note)
    return flat
