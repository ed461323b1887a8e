"""UploadSnapShotFinished: a burst of stills has been uploaded (图像抓拍传输完成通知).

Source: GB/T 28181-2022 A.2.5.7. Fewer file names than pictures asked for: the rest failed.
"""

from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

MAX_FILES: Final = 100
_NAME_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class UploadSnapShotFinished:
    """Matched to its burst by ``session_id`` (GB-C069)."""

    sn: str
    device_id: GbId
    session_id: str
    file_ids: tuple[str, ...] = ()

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        found = manscdp.list_items(notify, "SnapShotList", "SnapShotFileID")
        names = tuple((each.text or "").strip()[:_NAME_MAX] for each in found[:MAX_FILES])
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            session_id=manscdp.child_text(notify, "SessionID")[:_NAME_MAX],
            file_ids=tuple(name for name in names if name),
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "UploadSnapShotFinished", self.sn, self.device_id)
        manscdp.add_text(notify, "SessionID", self.session_id)
        group = manscdp.add_group(notify, "SnapShotList")
        for file_id in self.file_ids:
            manscdp.add_text(group, "SnapShotFileID", file_id)
        return notify
