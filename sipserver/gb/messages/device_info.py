"""DeviceInfo: maker, model and firmware of a device (设备信息).

Source: GB/T 28181-2022 A.2.4.4 and A.2.6.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

_KNOWN: Final = frozenset(
    {"cmdtype", "sn", "deviceid", "devicename", "result", "manufacturer", "model", "firmware", "channel"}
)


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery:
    """Ask a device who made it."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "DeviceInfo", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class DeviceInfoResponse:
    """The answer. ``channels`` counts video inputs; ``unknown`` keeps 2011 and vendor elements."""

    sn: str
    device_id: GbId
    ok: bool = True
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    channels: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        found = manscdp.leaves(response)
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
            name=manscdp.child_text(response, "DeviceName"),
            manufacturer=manscdp.child_text(response, "Manufacturer"),
            model=manscdp.child_text(response, "Model"),
            firmware=manscdp.child_text(response, "Firmware"),
            channels=manscdp.int_or_none(manscdp.child_text(response, "Channel")),
            unknown={name: text for key, (name, text) in found.items() if key not in _KNOWN},
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "DeviceInfo", self.sn, self.device_id)
        manscdp.add_text(response, "DeviceName", self.name)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        manscdp.add_text(response, "Manufacturer", self.manufacturer)
        manscdp.add_text(response, "Model", self.model)
        manscdp.add_text(response, "Firmware", self.firmware)
        if self.channels is not None:
            manscdp.add_text(response, "Channel", self.channels)
        return response
