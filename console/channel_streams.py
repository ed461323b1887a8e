"""Live pictures of channels, whoever brings them: devices by GB/T 28181, the gateway for all else.

Whoever watches, records or relays a channel asks here, and need not know which it is.
"""

from __future__ import annotations

from typing import Final

from catalog.model import ChannelKey
from gateway.gateway import Gateway
from gateway.picture import SourceHold
from sipserver.devices.invites import Invites
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.stream_request import LiveStream

ChannelHold = StreamHold | SourceHold


class ChannelStreams:
    """One way to every channel's picture."""

    def __init__(self, invites: Invites, gateway: Gateway) -> None:
        self._invites = invites
        self.gateway: Final = gateway

    async def hold(
        self, key: ChannelKey, purpose: str, *, tag: str, stream: LiveStream = LiveStream.MAIN
    ) -> ChannelHold:
        """Get a live picture of a channel; returns when its first key frame is there.

        Raises:
            What ``Invites.hold`` or ``Gateway.hold`` raises.
        """
        if self.gateway.owns(key):
            return await self.gateway.hold(key, purpose, tag=tag, is_sub=stream is LiveStream.SUB)
        return await self._invites.hold(key, purpose, tag=tag, stream=stream)

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
