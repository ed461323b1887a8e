"""Configuration blocks for properties: every field of every block, filled from its own declaration."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sipserver.gb.config_blocks.block import Block, BlockField, Items, UnknownBlock, fields_of
from sipserver.gb.config_blocks.picture import Rectangle
from sipserver.gb.config_blocks.registry import BLOCKS

TEXTS = st.text("abcXYZ019 -_./:&<>\"'东门大厅", min_size=1, max_size=32).map(str.strip).filter(bool)
NAMES = st.from_regex(r"Vendor[A-Z][A-Za-z0-9]{0,8}", fullmatch=True)
PIXELS = st.integers(0, 65_535)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(0, 100_000),
    float: st.floats(-180, 180),
    str: TEXTS,
    Rectangle: st.builds(Rectangle, PIXELS, PIXELS, PIXELS, PIXELS),
}


def blocks_of(kind: type[Block]) -> st.SearchStrategy[Any]:
    """Any block of a kind; each field there or not."""
    values = {each.attribute: _values(each) for each in fields_of(kind)}
    return st.builds(kind, **values, unknown=st.dictionaries(NAMES, TEXTS, max_size=2))


def any_block() -> st.SearchStrategy[Any]:
    known = [blocks_of(row.kind) for row in BLOCKS.values()]
    paths = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
    unknown = st.builds(UnknownBlock, name=NAMES, unknown=st.dictionaries(paths, TEXTS, max_size=4))
    return st.one_of(*known, unknown)


def _values(each: BlockField) -> st.SearchStrategy[Any]:
    if isinstance(each.place, Items):
        return st.lists(blocks_of(each.kind), max_size=3).map(tuple)
    if isinstance(each.kind, type) and issubclass(each.kind, Block):
        return st.none() | blocks_of(each.kind)
    return st.none() | _SCALARS[each.kind]
