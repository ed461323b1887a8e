"""How a configuration block is written as XML and read back: declared on its fields, done here once.

A block is a frozen dataclass whose fields say by ``Tag`` or ``Items`` where they stand. Reading is tolerant:
what is missing is None, what cannot be read or is not known goes to ``unknown`` under its own name, so that
it is shown and not lost. The ranges in the annotations hold for what is sent; a device may say anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from sipserver.gb import manscdp, repair
from sipserver.gb.manscdp import Element

MAX_READ_ITEMS: Final = 64
MAX_UNKNOWN: Final = 200
MAX_TEXT: Final = 1024
_DEPTH_MAX: Final = 6
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_STEP: Final = re.compile(r"([^\[\]]+)(?:\[([1-9][0-9]{0,3})\])?")
_TRUE: Final = frozenset({"1", "true", "on", "yes", "enable", "enabled"})
_FALSE: Final = frozenset({"0", "false", "off", "no", "disable", "disabled"})


@dataclass(frozen=True, slots=True)
class Tag:
    """The child element that holds a field; an empty name: the text of the block's own element."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """Repeated elements: their name, what stands around them, and the element that counts them."""

    name: str
    holder: str = ""
    """Empty: they hang below the block itself."""
    count: str = ""
    is_numbered: bool = False
    """Whether the element around them has the attribute ``Num``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Base of all blocks and of the structures in them."""

    unknown: Mapping[str, str] = field(default_factory=dict)
    """What the device has and this table does not, by path: ``Vendor/Item[2]/Mode``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBlock(Block):
    """A whole block of another edition or of a vendor's own."""

    name: str


@dataclass(frozen=True, slots=True)
class BlockField:
    """One field as the codec sees it; ``kind`` without Optional and without the tuple around items."""

    attribute: str
    place: Tag | Items
    kind: Any


BlockT = TypeVar("BlockT", bound=Block)


_FIELDS: Final[dict[type[Block], tuple[BlockField, ...]]] = {}


def fields_of(kind: type[Block]) -> tuple[BlockField, ...]:
    """The fields of a block in the order in which they are written; looked up once for each kind."""
    known = _FIELDS.get(kind)
    if known is None:
        hints = get_type_hints(kind, include_extras=True)
        found = (_field(each.name, hints[each.name]) for each in fields(kind))
        known = _FIELDS[kind] = tuple(each for each in found if each is not None)
    return known


def read_block(kind: type[BlockT], element: Element) -> BlockT:
    """A block from its element. Never fails: a device can only spoil its own values."""
    return _read(kind, element, _DEPTH_MAX)


def read_unknown(element: Element, name: str) -> UnknownBlock:
    """A block that no table has."""
    return UnknownBlock(name=name, unknown=dict(_flatten(element)))


def write_fields(parent: Element, block: Block) -> None:
    """Fill the element of a block."""
    for each in fields_of(type(block)):
        value = getattr(block, each.attribute)
        if isinstance(each.place, Items):
            _write_items(parent, each.place, value)
        elif value is not None:
            _write_value(parent, each.place, value)
    _write_unknown(parent, block.unknown)


def missing_fields(block: Block) -> list[str]:
    """The attributes that the standard demands and that have no value, by path: ``schedule[1].week_day``."""
    return list(_missing(block, ""))


# Reading.


def _field(attribute: str, hint: Any) -> BlockField | None:
    if get_origin(hint) is not Annotated:
        return None
    inner, *metadata = get_args(hint)
    place = next((each for each in metadata if isinstance(each, Tag | Items)), None)
    return None if place is None else BlockField(attribute, place, _kind(inner))


def _kind(inner: Any) -> Any:
    if get_origin(inner) is tuple:
        return get_args(inner)[0]
    if get_origin(inner) in {Union, UnionType}:
        return next(each for each in get_args(inner) if each is not NoneType)
    return inner


def _read(kind: type[BlockT], element: Element, depth: int) -> BlockT:
    values: dict[str, Any] = {}
    taken: set[str] = set()
    for each in fields_of(kind):
        values[each.attribute] = _read_field(each, element, depth, taken)
    unknown = {
        path: text
        for path, text in _flatten(element)
        if _first_name(path) not in taken and not _is_secret(path)
    }
    return kind(**values, unknown=unknown)


