"""What a superior asks about what it is shown, and what it is answered.

Source: gb28181.md 1.7, 8.1, 8.3; GB-C060, GB-C062, GB-C129, GB-C130.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from cascade import refusals
from cascade.errors import CascadeError
from cascade.link import SuperiorLink
from cascade.rights.trail import Asker
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedChannel
from cascade.stats import CascadeStats
from sipserver.gb.errors import MalformedText
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.messages.device_info import DeviceInfoQuery, DeviceInfoResponse
from sipserver.gb.messages.device_status import DeviceStatusQuery, DeviceStatusResponse
from sipserver.transport.driver import IncomingRequest, SipTransport

MANUFACTURER: Final = "Tongshi"
MAX_ANSWERS: Final = 16
"""Answers to one superior that may be under way: a flood of queries gets no further."""

Answer: TypeAlias = Coroutine[Any, Any, None]
Ask: TypeAlias = Callable[[Element, Asker], Answer]
"""Makes the answer to a query. Raises MalformedText, before anything is done."""

logger = logging.getLogger(__name__)


class Answers:
    """Answers the queries of one superior, one task for each."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        *,
        transport: SipTransport,
        stats: CascadeStats,
        more: Mapping[str, Ask],
        own_name: str,
        version: str,
        wall: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._transport = transport
        self._stats = stats
        self._own_name = own_name
        self._version = version
        self._wall = wall
        self._tasks: set[asyncio.Task[None]] = set()
        self._table: Final[Mapping[str, Ask]] = {
            "DeviceInfo": lambda query, _: self._info(DeviceInfoQuery.from_xml(query)),
            "DeviceStatus": lambda query, _: self._status(DeviceStatusQuery.from_xml(query)),
            **more,
        }
        self.overflow = 0
        """Queries that were refused because too many were under way."""
        self.refused = 0
        """Queries that could not be read, or are of no known kind."""
        self.failures = 0
        """Answers that could not be sent to their end."""

    def receive(self, incoming: IncomingRequest, document: Document, asker: Asker) -> None:
        """Take a query, and begin to answer it."""
        make = self._table.get(document.cmd_type)
        if make is None:
            self._refuse(
                incoming, refusals.NOT_ACCEPTABLE, f"{document.cmd_type[:40]} is no query of the standard"
            )
            return
        if len(self._tasks) >= MAX_ANSWERS:
            self.overflow += 1
            self._refuse(incoming, refusals.NO_CAPACITY, f"{MAX_ANSWERS} answers are under way")
            return
        try:
            work = make(document.element, asker)
        except MalformedText as error:
            self._refuse(incoming, refusals.BAD_REQUEST, f"{document.cmd_type}: {error}")
            return
        self._stats.queries += 1
        self._transport.respond(incoming, 200)
        task = asyncio.get_running_loop().create_task(
            self._answer(work, document.cmd_type), name=f"answer to {self._superior_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- inside

    @property
    def _superior_id(self) -> str:
        return self._link.superior.superior_id

    def _refuse(self, incoming: IncomingRequest, status: int, why: str) -> None:
        self.refused += 1
        self._stats.queries_refused[str(status)] += 1
        logger.info("a query of superior %s is refused with %d: %s", self._superior_id, status, why)
        self._transport.respond(incoming, status)

    async def _answer(self, work: Answer, what: str) -> None:
        try:
            await work
        except CascadeError as error:
            self.failures += 1
            logger.warning("%s for superior %s was not sent: %s", what, self._superior_id, error)
        except Exception:
            self.failures += 1
            logger.exception("%s for superior %s failed", what, self._superior_id)

    async def _info(self, query: DeviceInfoQuery) -> None:
        """From the catalogue: nothing of a camera's maker that it did not tell in its item."""
        if query.device_id == self._link.superior.own_id:
            count = len((await self._catalogue.tree()).channels)
            answer = DeviceInfoResponse(
                query.sn,
                query.device_id,
                True,
                self._own_name,
                MANUFACTURER,
                MANUFACTURER,
                self._version,
                count,
            )
        elif (entry := await self._shown(query.device_id)) is not None:
            item = entry.item
            answer = DeviceInfoResponse(
                query.sn, query.device_id, True, item.name, item.manufacturer, item.model, "", 1
            )
        else:
            answer = DeviceInfoResponse(query.sn, query.device_id, ok=False)
        await self._link.send_document(answer.to_xml())

    async def _status(self, query: DeviceStatusQuery) -> None:
        entry = await self._shown(query.device_id)
        is_own = query.device_id == self._link.superior.own_id
        is_on = is_own or (entry is not None and entry.item.status == "ON")
        answer = DeviceStatusResponse(
            query.sn,
            query.device_id,
            ok=is_own or entry is not None,
            online=is_on,
            healthy=is_on,
            device_time=self._wall(),
        )
        await self._link.send_document(answer.to_xml())

    async def _shown(self, presented: GbId) -> PresentedChannel | None:
        return (await self._catalogue.tree()).channels.get(presented)
