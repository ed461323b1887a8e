"""What cameras report later about what a superior has begun: stills are uploaded, an upgrade has ended.

The superior chose the SessionID, so its camera's report goes up to it, under its own id for the camera.
Source: gb28181.md 3.3, 3.4; GB-C069.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from cascade.errors import CascadeError
from cascade.link import SuperiorLink
from sipserver.gb.ids import GbId
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.snapshot import UploadSnapShotFinished

MAX_AWAITED: Final = 256
"""Sessions of one superior; the oldest is forgotten."""

Report: TypeAlias = UploadSnapShotFinished | DeviceUpgradeResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Awaited:
    """Who was told to report, and how the superior knows it."""

    device_id: str
    presented: GbId


class Reports:
    """The sessions of one superior."""

    def __init__(self, link: SuperiorLink) -> None:
        self._link = link
        self._awaited: dict[str, Awaited] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, session_id: str, device_id: str, presented: GbId) -> None:
        """A device is about to be told to report under this session."""
        self._awaited.pop(session_id, None)
        if len(self._awaited) >= MAX_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        self._awaited[session_id] = Awaited(device_id, presented)

    def take(self, device_id: str, report: Report) -> bool:
        """Pass a device's report on; False when the superior did not ask this device for it."""
        awaited = self._awaited.get(report.session_id)
        if awaited is None or awaited.device_id != device_id:
            return False
        del self._awaited[report.session_id]
        task = asyncio.get_running_loop().create_task(
            self._send(awaited, report), name="report to a superior"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, awaited: Awaited, report: Report) -> None:
        sn = self._link.signalling.next_sn()
        try:
            await self._link.send_document(replace(report, sn=sn, device_id=awaited.presented).to_xml())
        except CascadeError as error:
            superior_id = self._link.superior.superior_id
            logger.warning(
                "superior %s does not know how %s ended: %s", superior_id, report.session_id, error
            )
