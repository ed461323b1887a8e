"""DeviceControl: one command to a device (设备控制). Of the family only the key frame request is here yet.

Source: GB/T 28181-2022 A.2.3.1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition, keyframe_commands
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

KEYFRAME_ELEMENTS: Final = ("IFrameCmd", "IFameCmd")


@dataclass(frozen=True, slots=True)
class DeviceControl:
    """A command and its argument, as the element below the head names it: ``("IFrameCmd", "Send")``."""

    sn: str
    device_id: GbId
    command: str
    argument: str

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        found = manscdp.leaves(control)
        command, argument = next(
            (pair for key, pair in found.items() if key not in {"cmdtype", "sn", "deviceid"}), ("", "")
        )
        return cls(manscdp.child_text(control, "SN"), manscdp.child_id(control), command, argument)

    def to_xml(self) -> Element:
        control = manscdp.new_document("Control", "DeviceControl", self.sn, self.device_id)
        manscdp.add_text(control, self.command, self.argument)
        return control

    @property
    def asks_for_keyframe(self) -> bool:
        """Either spelling (Q42, GB-C065)."""
        return self.command.lower() in {name.lower() for name in KEYFRAME_ELEMENTS}


def keyframe_requests(sns: Iterable[str], device_id: GbId, edition: Edition) -> list[DeviceControl]:
    """What to send to a peer of that edition to get a key frame: one document per spelling it may need."""
    return [
        DeviceControl(sn, device_id, name, "Send")
        for sn, name in zip(sns, keyframe_commands(edition), strict=False)
    ]
