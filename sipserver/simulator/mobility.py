"""Where a simulated device is and where its cameras look, told to subscribers while it changes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.messages.mobile_position import MobilePositionNotify, MobilePositionQuery, Position
from sipserver.gb.messages.ptz_position import PtzPosition, PtzPositionNotify, PtzPositionQuery
from sipserver.gb.messages.video_upload import VideoUploadNotify
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.head import CameraHead
from sipserver.simulator.subscriptions import Subscriber, Subscriptions

# A round trip of about 1.2 km in two minutes.
RADIUS_DEG: Final = 0.0018
ROUND_S: Final = 120.0
CENTRE: Final = (117.25, 31.85)
LOOK_EVERY_S: Final = 0.1


class Mobility:
    """Drives in a circle, and reports at the interval that each subscriber asked for."""

    def __init__(
        self, parts: DeviceParts, subscriptions: Subscriptions, heads: Mapping[str, CameraHead]
    ) -> None:
        self._parts = parts
        self._subscriptions = subscriptions
        self._heads = heads
        self._clock = asyncio.get_running_loop().time
        self._started_at = self._clock()
        subscriptions.welcomes["MobilePosition"] = self._welcome
        subscriptions.welcomes["PTZPosition"] = self._welcome_ptz

    async def open(self) -> None:
        """Reports start with a subscription."""

    async def close(self) -> None:
        """The work belongs to the subscribers."""

    def position(self, object_id: str) -> Position:
        """Where it is now."""
        angle = (self._clock() - self._started_at) / ROUND_S * math.tau
        now = datetime.now(UTC).replace(microsecond=0)
        if self._parts.behaviour.has_no_fix:
            return Position(GbId(object_id), now)
        return Position(
            device_id=GbId(object_id),
            time=now,
            longitude=round(CENTRE[0] + RADIUS_DEG * math.cos(angle), 7),
            latitude=round(CENTRE[1] + RADIUS_DEG * math.sin(angle), 7),
            speed_kmh=36.0,
            direction_deg=round(-math.degrees(angle) % 360, 1),
            altitude_m=28.5,
        )

    def offer_video(self) -> None:
        """Announce a live picture (实时视音频回传)."""
        device_id = GbId(self._parts.settings.device_id)
        here = self.position(device_id)
        notify = VideoUploadNotify(
            self._parts.signalling.next_sn(), device_id, here.time, here.longitude, here.latitude
        )
        self._parts.say(notify.to_xml())

    # ---------------------------------------------------------------- positions

    def _welcome(self, subscriber: Subscriber) -> None:
        subscriber.work = asyncio.create_task(self._drive(subscriber), name="positions")

    async def _drive(self, subscriber: Subscriber) -> None:
        query = MobilePositionQuery.from_xml(subscriber.query.element)
        while True:
            self._report(subscriber, query.device_id)
            await asyncio.sleep(query.interval_s)

    def _report(self, subscriber: Subscriber, object_id: str) -> None:
        """Flat up to 2016, a list from 2022 on; some send the flat form to everybody, and by MESSAGE."""
        settings, behaviour = self._parts.settings, self._parts.behaviour
        is_list = settings.edition is Edition.V3_0 and not behaviour.positions_by_message
        notify = MobilePositionNotify(
            self._parts.signalling.next_sn(), GbId(object_id), (self.position(object_id),), is_list
        )
        if behaviour.positions_by_message:
            self._parts.say(notify.to_xml())
        else:
            self._subscriptions.tell(subscriber, notify.to_xml())

    # ---------------------------------------------------------------- directions

    def _welcome_ptz(self, subscriber: Subscriber) -> None:
        subscriber.work = asyncio.create_task(self._watch(subscriber), name="ptz positions")

    async def _watch(self, subscriber: Subscriber) -> None:
        """On every change, the first position included."""
        query = PtzPositionQuery.from_xml(subscriber.query.element)
        told: PtzPosition | None = None
        while True:
            head = self._head(query.device_id)
            position = None if head is None else head.position(self._clock())
            if position is not None and position != told:
                told = position
                notify = PtzPositionNotify(self._parts.signalling.next_sn(), query.device_id, position)
                self._subscriptions.tell(subscriber, notify.to_xml())
            await asyncio.sleep(LOOK_EVERY_S)

    def _head(self, device_id: str) -> CameraHead | None:
        """The head of a channel; the device's own id means its one channel."""
        if device_id == self._parts.settings.device_id and len(self._heads) == 1:
            return next(iter(self._heads.values()))
        return self._heads.get(device_id)
