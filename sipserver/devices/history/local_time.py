"""Devices that take the times of a playback for local time: found out, and asked accordingly (Q73).

The proof needs both halves: the device refuses a time that it lists itself, and plays one eight hours later
at which it lists nothing. A device that merely has a gap somewhere else shows neither.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.errors import DeviceError, NoMedia, Refused
from sipserver.devices.features import Parts
from sipserver.devices.history.records import Records, RecordSearch
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.remembered import Remembered

MAX_OFFSET_S: Final = 86_400
# Of Beijing, before UTC.
LOCAL_OFFSET_S: Final = 28_800
# What a device says to a time at which it has nothing.
NOT_FOUND: Final = frozenset({404, 410, 480, 488, 500})
LONGEST_DOUBT: Final = timedelta(days=1)

logger = logging.getLogger(__name__)


class LocalTime:
    """Asked before a playback, and when one was refused."""

    def __init__(self, parts: Parts, records: Records) -> None:
        self._parts = parts
        self._records = records
        self._left_alone_until: Remembered[str, float] = Remembered()

    def offset_s(self, device_id: str) -> int:
        """What is added to t=."""
        text = self._parts.profiles.value(device_id, Facet.TIME_OFFSET_S)
        try:
            offset_s = round(float(text or 0))
        except ValueError:
            return 0
        return offset_s if abs(offset_s) <= MAX_OFFSET_S else 0

    async def is_suspected(self, key: ChannelKey, start: datetime, end: datetime, error: DeviceError) -> bool:
        """Whether one more asking, in local time, can show something; it is said for a while only once."""
        if not self._may_be_tried(key.device_id, end - start, error):
            return False
        self._left_alone_until[key.device_id] = (
            self._parts.clock() + self._parts.profiles.settings.retry_transport_s
        )
        later = timedelta(seconds=LOCAL_OFFSET_S)
        try:
            async with asyncio.timeout(self._parts.features.history.query_total_s):
                if not await self._lists(key, start, end):
                    return False
                return not await self._lists(key, start + later, end + later)
        except (DeviceError, TimeoutError) as unanswered:
            logger.debug("the recordings of %s cannot be looked up: %s", key, unanswered)
            return False

    def proven(self, key: ChannelKey, error: DeviceError) -> None:
        """Pictures came in local time."""
        refusal = f"answered {error.status}" if isinstance(error, Refused) else "not played"
        self._parts.profiles.learn(
            key.device_id,
            Facet.TIME_OFFSET_S,
            str(LOCAL_OFFSET_S),
            f"a time that RecordInfo lists was {refusal}; eight hours later, where it lists none, played",
        )

    # ---------------------------------------------------------------- inside

    def _may_be_tried(self, device_id: str, length: timedelta, error: DeviceError) -> bool:
        looks_like_it = type(error) is NoMedia or (isinstance(error, Refused) and error.status in NOT_FOUND)
        return (
            looks_like_it
            and length <= LONGEST_DOUBT
            and self._parts.profiles.settings.learn
            and self._parts.profiles.value(device_id, Facet.TIME_OFFSET_S) is None
            and self._left_alone_until.get(device_id, 0.0) <= self._parts.clock()
        )

    async def _lists(self, key: ChannelKey, start: datetime, end: datetime) -> bool:
        return bool((await self._records.search(RecordSearch(key, start, end))).coverage)
