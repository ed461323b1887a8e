"""Has those below report what superiors subscribed to: a place that no device tells nobody can pass on.

What is wanted is held against what was asked for, so it does not matter in which order superiors come and go.
A subscription that an operator made is left alone. Source: gb28181.md 5.1, 8.6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from cascade.ports import DeviceSubscriptions
from cascade.shown.presented import PresentedTree
from cascade.shown.stock import AWAY
from cascade.told.subscriptions import Kind as UpwardKind
from cascade.told.subscriptions import Subscription
from sipserver.devices.errors import DeviceError
from sipserver.devices.subscriptions.kinds import Kind
from sipserver.gb.ids import SYSTEM_TYPE, GbId

DEVICES_MAX: Final = 1_000
"""That are subscribed to for the sake of one subscription of a superior."""
WISHED: Final = {
    UpwardKind.ALARM: Kind.ALARM,
    UpwardKind.MOBILE_POSITION: Kind.MOBILE_POSITION,
    UpwardKind.PTZ_POSITION: Kind.PTZ_POSITION,
}
REQUESTED_BY: Final = "superiors"
"""Who asked, as the list of subscriptions says it."""
AT_ONCE: Final = 16
GRACE_S: Final = 900.0
"""After our restart superiors have so long to subscribe anew, before what they wanted is cancelled."""
RETRY_S: Final = 60.0

logger = logging.getLogger(__name__)


class Wish(NamedTuple):
    """One kind of report of one device."""

    device_id: str
    kind: Kind


Doing: TypeAlias = Callable[[Wish], Awaitable[None]]


class Wishes:
    """Of all superiors."""

    def __init__(self, devices: DeviceSubscriptions) -> None:
        self._devices = devices
        self._wanted: dict[object, frozenset[Wish]] = {}
        self._asked: set[Wish] = set()
        self._refused: set[Wish] = set()
        """Not known, or not able to."""
        self._changed = asyncio.Event()
        self._grace_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._asked = {
            Wish(view.wanted.key.device_id, view.wanted.key.kind)
            for view in self._devices.views()
            if view.wanted.is_wanted and view.wanted.requested_by == REQUESTED_BY
        }
        loop = asyncio.get_running_loop()
        self._grace_until = loop.time() + GRACE_S if self._asked else 0.0
        self._task = loop.create_task(self._run(), name="subscriptions for superiors")

    async def close(self) -> None:
        """What was asked for stays: after a short restart it is wanted again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def follow(self, subscription: Subscription, tree: PresentedTree) -> None:
        """Have the devices of all cameras that a superior's subscription is about report what it wants."""
        kind = WISHED.get(subscription.kind)
        if kind is None:
            return
        places = (tree.places(entry) for entry in tree.entries_below(subscription.scope))
        device_ids = {each[0].device_id for each in places if each}
        if kind is Kind.ALARM:
            # Cameras tell alarms of themselves; platforms tell those who subscribed.
            device_ids = {each for each in device_ids if GbId(each).type_code == SYSTEM_TYPE}
        self.want(subscription, kind, islice(sorted(device_ids), DEVICES_MAX))

    def want(self, owner: object, kind: Kind, device_ids: Iterable[str]) -> None:
        """In place of what this owner wanted before."""
        self._wanted[owner] = frozenset(Wish(device_id, kind) for device_id in device_ids)
        self._refused -= self._wanted[owner]
        self._changed.set()

    def drop(self, owner: object) -> None:
        """It wants nothing any more; harmless when repeated."""
        if self._wanted.pop(owner, None) is not None:
            self._changed.set()

    # ---------------------------------------------------------------- inside

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._reconcile()
            except AWAY as error:
                logger.warning("what superiors want of devices is asked for later: %s", error)
            pause_s = RETRY_S if self._asked or self._wanted else None
            try:
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _reconcile(self) -> None:
        wanted: set[Wish] = set().union(*self._wanted.values())
        await self._each(wanted - self._asked - self._refused, self._ask)
        if asyncio.get_running_loop().time() >= self._grace_until:
            await self._each(self._asked - wanted, self._cancel)

    async def _each(self, wishes: Collection[Wish], do: Doing) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(wish: Wish) -> None:
            async with room:
                await do(wish)

        await asyncio.gather(*(one(wish) for wish in wishes))

    async def _ask(self, wish: Wish) -> None:
        if self._devices.wants(*wish):
            return  # somebody else sees to it, and may end it: looked at again
        try:
            await self._devices.want(wish.device_id, wish.kind, requested_by=REQUESTED_BY)
        except DeviceError as error:
            logger.info("a superior wants %s of %s: %s", wish.kind, wish.device_id, error)
            self._refused.add(wish)
        else:
            self._asked.add(wish)

    async def _cancel(self, wish: Wish) -> None:
        self._asked.discard(wish)
        is_ours = any(
            view.wanted.requested_by == REQUESTED_BY
            for view in self._devices.views(wish.device_id)
            if view.wanted.key.kind is wish.kind and view.wanted.is_wanted
        )
        if not is_ours:
            return
        try:
            await self._devices.cancel(wish.device_id, wish.kind, requested_by=REQUESTED_BY)
        except DeviceError as error:
            logger.info("%s of %s is wanted no more: %s", wish.kind, wish.device_id, error)
