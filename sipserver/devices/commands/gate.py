"""What may be said to a device of which edition (GB-C039)."""

from __future__ import annotations

from sipserver.devices.errors import NotInEdition
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.signalling import Signalling
from sipserver.gb.editions import Edition, Feature, allows, from_header


class EditionGate:
    """Knows the edition to act on: what an operator pinned, else what the device's X-GB-Ver said."""

    def __init__(self, signalling: Signalling, profiles: Profiles) -> None:
        self._signalling = signalling
        self._profiles = profiles

    def edition(self, device_id: str) -> Edition:
        """Raises UnknownDevice, DeviceOffline."""
        entry = self._signalling.entry_of(device_id)
        pinned = self._profiles.value(device_id, Facet.EDITION)
        return from_header(pinned) if pinned else entry.edition

    def demand(self, device_id: str, feature: Feature | None, *, despite_edition: bool = False) -> None:
        """Let a command pass that the device knows.

        Args:
            despite_edition: let it pass anyway; who asks knows better than the header.

        Raises:
            NotInEdition: it is of another edition.
            UnknownDevice, DeviceOffline
        """
        edition = self.edition(device_id)
        if feature is None or despite_edition or allows(edition, feature):
            return
        raise NotInEdition(
            f"device {device_id} follows edition {edition.value}, which does not know {feature.value}",
            device_id=device_id,
        )
