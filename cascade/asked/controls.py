"""What a superior does to cameras: PTZ through the lock, every other control, settings.

A control is answered with 200 when it was done, or when a Response says what came of it; otherwise it is
refused with a status that says why. Nothing is taken and forgotten.

```text
                                  ┌─ no Response in the standard ─▶ device ─▶ 200, or why it failed
MESSAGE ─▶ presented? ─▶ may? ────┤
           404           403      └─ Response in the standard ─▶ 200 ─▶ device ─▶ Response OK or ERROR
```

Source: gb28181.md 3.3, 3.4, 8.6, 8.8; GB-C063, GB-C064, GB-C130, GB-C137.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Final

from access.audit import Outcome
from cascade import refusals
from cascade.asked.camera_ports import Cameras
from cascade.asked.camera_settings import change_settings
from cascade.asked.orders import Order, UnknownOrder, read_order
from cascade.asked.reports import Reports
from cascade.asked.ways import by_ways
from cascade.errors import CascadeError
from cascade.link import SuperiorLink
from cascade.rights.permits import Permit, Permits, subject_of
from cascade.rights.trail import Asker, asker_of
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedChannel
from catalog.columns import DATABASE_AWAY
from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError, UnknownChannel
from sipserver.devices.ptz.lock import Holder
from sipserver.devices.ptz.motion import StopReason
from sipserver.devices.ptz.ptz import MotionEnded, PtzEvent
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.device_control import (
    DragZoom,
    GuardCommand,
    KeyframeCommand,
    PtzCommand,
    PtzPrecise,
    TargetTrack,
)
from sipserver.transport.driver import IncomingRequest, SipTransport

MAX_CONTROLS: Final = 64
"""Of one superior that may be under way; those beyond are answered with 503."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Movement:
    """A camera that the superior moves."""

    entry: PresentedChannel
    key: ChannelKey
    permit: Permit


