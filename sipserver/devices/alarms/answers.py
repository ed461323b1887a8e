"""Response Alarm to devices that reported by MESSAGE: beside the SIP path, and bounded."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from sipserver.devices.errors import DeviceError
from sipserver.devices.signalling import Signalling
from sipserver.devices.stats import DeviceStats
from sipserver.devices.tasks import TaskOwner
from sipserver.gb.messages.alarm import AlarmNotify, AlarmResponse

PER_DEVICE_MAX: Final = 16
TOTAL_MAX: Final = 2000
"""Answers on their way; an alarm beyond is stored without one, and the device may repeat it."""

logger = logging.getLogger(__name__)


class Answers:
    """Sends answers; repeats are answered too, because the device waits for each."""

    def __init__(self, signalling: Signalling, stats: DeviceStats, *, timeout_s: float) -> None:
        self._signalling = signalling
        self._stats = stats
        self._timeout_s = timeout_s
        self._tasks = TaskOwner("alarm answers")
        self._running: Counter[str] = Counter()

    async def close(self) -> None:
        await self._tasks.close()

    def answer(self, device_id: str, notify: AlarmNotify) -> None:
        if self._running[device_id] >= PER_DEVICE_MAX or len(self._tasks) >= TOTAL_MAX:
            self._stats.alarm_answers_left_out += 1
            return
        self._running[device_id] += 1
        if self._tasks.spawn(self._send(device_id, notify), f"answer {device_id}") is None:
            self._done(device_id)

    async def _send(self, device_id: str, notify: AlarmNotify) -> None:
        answer = AlarmResponse(notify.sn, notify.device_id).to_xml()
        try:
            await self._signalling.send_document(device_id, answer, timeout_s=self._timeout_s)
            self._stats.alarm_answers += 1
        except DeviceError as error:
            self._stats.alarm_answers_failed += 1
            logger.debug("the answer to alarm sn %s was lost: %s", notify.sn, error)
        finally:
            self._done(device_id)

    def _done(self, device_id: str) -> None:
        self._running[device_id] -= 1
        if self._running[device_id] <= 0:
            del self._running[device_id]
