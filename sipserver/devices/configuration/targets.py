"""To which id of a device its settings are addressed: the channel's, or the device's (Q40)."""

from __future__ import annotations

from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.gb.ids import GbId

# A device that is itself a camera has one channel: its own id cannot mean another.
CAMERA_TYPES: Final = frozenset({"131", "132"})
DEVICE: Final = "device"
CHANNEL: Final = "channel"


class Targets:
    """The ids to try, the likeliest first, and what was learned from the one that worked."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def of(self, key: ChannelKey) -> tuple[str, ...]:
        """The channel's id by default; the device's too where it is only one camera.

        On a recorder the device's id would change the recorder, not the channel: there an operator pins it.
        """
        if key.channel_id == key.device_id:
            return (key.device_id,)
        match self._profiles.value(key.device_id, Facet.CONFIG_TARGET):
            case "device":
                return (key.device_id,)
            case "channel":
                return (key.channel_id,)
        is_camera = GbId(key.device_id).type_code in CAMERA_TYPES
        return (key.channel_id, key.device_id) if is_camera else (key.channel_id,)

    def worked(self, key: ChannelKey, target_id: str, evidence: str) -> None:
        """Remember it; asking for the device's own settings says nothing about its channels."""
        if key.channel_id != key.device_id:
            value = DEVICE if target_id == key.device_id else CHANNEL
            self._profiles.learn(key.device_id, Facet.CONFIG_TARGET, value, evidence)
