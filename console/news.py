"""From what the rooms report to events of the API."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from console.api.alarm_views import alarm_view, file_view
from console.api.outages import site_view
from console.event_hub import EventHub, EventKind
from health.outages.model import SiteOutage
from sipserver.devices.alarms.model import AlarmNews
from sipserver.devices.events import (
    DeviceCameOnline,
    DeviceClockCorrected,
    DeviceClockDrifted,
    DeviceEvent,
    DeviceFlapping,
    DeviceMoved,
    DeviceWentOffline,
)
from sipserver.devices.positions.model import (
    PositionEvent,
    PositionReported,
    PtzPositionReported,
    VideoUploadOffered,
)
from storage.alarm_files import AlarmFile

Publish = Callable[[EventKind, str, Mapping[str, Any]], None]


class News:
    """Listens to the rooms and publishes; its methods are hung into the rooms' lists of listeners."""

    listens_to: Final = (
        DeviceCameOnline,
        DeviceWentOffline,
        DeviceMoved,
        DeviceFlapping,
        DeviceClockDrifted,
        DeviceClockCorrected,
    )
    """What ``device`` publishes."""

    def __init__(self, hub: EventHub) -> None:
        self._publish: Final[Publish] = hub.publish

    def alarm(self, news: AlarmNews) -> None:
        data = alarm_view(news.alarm, [], {}).model_dump(mode="json", exclude={"actions"})
        self._publish(EventKind.ALARM, f"alarm-{news.kind.value}", data)

    def alarm_file(self, file: AlarmFile) -> None:
        data = {"alarm_id": file.alarm_id, **file_view(file).model_dump(mode="json")}
        self._publish(EventKind.ALARM, "alarm-file", data)

    def device(self, event: DeviceEvent) -> None:
        match event:
            case DeviceCameOnline(device_id):
                self._presence("device-online", device_id)
            case DeviceWentOffline(device_id, reason):
                self._presence("device-offline", device_id, reason=str(reason))
            case DeviceMoved(device_id, before, after):
                self._presence("device-moved", device_id, before=before, after=after)
            case DeviceFlapping(device_id, changes):
                self._presence("device-flapping", device_id, changes=changes)
            case DeviceClockDrifted(device_id, offset_s):
                self._presence("clock-drifted", device_id, offset_s=offset_s)
            case DeviceClockCorrected(device_id, offset_s):
                self._presence("clock-corrected", device_id, offset_s=offset_s)
            case _:
                pass

    def site(self, site: SiteOutage) -> None:
        """A whole site was lost, is judged anew, or is back: one line for a switch that died."""
        data = site_view(site).model_dump(mode="json")
        name = "site-lost" if site.ended_time is None else "site-back"
        self._publish(EventKind.PRESENCE, name, data)

    def position(self, event: PositionEvent) -> None:
        match event:
            case PositionReported(at):
                self._position(
                    "position",
                    at.device_id,
                    at.object_id,
                    at.time,
                    longitude=at.longitude,
                    latitude=at.latitude,
                    speed_kmh=at.speed_kmh,
                    direction_deg=at.direction_deg,
                    altitude_m=at.altitude_m,
                )
            case VideoUploadOffered(device_id, object_id, time, longitude, latitude):
                self._position(
                    "video-upload", device_id, object_id, time, longitude=longitude, latitude=latitude
                )
            case PtzPositionReported(device_id, channel_id, head, received_time):
                self._position(
                    "ptz-position",
                    device_id,
                    channel_id,
                    received_time,
                    pan=head.pan,
                    tilt=head.tilt,
                    zoom=head.zoom,
                )

    def _presence(self, name: str, device_id: str, **more: object) -> None:
        self._publish(EventKind.PRESENCE, name, {"device_id": device_id, **more})

    def _position(
        self, name: str, device_id: str, object_id: str, time: datetime, **more: float | None
    ) -> None:
        data = {"device_id": device_id, "object_id": object_id, "time": time.isoformat(), **more}
        self._publish(EventKind.POSITION, name, data)
