"""HomePositionQuery: the preset to which a camera returns by itself (看守位信息查询, 2022).

Source: GB/T 28181-2022 A.2.4.10 and A.2.6.14; table 3.7 of the protocol notes.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.camera_commands import HomePosition
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class HomePositionQuery:
    """Ask a channel for its home position."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "HomePositionQuery", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class HomePositionResponse:
    """The home position as it was set; None when the device has none. GB-C067, GB-C076."""

    sn: str
    device_id: GbId
    home: HomePosition | None = None
    ok: bool = True

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        has_home = manscdp.child(response, "HomePosition") is not None
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            home=HomePosition.from_xml(response) if has_home else None,
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "HomePositionQuery", self.sn, self.device_id)
        if not self.ok:
            manscdp.add_text(response, "Result", "ERROR")
        if self.home is not None:
            self.home.add_to(response)
        return response