class Controls:
    """The controls of one superior, one task for each, begun in the order in which they came."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        permits: Permits,
        cameras: Cameras,
        transport: SipTransport,
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._cameras = cameras
        self._transport = transport
        self._holder_id: Final = subject_of(link.superior.superior_id)
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving: dict[ChannelKey, Movement] = {}
        self._reports: Final = Reports(link)
        self.refused = 0
        self.overflow = 0
        """Controls that were not begun because too many were under way."""
        cameras.ptz.listeners.append(self._heard)
        cameras.uploads.elsewhere.append(self._reports.take)

    @property
    def moving(self) -> list[ChannelKey]:
        """Cameras that this superior moves now."""
        return list(self._moving)

    def receive(self, incoming: IncomingRequest, document: Document) -> None:
        """Take a control; it is answered at once, or when it was done."""
        if len(self._tasks) >= MAX_CONTROLS:
            self.overflow += 1
            self._refuse(incoming, refusals.NO_CAPACITY, f"{MAX_CONTROLS} controls are under way")
            return
        try:
            order = read_order(document)
        except MalformedText as error:
            self._refuse(incoming, refusals.BAD_REQUEST, str(error))
        except UnknownOrder as error:
            self._refuse(incoming, refusals.NOT_ACCEPTABLE, str(error))
        else:
            self._begin(incoming, order)

    def let_go(self) -> None:
        """The superior is gone: what it moves stops, what it holds is free."""
        self._cameras.ptz.release_holder(self._holder_id, StopReason.HOLDER_GONE)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # After the last of them: none begins a movement any more.
        self.let_go()
        self._cameras.ptz.listeners.remove(self._heard)
        self._cameras.uploads.elsewhere.remove(self._reports.take)
        await self._reports.close()
        for movement in self._moving.values():
            self._permits.release(movement.permit)
        self._moving.clear()

    # ---------------------------------------------------------------- one control

    def _begin(self, incoming: IncomingRequest, order: Order) -> None:
        self._permits.stats.controls += 1
        task = asyncio.get_running_loop().create_task(
            self._serve(incoming, order), name=f"{order.name} of {self._holder_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, incoming: IncomingRequest, order: Order) -> None:
        asker = asker_of(incoming, self._link.superior.superior_id)
        try:
            entry = self._moved(order) or await self._permitted(incoming, order, asker)
            if entry is None:
                return
            if order.reply is not None:
                self._transport.respond(incoming, 200)
            failure = await self._do(entry, order)
            self._note(entry, order, asker, failure)
            if order.reply is not None:
                await self._link.send_document(order.reply(failure is None))
            elif failure is None:
                self._transport.respond(incoming, 200)
            else:
                self._refuse(incoming, refusals.status_of(failure), str(failure))
        except CascadeError as error:
            logger.warning("%s heard nothing of its %s: %s", self._holder_id, order.name, error)
        except DATABASE_AWAY as error:
            self._refuse(incoming, refusals.FAILED, str(error))

    def _moved(self, order: Order) -> PresentedChannel | None:
        """The camera that this control stops, when the superior moves it: nobody is asked for leave."""
        if not order.stops:
            return None
        found = (each.entry for each in self._moving.values() if each.entry.item.device_id == order.presented)
        return next(found, None)

    async def _permitted(
        self, incoming: IncomingRequest, order: Order, asker: Asker
    ) -> PresentedChannel | None:
        entry = (await self._catalogue.tree()).channels.get(order.presented)
        if not self._link.is_online:
            # Nobody would stop what this begins.
            self._refuse(incoming, refusals.UNAVAILABLE_NOW, "the superior is gone")
            return None
        if entry is None:
            self._permits.refuse_unknown(order.right, order.presented, asker)
            self._refuse(incoming, refusals.NOT_FOUND, f"{order.presented} is not presented")
            return None
        decision = self._permits.ask(order.right, entry, asker)
        if not decision.allowed:
            self._refuse(incoming, refusals.status_of_decision(decision), decision.text)
            return None
        return entry

    async def _do(self, entry: PresentedChannel, order: Order) -> Exception | None:
        """Have it done; what went wrong, below or with us: the superior hears of either."""
        try:
            order = await self._translated(order)
            await by_ways(entry, lambda key: self._act(entry, key, order))
        except DeviceError as error:
            return error
        except Exception as error:
            logger.exception("%s of %s failed", order.name, self._holder_id)
            return error
        return None

    async def _translated(self, order: Order) -> Order:
        """The ids in a command are the superior's too.

        Raises:
            UnknownChannel: one of them is not presented.
        """
        command = order.what
        if not isinstance(command, TargetTrack) or command.panorama_id is None:
            return order
        panorama = (await self._catalogue.tree()).channels.get(command.panorama_id)
        if panorama is None:
            raise UnknownChannel(f"{command.panorama_id} is not presented")
        local = GbId(panorama.paths[0].channel_id)
        return replace(order, what=replace(command, panorama_id=local))

    async def _act(self, entry: PresentedChannel, key: ChannelKey, order: Order) -> None:
        if session_id := order.session_id:
            self._reports.expect(session_id, key.device_id, order.presented)
        match order.what:
            case PtzCommand() as command:
                await self._turn(entry, key, order, command)
            case KeyframeCommand():
                await self._cameras.request_keyframe(key)
            case GuardCommand(armed):
                by = self._holder.name
                await self._cameras.alarms.guarding.set_guard(
                    key.device_id, key.channel_id, armed=armed, by=by
                )
            case DragZoom() | PtzPrecise() | TargetTrack() as command:
                await self._cameras.commands.aim(key, self._holder, command)
            case tuple() as blocks:
                await change_settings(self._cameras.configuration, key, blocks)
            case command:
                await self._cameras.commands.send(key.device_id, key.channel_id, command)

    async def _turn(
        self, entry: PresentedChannel, key: ChannelKey, order: Order, command: PtzCommand
    ) -> None:
        if order.moves and key not in self._moving:
            permit = self._permits.hold_movement(order.right, entry, lambda _why: self._stop(key))
            self._moving[key] = Movement(entry, key, permit)
        try:
            await self._cameras.ptz.relay(
                key,
                self._holder,
                command.frame,
                preset_name=command.preset_name,
                cruise_name=command.cruise_name,
            )
        except BaseException:
            if order.moves:
                # Whether it moves is not known: it stops in any case.
                self._cameras.ptz.release(key, self._holder_id, StopReason.FAILED)
                self._ended(key)
            raise

    # ---------------------------------------------------------------- what moves

    @property
    def _holder(self) -> Holder:
        """As the lock of a camera sees the superior; local operators come first unless decided otherwise."""
        superior = self._link.superior
        name = superior.name or superior.superior_id
        return Holder(self._holder_id, name, self._permits.limits.priority)

    def _heard(self, event: PtzEvent) -> None:
        if isinstance(event, MotionEnded) and event.holder_id == self._holder_id:
            self._ended(event.key)

    def _stop(self, key: ChannelKey) -> None:
        """The right to move this camera has ended."""
        self._cameras.ptz.release(key, self._holder_id, StopReason.HOLDER_GONE)

    def _ended(self, key: ChannelKey) -> None:
        movement = self._moving.pop(key, None)
        if movement is not None:
            self._permits.release(movement.permit)

    # ---------------------------------------------------------------- answers

    def _refuse(self, incoming: IncomingRequest, status: int, why: str) -> None:
        self.refused += 1
        self._permits.stats.controls_refused[str(status)] += 1
        logger.info("a control of %s is refused with %d: %s", self._holder_id, status, why)
        self._transport.respond(incoming, status)

    def _note(self, entry: PresentedChannel, order: Order, asker: Asker, failure: Exception | None) -> None:
        detail = {"command": order.name} | ({} if failure is None else {"problem": str(failure)})
        self._permits.note(
            f"superior.{order.right}",
            str(entry.paths[0]),
            asker,
            outcome=Outcome.DONE if failure is None else Outcome.FAILED,
            detail=detail,
            often=isinstance(order.what, PtzCommand | KeyframeCommand),
        )
