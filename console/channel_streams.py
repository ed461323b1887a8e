"""Live pictures of channels, whoever brings them: devices by GB/T 28181, the gateway for all else.

Whoever watches, records or relays a channel asks here, and need not know which it is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from catalog.model import ChannelKey
from gateway.gateway import Gateway
from gateway.picture import SourceHold
from sipserver.devices.errors import DeviceError
from sipserver.devices.invites import Invites
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.stream_request import LiveStream
from sipserver.gb.route_path import DIRECT, InviteRoute

ChannelHold = StreamHold | SourceHold

ONE_WAY: Final = frozenset({"relay", "trial"})
"""Who wants this very way: a relay has an order of its own, and a trial tries this platform."""

logger = logging.getLogger(__name__)


class ChannelStreams:
    """One way to every channel's picture."""

    def __init__(
        self,
        invites: Invites,
        gateway: Gateway,
        other_ways: Callable[[ChannelKey], Awaitable[Sequence[ChannelKey]]] | None = None,
    ) -> None:
        self._invites = invites
        self.gateway: Final = gateway
        self._other_ways = other_ways

    async def hold(
        self,
        key: ChannelKey,
        purpose: str,
        *,
        tag: str,
        stream: LiveStream = LiveStream.MAIN,
        route: InviteRoute = DIRECT,
    ) -> ChannelHold:
        """Get a live picture of a channel; returns when its first key frame is there.

        A camera that comes by several platforms is asked for by the others when its own way fails, the best
        first, unless the caller has an order of its own.

        Raises:
            What ``Invites.hold`` or ``Gateway.hold`` raises.
        """
        if self.gateway.owns(key):
            return await self.gateway.hold(key, purpose, tag=tag, is_sub=stream is LiveStream.SUB)
        try:
            return await self._invites.hold(key, purpose, tag=tag, stream=stream, route=route)
        except DeviceError as error:
            ways = await self._ways_instead(key, purpose)
            for way in ways:
                logger.info("%s is asked for by %s instead: %s", key, way.device_id, error)
                with contextlib.suppress(DeviceError):
                    return await self._invites.hold(way, purpose, tag=tag, stream=stream, route=route)
            raise

    async def _ways_instead(self, key: ChannelKey, purpose: str) -> Sequence[ChannelKey]:
        if self._other_ways is None or purpose in ONE_WAY:
            return ()
        return await self._other_ways(key)

    def stop_if_free(self, hold: ChannelHold) -> None:
        """End a picture that nobody holds any more, without waiting for the next viewer."""
        if isinstance(hold, SourceHold):
            self.gateway.stop(hold.key)
            return
        view = self._invites.get(hold.key, hold.stream)
        if view is not None and not view.holders:
            self._invites.stop(hold.key, hold.stream)


def stream_of(hold: ChannelHold) -> LiveStream:
    """Which picture it is."""
    if isinstance(hold, SourceHold):
        return LiveStream.SUB if hold.is_sub else LiveStream.MAIN
    return hold.stream
