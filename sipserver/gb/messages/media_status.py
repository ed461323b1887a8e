"""MediaStatus: the sender of a history stream says that it has sent everything (媒体通知).

Source: GB/T 28181-2022 A.2.5.4; 6.9 of the protocol notes.
"""

from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element, add_text

END_OF_FILE: Final = "121"


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """``device_id`` is the sender of the media; of the types only 121, the end of the file, is defined."""

    sn: str
    device_id: GbId
    notify_type: str = END_OF_FILE

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            notify_type=manscdp.child_text(notify, "NotifyType")[:16],
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "MediaStatus", self.sn, self.device_id)
        add_text(notify, "NotifyType", self.notify_type)
        return notify

    @property
    def is_end_of_file(self) -> bool:
        return self.notify_type == END_OF_FILE
