"""Dialogs that are open at devices and belong to nobody here: of a former run, or with a BYE unanswered.

Each is ended as soon as its device can be reached: at our start, when it registers, or when it answers
486 to a new invite. After ``FORGOTTEN_AFTER`` nobody waits for it any more: no device sends for so long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.dialog_store import DialogStore, OpenDialog
from sipserver.devices.errors import DeviceError
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceConfirmed,
    DeviceEvent,
    DeviceRefreshed,
    DeviceRestarted,
)
from sipserver.devices.signalling import MAX_FORWARDS, Signalling
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner
from sipserver.devices.written_behind import WrittenBehind
from sipserver.sip.message import SipRequest

BYE_TIMEOUT_S: Final = 10.0
# Beyond what the former run can have used in the dialog.
CSEQ_STEP: Final = 100
MAX_STALE: Final = 20_000
MAX_KEPT: Final = 50_000
FORGOTTEN_AFTER: Final = timedelta(days=30)
REMEMBER_S: Final = 1.0
"""How long a new dialog waits for its row; with a database that is away, the picture is worth more."""

logger = logging.getLogger(__name__)


class StaleDialogs:
    """Remembers every accepted invite in the store until it is ended, and ends what was left behind."""

    listens_to: Final = (DeviceCameOnline, DeviceRefreshed, DeviceRestarted, DeviceConfirmed)

    def __init__(
        self,
        store: DialogStore,
        signalling: Signalling,
        stats: DeviceStats,
        *,
        is_online: Callable[[str], bool],
        wall: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._rows: Final[WrittenBehind[str, OpenDialog]] = WrittenBehind(
            "open dialogs", store.save, MAX_KEPT
        )
        self._wall = wall
        self._signalling = signalling
        self._stats = stats
        self._is_online = is_online
        self._stale: dict[str, dict[str, OpenDialog]] = {}
        self._ending: set[str] = set()
        self._cseqs = count(CSEQ_STEP)
        self._tasks = TaskOwner("stale dialogs")

    def __len__(self) -> int:
        return sum(len(dialogs) for dialogs in self._stale.values())

    async def open(self) -> None:
        """Take over what a former run left open; devices that are still registered are told at once."""
        dialogs = {dialog.call_id: dialog for dialog in await self._store.load()}
        self._rows.open(dialogs)
        since = self._wall() - FORGOTTEN_AFTER
        self._rows.drop([call_id for call_id, dialog in dialogs.items() if dialog.opened_time < since])
        for dialog in dialogs.values():
            if dialog.opened_time >= since:
                self.leave(dialog)
        if self._stale:
            logger.info("%d dialogs of a former run are to be ended", len(self))
        for device_id in list(self._stale):
            if self._is_online(device_id):
                self._tasks.spawn(self.end_device(device_id), device_id)

    async def close(self) -> None:
        await self._tasks.close()
        await self._rows.close()

    async def remember(self, dialog: OpenDialog) -> None:
        """An invite was accepted."""
        self._rows.put(dialog.call_id, dialog)
        if not await self._rows.written(dialog.call_id, REMEMBER_S):
            logger.warning("dialog %s of %s is not written down yet", dialog.call_id, dialog.device_id)

    def ended(self, call_id: str) -> None:
        """It was ended properly."""
        self._rows.drop([call_id])

    def device_removed(self, device_id: str) -> None:
        """Nobody can be told any more."""
        self._rows.drop(self._stale.pop(device_id, {}))

    def leave(self, dialog: OpenDialog) -> None:
        """A BYE stayed unanswered, or nobody could say it: to be said later."""
        if len(self) < MAX_STALE:
            self._stale.setdefault(dialog.device_id, {})[dialog.call_id] = dialog

    def listen(self, event: DeviceEvent) -> None:
        if self._stale and isinstance(event, self.listens_to) and event.device_id in self._stale:
            self._tasks.spawn(self.end_device(event.device_id), event.device_id)

    async def end_device(self, device_id: str) -> None:
        for dialog in list(self._stale.get(device_id, {}).values()):
            await self._end(dialog)

    async def end_channel(self, key: ChannelKey) -> None:
        """End what is known to be open on one channel."""
        for dialog in list(self._stale.get(key.device_id, {}).values()):
            if dialog.channel_id == key.channel_id:
                await self._end(dialog)

    async def _end(self, dialog: OpenDialog) -> None:
        if dialog.call_id in self._ending:
            return
        self._ending.add(dialog.call_id)
        try:
            flow = self._signalling.entry_of(dialog.device_id).flow
            if flow is None:
                return
            await self._signalling.send(dialog.device_id, self._bye(dialog), flow, timeout_s=BYE_TIMEOUT_S)
        except DeviceError as error:
            logger.info("stale dialog %s of %s stays: %s", dialog.call_id, dialog.device_id, error)
            return
        finally:
            self._ending.discard(dialog.call_id)
        self._stats.stale_dialogs_ended += 1
        dialogs = self._stale.get(dialog.device_id, {})
        dialogs.pop(dialog.call_id, None)
        if not dialogs:
            self._stale.pop(dialog.device_id, None)
        self._rows.drop([dialog.call_id])

    def _bye(self, dialog: OpenDialog) -> SipRequest:
        return SipRequest(
            "BYE",
            dialog.target,
            [
                ("From", dialog.local),
                ("To", dialog.remote),
                ("Call-ID", dialog.call_id),
                ("CSeq", f"{dialog.cseq + next(self._cseqs)} BYE"),
                ("Max-Forwards", MAX_FORWARDS),
            ],
        )
