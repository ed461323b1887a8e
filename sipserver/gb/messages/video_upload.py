"""VideoUploadNotify: a mobile device offers its live picture (实时视音频回传通知).

Source: GB/T 28181-2022 annex A; gb28181.md 3.9. GB-C081.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sipserver.gb import gb_time, manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element
from sipserver.gb.messages.mobile_position import fix, time_or_none


@dataclass(frozen=True, slots=True)
class VideoUploadNotify:
    """The offer; the platform may answer it with an INVITE. Coordinates are WGS-84 degrees."""

    sn: str
    device_id: GbId
    time: datetime | None = None
    longitude: float | None = None
    latitude: float | None = None

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        longitude, latitude = fix(
            manscdp.child_text(notify, "Longitude"), manscdp.child_text(notify, "Latitude")
        )
        return cls(
            manscdp.child_text(notify, "SN"),
            manscdp.child_id(notify),
            time_or_none(manscdp.child_text(notify, "Time")),
            longitude,
            latitude,
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "VideoUploadNotify", self.sn, self.device_id)
        if self.time is not None:
            manscdp.add_text(notify, "Time", gb_time.format_datetime(self.time))
        for name, value in (("Longitude", self.longitude), ("Latitude", self.latitude)):
            if value is not None:
                manscdp.add_text(notify, name, value)
        return notify
