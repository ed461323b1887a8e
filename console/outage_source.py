"""What the watch over outages asks about a device, gathered from the rooms that know."""

from collections.abc import Callable, Iterable, Iterator

from health.outages.watch import DeviceFacts
from media.session import MediaPlane, MediaSession
from sipserver.devices.service import DeviceService


class OutageSource:
    """Reads presence, invites and receptions; changes nothing."""

    def __init__(self, devices: DeviceService, media: MediaPlane, clock: Callable[[], float]) -> None:
        self._devices = devices
        self._media = media
        self._clock = clock

    def facts(self, device_id: str) -> DeviceFacts | None:
        """None for a device that presence does not know."""
        entry = self._devices.presence.table.get(device_id)
        if entry is None:
            return None
        settings = self._devices.settings
        interval_s = max(entry.interval_s or 0.0, settings.keepalive_interval_s)
        keepalive_at = entry.last_keepalive_at
        return DeviceFacts(
            host=entry.remote[0] if entry.remote is not None else "",
            call_id=entry.call_id,
            heard_at=entry.last_heard_at,
            keepalive_age_s=None if keepalive_at is None else self._clock() - keepalive_at,
            silence_allowed_s=settings.keepalive_count * interval_s,
            media_age_s=min(
                (session.stats().silence_s for owner, session in self._streams() if owner == device_id),
                default=None,
            ),
        )

    def streaming_devices(self) -> Iterable[str]:
        return {device_id for device_id, _ in self._streams()}

    def _streams(self) -> Iterator[tuple[str, MediaSession]]:
        for invite in self._devices.invites.snapshot():
            session = self._media.sessions.get(invite.session_id or "")
            if session is not None and invite.state.is_established:
                yield invite.key.device_id, session
