"""All superiors: on file, linked, and asked for by their ids (上级平台)."""

from __future__ import annotations

import asyncio
from typing import Final

from cascade.errors import SuperiorExists, UnknownSuperior
from cascade.model import Superior
from cascade.post import SuperiorPost, Surroundings
from cascade.rights.permits import subject_of
from cascade.shown.stock import ChannelStock
from cascade.told.wishes import Wishes
from sipserver.devices.alarms.model import AlarmForm, AlarmNews, NewsKind
from sipserver.devices.positions.model import PositionEvent, PositionReported, PtzPositionReported
from sipserver.sip.errors import MalformedMessage
from sipserver.sip.flow import Flow
from sipserver.transport.driver import IncomingRequest


class Superiors:
    """The superiors of this platform. Changes are written down before they are acted on."""

    def __init__(self, around: Surroundings) -> None:
        self._around: Final = around
        self._posts: dict[str, SuperiorPost] = {}
        self._changing = asyncio.Lock()
        self._stock = ChannelStock(around.catalog, around.standing)
        self._wishes: Wishes | None = None

    # ---------------------------------------------------------------- life

    async def open(self) -> None:
        await self._around.rights.open()
        self._around.trail.open()
        self._stock = ChannelStock(self._around.catalog, self._around.standing)
        self._stock.table.path_rank = self._around.path_rank
        self._stock.open()
        if (news := self._around.news) is not None:
            self._wishes = Wishes(news.subscriptions)
            self._wishes.open()
            news.alarms.listeners.append(self._hear_alarm)
            news.whereabouts.listeners.append(self._hear_position)
        for superior in await self._around.store.load():
            self._begin(superior)

    async def close(self) -> None:
        """Leave all of them at once."""
        if self._wishes is not None:
            await self._wishes.close()
        await asyncio.gather(*(post.close() for post in self._posts.values()))
        self._posts.clear()
        await self._around.trail.close()
        self._stock.close()
        if (news := self._around.news) is not None and self._hear_alarm in news.alarms.listeners:
            news.alarms.listeners.remove(self._hear_alarm)
            news.whereabouts.listeners.remove(self._hear_position)

    # ---------------------------------------------------------------- what operators do

    def list(self) -> list[SuperiorPost]:
        return list(self._posts.values())

    def get(self, superior_id: str) -> SuperiorPost:
        """Raises UnknownSuperior."""
        post = self._posts.get(superior_id)
        if post is None:
            raise UnknownSuperior(f"superior {superior_id} is not known")
        return post

    async def add(self, superior: Superior) -> SuperiorPost:
        """Raises SuperiorExists."""
        async with self._changing:
            if superior.superior_id in self._posts:
                raise SuperiorExists(f"superior {superior.superior_id} is there already")
            await self._around.store.add(superior)
            return self._begin(superior, at_once=True)

    async def change(self, superior: Superior) -> SuperiorPost:
        """Act on the difference alone.

        Raises:
            UnknownSuperior
        """
        async with self._changing:
            post = self.get(superior.superior_id)
            await self._around.store.replace(superior)
            await post.change(superior)
            return post

    async def remove(self, superior_id: str) -> None:
        """Raises UnknownSuperior."""
        async with self._changing:
            post = self.get(superior_id)
            await post.close()
            del self._posts[superior_id]
            await self._around.store.remove(superior_id)
            await self._around.rights.remove(subject_of(superior_id))

    # ---------------------------------------------------------------- what others report

    def receive(self, incoming: IncomingRequest) -> bool:
        """Take a request of a superior; False when it is none of theirs."""
        if not self._posts:
            return False
        try:
            sender = incoming.request.from_.uri.user
        except MalformedMessage:
            return False
        post = self._posts.get(sender)
        return post is not None and post.is_from(incoming) and post.receive(incoming)

    def flow_closed(self, flow: Flow) -> None:
        for post in self._posts.values():
            post.link.flow_closed(flow)

    def device_changed(self, device_id: str) -> None:
        """A device came or went."""
        self._stock.device_changed(device_id)

    def devices_changed(self) -> None:
        """Any device may have come or gone."""
        self._stock.devices_changed()

    def ranks_changed(self, device_id: str) -> None:
        """Of several ways to the cameras of this platform another may be the best now."""
        self._stock.rank_changed(device_id)

    def _hear_alarm(self, news: AlarmNews) -> None:
        """A repeat is no news, and a trial of the rules is nothing to tell."""
        if news.kind is NewsKind.RAISED and news.alarm.form is not AlarmForm.TEST:
            for post in self._posts.values():
                post.notices.alarm(news.alarm)

    def _hear_position(self, event: PositionEvent) -> None:
        for post in self._posts.values():
            match event:
                case PositionReported(position):
                    post.notices.place(position)
                case PtzPositionReported():
                    post.notices.direction(event)

    def _begin(self, superior: Superior, *, at_once: bool = False) -> SuperiorPost:
        post = self._posts[superior.superior_id] = SuperiorPost(
            superior, self._around, self._stock, self._wishes
        )
        post.open(at_once=at_once)
        return post
