"""Broadcast: a device is told that it will be spoken to (语音广播), and says whether it will listen.

Neither document has the usual head: the notice names two ids, the input and the output of the sound, and no
DeviceID.

Source: GB/T 28181-2022 A.2.5.4 and A.2.6 (2016: A.2.5, A.2.6); 3.9 and 6.11 of the protocol notes.
"""

from dataclasses import dataclass
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class BroadcastNotify:
    """The notice: ``source_id`` will speak to ``target_id``, which is expected to INVITE the source."""

    sn: str
    source_id: GbId
    target_id: GbId

    @classmethod
    def from_xml(cls, notify: Element) -> Self:
        return cls(
            sn=manscdp.child_text(notify, "SN"),
            source_id=manscdp.child_id(notify, "SourceID"),
            target_id=manscdp.child_id(notify, "TargetID"),
        )

    def to_xml(self) -> Element:
        notify = manscdp.new_document("Notify", "Broadcast", self.sn)
        manscdp.add_text(notify, "SourceID", self.source_id)
        manscdp.add_text(notify, "TargetID", self.target_id)
        return notify


@dataclass(frozen=True, slots=True)
class BroadcastResponse:
    """Whether the device takes part. Some never send it and INVITE all the same (Q67)."""

    sn: str
    device_id: GbId
    ok: bool

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "Broadcast", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        return response
