"""Over which transport a device is asked for media, and which is tried when that brings nothing.

First contact uses the settings. Falling back is one step, UDP instead of TCP or TCP instead of UDP; what then
works is learned, and what brought nothing either is not tried again for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from media.session import MediaTransport
from sipserver.devices.presence import Presence
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.profiles import Profiles
from sipserver.devices.settings import DeviceSettings, MediaPreference
from sipserver.gb.editions import Feature, allows
from sipserver.sip.flow import Transport

# How the facet says it.
TRANSPORTS: Final[Mapping[str, MediaTransport]] = {
    "udp": MediaTransport.UDP,
    "tcp_passive": MediaTransport.TCP_PASSIVE,
    "tcp_active": MediaTransport.TCP_ACTIVE,
}
_NAMES: Final = {transport: name for name, transport in TRANSPORTS.items()}
BARREN_MAX: Final = 4096


class MediaPaths:
    """Asked before an invite, told after it."""

    def __init__(
        self,
        settings: DeviceSettings,
        profiles: Profiles,
        presence: Presence,
        *,
        preference_of: Callable[[str], MediaPreference | None],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._preference_of = preference_of
        self._profiles = profiles
        self._presence = presence
        self._clock = clock
        # Devices where the other transport brought nothing either, and until when it is left alone.
        self._barren: dict[str, float] = {}
        # By which transport media of a device came last.
        self._proven: dict[str, MediaTransport] = {}

    def choose(self, device_id: str) -> MediaTransport:
        """What an operator set for the device, else what is known, else the general preference."""
        entry = self._presence.table.get(device_id)
        if not self._is_tcp_possible(device_id):
            return MediaTransport.UDP
        preference = self._preference_of(device_id)
        if preference is None:
            known = TRANSPORTS.get(self._profiles.value(device_id, Facet.MEDIA_TRANSPORT) or "")
            if known is not None:
                return known
            preference = self._settings.media_preference
        if preference is MediaPreference.AUTO:
            is_stream = entry is not None and entry.transport in (Transport.TCP, Transport.TLS)
            return MediaTransport.TCP_PASSIVE if is_stream else MediaTransport.UDP
        return MediaTransport.UDP if preference is MediaPreference.UDP else MediaTransport.TCP_PASSIVE

    def other(self, device_id: str, transport: MediaTransport) -> MediaTransport | None:
        """What to try after this one brought no packet; None: nothing, or not now.

        An operator's choice is not gone against.
        """
        if not self._profiles.settings.try_other_transport or self._is_chosen(device_id):
            return None
        if self._barren.get(device_id, 0.0) > self._clock():
            return None
        if transport is not MediaTransport.UDP:
            return MediaTransport.UDP
        return MediaTransport.TCP_PASSIVE if self._is_tcp_possible(device_id) else None

    def refused_tcp(self, device_id: str, evidence: str) -> None:
        """The device itself said that it does not do TCP (Q61)."""
        self._profiles.learn(device_id, Facet.MEDIA_TRANSPORT, _NAMES[MediaTransport.UDP], evidence)

    def worked(self, device_id: str, transport: MediaTransport, instead_of: MediaTransport) -> None:
        """Media came after the change of transport."""
        self._barren.pop(device_id, None)
        name, before = _NAMES[transport], _NAMES[instead_of]
        self._profiles.learn(
            device_id,
            Facet.MEDIA_TRANSPORT,
            name,
            f"accepted {before} and sent nothing; {name} brought media",
        )

    def came(self, device_id: str, transport: MediaTransport) -> None:
        """Pictures came this way."""
        self._proven[device_id] = transport

    def doubt(self, device_id: str) -> None:
        """No pictures came."""
        self._proven.pop(device_id, None)

    def is_proven(self, device_id: str, transport: MediaTransport) -> bool:
        """Whether the last pictures of the device came this way: the next ones will."""
        return self._proven.get(device_id) is transport

    def forget(self, device_id: str) -> None:
        self._barren.pop(device_id, None)
        self._proven.pop(device_id, None)

    def brought_nothing(self, device_id: str) -> None:
        """Neither transport brought a packet: the fault lies elsewhere."""
        if len(self._barren) >= BARREN_MAX:
            self._barren.clear()
        self._barren[device_id] = self._clock() + self._profiles.settings.retry_transport_s

    def _is_chosen(self, device_id: str) -> bool:
        preference = self._preference_of(device_id) or self._settings.media_preference
        return preference is not MediaPreference.AUTO or self._profiles.is_pinned(
            device_id, Facet.MEDIA_TRANSPORT
        )

    def _is_tcp_possible(self, device_id: str) -> bool:
        entry = self._presence.table.get(device_id)
        return entry is None or allows(entry.edition, Feature.TCP_MEDIA)
