"""What may stand in the 200 to a SUBSCRIBE: whether the subscription was taken (订阅应答).

Source: GB/T 28181-2016 and -2022 annexes A, N and P; gb28181.md 5.1.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Document, Element


@dataclass(frozen=True, slots=True)
class SubscriptionAnswer:
    """Of any kind: it repeats CmdType, SN and DeviceID of the query."""

    cmd_type: str
    sn: str
    device_id: GbId
    ok: bool = True

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Raises MalformedDocument."""
        return cls(
            cmd_type=document.cmd_type,
            sn=document.sn,
            device_id=manscdp.child_id(document.element),
            ok=quirks.apply("result-case", manscdp.child_text(document.element, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", self.cmd_type, self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        return response