def _read_field(each: BlockField, element: Element, depth: int, taken: set[str]) -> Any:
    place = each.place
    if isinstance(place, Items):
        taken |= {(place.holder or place.name).lower(), place.count.lower(), "num"}
        return _read_items(place, each.kind, element, depth)
    if not place.name:
        value = _scalar(each.kind, (element.text or "").strip())
        if value is not None:
            taken.add("")
        return value
    if isinstance(each.kind, type) and issubclass(each.kind, Block):
        child = manscdp.child(element, place.name)
        taken.add(place.name.lower())
        return None if child is None or depth == 0 else _read(each.kind, child, depth - 1)
    text = manscdp.child_text(element, place.name)
    value = _scalar(each.kind, text[:MAX_TEXT])
    if value is not None or not text:
        taken.add(place.name.lower())
    return value


def _read_items(place: Items, kind: type[Block], element: Element, depth: int) -> tuple[Block, ...]:
    holder = element if not place.holder else manscdp.child(element, place.holder)
    if holder is None or depth == 0:
        return ()
    found = manscdp.list_items(holder, "", place.name)
    return tuple(_read(kind, item, depth - 1) for item in found[:MAX_READ_ITEMS])


def _scalar(kind: Any, text: str) -> Any:
    if not text:
        return None
    if kind is bool:
        word = text.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if kind is int:
        return manscdp.int_or_none(text)
    if kind is float:
        return manscdp.float_or_none(text)
    if kind is str:
        return text
    return kind.from_text(text)


# What no table has, as paths.


def _flatten(element: Element) -> Iterator[tuple[str, str]]:
    found = 0
    for path, text in _leaves(element, "", _DEPTH_MAX):
        if found >= MAX_UNKNOWN:
            return
        if not _is_secret(path):
            found += 1
            yield path, text[:MAX_TEXT]


def _leaves(element: Element, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth == 0:
        return
    seen: dict[str, int] = {}
    children = [(each.tag.rsplit("}", 1)[-1], each) for each in element if isinstance(each.tag, str)]
    for name, child in children:
        if not _NAME.fullmatch(name):
            continue
        seen[name] = seen.get(name, 0) + 1
        step = name if seen[name] == 1 else f"{name}[{seen[name]}]"
        if len(child):
            yield from _leaves(child, f"{prefix}{step}/", depth - 1)
        else:
            yield prefix + step, (child.text or "").strip()
    if not prefix and not children and (text := (element.text or "").strip()):
        yield "", text


def _first_name(path: str) -> str:
    return path.split("/", 1)[0].split("[", 1)[0].lower()


def _is_secret(path: str) -> bool:
    return "password" in path.lower()


def _write_unknown(parent: Element, unknown: Mapping[str, str]) -> None:
    """Put paths back into elements; what is no path of ours is left out."""
    made: dict[str, Element] = {"": parent}
    for path, text in unknown.items():
        if not path:
            parent.text = _clean(text)
            continue
        *groups, leaf = path.split("/")
        if len(groups) >= _DEPTH_MAX or not all(_is_step(step) for step in (*groups, leaf)):
            continue
        at, here = "", parent
        for step in groups:
            at = f"{at}/{step}"
            if at not in made:
                made[at] = manscdp.add_group(here, step.split("[", 1)[0])
            here = made[at]
        manscdp.add_text(here, leaf.split("[", 1)[0], text)


def _is_step(step: str) -> bool:
    match = _STEP.fullmatch(step)
    return match is not None and _NAME.fullmatch(match[1]) is not None


# Writing.


def _write_items(parent: Element, place: Items, items: tuple[Block, ...]) -> None:
    if place.count:
        manscdp.add_text(parent, place.count, len(items))
    holder = parent
    if place.holder:
        if not items:
            return
        holder = manscdp.add_group(parent, place.holder)
    if place.is_numbered:
        holder.set("Num", str(len(items)))
    for item in items:
        write_fields(manscdp.add_group(holder, place.name), item)


def _write_value(parent: Element, place: Tag, value: Any) -> None:
    if isinstance(value, Block):
        write_fields(manscdp.add_group(parent, place.name), value)
        return
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if place.name:
        manscdp.add_text(parent, place.name, text)
    else:
        parent.text = _clean(text)


def _missing(block: Block, prefix: str) -> Iterator[str]:
    for each in fields_of(type(block)):
        value = getattr(block, each.attribute)
        name = prefix + each.attribute
        if isinstance(each.place, Items):
            for number, item in enumerate(value, 1):
                yield from _missing(item, f"{name}[{number}].")
        elif value is None:
            if each.place.required:
                yield name
        elif isinstance(value, Block):
            yield from _missing(value, name + ".")


def _clean(text: str) -> str:
    return repair.delete_control_characters(text).replace("\r", " ").replace("\n", " ")
