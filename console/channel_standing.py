"""Which devices are there, as superiors see it: those that registered, and the gateway, which always is."""

from __future__ import annotations

from sipserver.devices.presence import Presence


class ChannelStanding:
    """See ``cascade.ports.Standing``. Whether a source of the gateway works, its channel's status says."""

    def __init__(self, presence: Presence, gateway_id: str) -> None:
        self._presence = presence
        self._gateway_id = gateway_id

    def online_ids(self) -> set[str]:
        return self._presence.online_ids() | {self._gateway_id}

    def is_online(self, device_id: str) -> bool:
        return device_id == self._gateway_id or self._presence.is_online(device_id)
