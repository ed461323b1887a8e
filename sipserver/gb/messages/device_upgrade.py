"""DeviceUpgradeResult: how a firmware upgrade ended (设备软件升级结果通知).

Source: GB/T 28181-2022 A.2.5.9. Sent after the device has registered again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

FAILURES: Final[Mapping[str, str]] = {
    "01": "the download timed out",
    "02": "the package is damaged",
    "03": "a fault of the device's system",
    "99": "another reason",
}
_TEXT_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class DeviceUpgradeResult:
    """Matched to its upgrade by ``session_id`` (GB-C069). ``firmware`` is what runs now."""

    sn: str
    device_id: GbId
    session_id: str
    ok: bool
    firmware: str = ""
    failure: str = ""
    """A code of the table above, or what the device says instead; empty when it is ``ok``."""

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        result = quirks.apply("result-case", manscdp.child_text(notify, "UpgradeResult"))
        failure = manscdp.child_text(notify, "UpgradeFailedReason")[:_TEXT_MAX]
        ok = result == "OK"
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            device_id=manscdp.child_id(notify),
            session_id=manscdp.child_text(notify, "SessionID")[:_TEXT_MAX],
            ok=ok,
            firmware=manscdp.child_text(notify, "Firmware")[:_TEXT_MAX],
            failure="" if ok else _failure_code(failure),
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "DeviceUpgradeResult", self.sn, self.device_id)
        manscdp.add_text(notify, "SessionID", self.session_id)
        manscdp.add_text(notify, "UpgradeResult", "OK" if self.ok else "ERROR")
        manscdp.add_text(notify, "Firmware", self.firmware)
        if self.failure:
            manscdp.add_text(notify, "UpgradeFailedReason", self.failure)
        return notify

    @property
    def failure_text(self) -> str:
        return FAILURES.get(self.failure, self.failure)


def _failure_code(text: str) -> str:
    """Devices drop the leading zero."""
    return text.zfill(2) if text.isascii() and text.isdecimal() else text
