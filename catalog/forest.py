"""The trees of all devices, kept while somebody looks at them; and the one tree of regions over all of them.

A platform's own tree stands below the platform: whatever it says about parents, each of its items is found
exactly once per place, without loops (``tree.py``). Regions are one for all: a camera that comes by several
platforms stands there once, by its best way.

Source: gb28181.md 1.6; GB-C004, GB-C005, GB-C013.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.codes import REGION_LENGTHS
from catalog.comparison import pages_of
from catalog.keyset import Page, clamp_limit, decode_cursor, encode_cursor, page_of
from catalog.model import ChannelKey, ChannelKind
from catalog.tables import channels, devices
from catalog.tree import ORGANISATIONS, Tree, business_tree, physical_tree

KEPT_ITEMS: Final = 400_000
"""Items of all trees that are kept; those looked at longest ago go first."""
CAMERA: Final = ChannelKind.CAMERA.value


class Form(StrEnum):
    """How the items of a device are hung up."""

    PHYSICAL = "physical"  # under devices and systems
    BUSINESS = "business"  # under groups and organisations


class Hung(NamedTuple):
    """An item as far as trees look at it."""

    channel_id: str
    kind: ChannelKind
    parent_ids: Sequence[str]
    business_group_id: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A child in a tree of a device."""

    item_id: str
    has_children: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A region with cameras in it."""

    code: str
    name: str
    cameras: int


class Forest:
    """Trees are built when they are asked for, beside the event loop, and again after a change."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._trees: OrderedDict[tuple[Form, str], tuple[Tree, int]] = OrderedDict()
        self._building = asyncio.Lock()
        self._changes: dict[str, int] = {}

    def channels_changed(self, device_id: str, _: Collection[str] | None) -> None:
        """A listener of the store: the trees of this device are to be built anew."""
        self._changes[device_id] = self._changes.get(device_id, 0) + 1
        for form in Form:
            self._trees.pop((form, device_id), None)

    # ---------------------------------------------------------------- trees of devices

    async def children(
        self, form: Form, device_id: str, item_id: str, cursor: str | None, limit: int
    ) -> Page[Branch]:
        """What hangs under an item, or under the device itself, in the device's own order."""
        limit = clamp_limit(limit)
        tree = await self._tree(form, device_id)
        all_of_them = tree.children_of(item_id)
        start = 0
        if cursor is not None:
            (last,) = decode_cursor(cursor, (str,))
            start = all_of_them.index(last) + 1 if last in all_of_them else len(all_of_them)
        found = [Branch(each, tree.has_children(each)) for each in all_of_them[start : start + limit + 1]]
        return page_of(found, limit, [encode_cursor(each.item_id) for each in found])

    async def with_organisations(self) -> set[str]:
        """The devices that list groups or organisations."""
        kinds = [kind.value for kind in ORGANISATIONS]
        query = select(channels.c.device_id).where(channels.c.kind.in_(kinds), channels.c.present).distinct()
        async with self._reading.connect() as connection:
            return {row.device_id for row in await connection.execute(query)}

    # ---------------------------------------------------------------- regions over all

    async def regions(self, above: str = "") -> list[Region]:
        """The regions right below one, or the topmost, that have cameras; by code."""
        column = channels.c.region_code
        query = (
            select(column, func.count())
            .where(channels.c.present, channels.c.kind == CAMERA, column.startswith(above, autoescape=True))
            .group_by(column)
        )
        counts: dict[str, int] = {}
        async with self._reading.connect() as connection:
            for code, count in await connection.execute(query):
                if (below := _next_level(code, above)) is not None:
                    counts[below] = counts.get(below, 0) + int(count)
            names = await _region_names(connection, list(counts))
        return [Region(code, names.get(code, code), counts[code]) for code in sorted(counts)]

    async def cameras_in(self, code: str, cursor: str | None, limit: int) -> Page[ChannelKey]:
        """The cameras of exactly this region, empty for those of none; each once, by its best way."""
        limit = clamp_limit(limit)
        ways = _best_ways(code)
        query = (
            select(ways.c.device_id, ways.c.channel_id)
            .where(ways.c.nth == 1)
            .order_by(ways.c.channel_id, ways.c.device_id)
            .limit(limit + 1)
        )
        if cursor is not None:
            after = decode_cursor(cursor, (str, str))
            query = query.where(tuple_(ways.c.channel_id, ways.c.device_id) > tuple_(*after))
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query)).all()
        found = [ChannelKey(row.device_id, row.channel_id) for row in rows]
        return page_of(found, limit, [encode_cursor(key.channel_id, key.device_id) for key in found])

    # ---------------------------------------------------------------- inside

    async def _tree(self, form: Form, device_id: str) -> Tree:
        async with self._building:
            held = self._trees.get((form, device_id))
            if held is not None:
                self._trees.move_to_end((form, device_id))
                return held[0]
            change = self._changes.get(device_id)
            items = await self._items(device_id)
            build = physical_tree if form is Form.PHYSICAL else business_tree
            tree = await asyncio.to_thread(build, device_id, items)
            if self._changes.get(device_id) == change:
                self._keep(form, tree, len(items))
            return tree

    def _keep(self, form: Form, tree: Tree, items: int) -> None:
        self._trees[form, tree.root] = tree, items
        while len(self._trees) > 1 and sum(count for _, count in self._trees.values()) > KEPT_ITEMS:
            self._trees.popitem(last=False)

    async def _items(self, device_id: str) -> list[Hung]:
        found: list[tuple[int, Hung]] = []
        columns = ("kind", "parent_ids", "business_group_id", "position", "present")
        async with self._reading.connect() as connection:
            async for page in pages_of(connection, device_id, columns):
                for channel_id, kind, parent_ids, group, position, present in page:
                    if present:
                        found.append((position, Hung(channel_id, ChannelKind(kind), parent_ids, group)))
        found.sort()
        return [hung for _, hung in found]


def _next_level(code: str, above: str) -> str | None:
    """The region right below ``above`` that this code lies in."""
    length = next((each for each in REGION_LENGTHS if each > len(above)), None)
    if length is None or len(code) <= len(above):
        return None
    return code[:length]


async def _region_names(connection: Any, codes: Sequence[str]) -> Mapping[str, str]:
    """As the platforms call them: the first that has a name for it."""
    query = (
        select(channels.c.channel_id, func.min(channels.c.name))
        .where(channels.c.channel_id.in_(codes), channels.c.kind == ChannelKind.REGION.value)
        .where(channels.c.present, channels.c.name != "", channels.c.name != channels.c.channel_id)
        .group_by(channels.c.channel_id)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


def _best_ways(code: str) -> Any:
    """Numbers the ways to each camera of a region, the best first."""
    is_of_platform = devices.c.is_subordinate
    same_camera = case(
        (is_of_platform, channels.c.channel_id),
        else_=channels.c.device_id.concat("~").concat(channels.c.channel_id),
    )
    is_off = case((channels.c.status_online.is_(False), 1), else_=0)
    query: Select[Any] = (
        select(
            channels.c.device_id,
            channels.c.channel_id,
            func.row_number()
            .over(
                partition_by=same_camera,
                order_by=(is_off, devices.c.path_rank, channels.c.device_id),
            )
            .label("nth"),
        )
        .join(devices, devices.c.device_id == channels.c.device_id)
        .where(channels.c.region_code == code, channels.c.present, channels.c.kind == CAMERA)
    )
    return query.subquery()
