"""DeviceConfig: change settings of a device (设备配置), and its answer.

Source: GB/T 28181-2022 A.2.3.2 and A.2.6.9.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import read_blocks, write_blocks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One or more blocks to be set."""

    sn: str
    device_id: GbId
    blocks: tuple[Block, ...] = ()

    @classmethod
    def from_xml(cls, control: Element) -> Self:
        return cls(manscdp.child_text(control, "SN"), manscdp.child_id(control), read_blocks(control))

    def to_xml(self) -> Element:
        control = manscdp.new_document("Control", "DeviceConfig", self.sn, self.device_id)
        write_blocks(control, self.blocks)
        return control


@dataclass(frozen=True, slots=True)
class DeviceConfigResponse:
    """Whether the device took the settings. GB-C064."""

    sn: str
    device_id: GbId
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        result = quirks.apply("result-case", manscdp.child_text(response, "Result", "OK"))
        return cls(manscdp.child_text(response, "SN"), manscdp.child_id(response), result != "ERROR")

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "DeviceConfig", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        return response
