"""PresetQuery: which presets a channel has (预置位查询).

Source: GB/T 28181-2022 A.2.4.9 and A.2.6.11; table 3.7 of the protocol notes.
"""

from dataclasses import dataclass, field
from typing import Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.editions import Edition
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element


@dataclass(frozen=True, slots=True)
class PresetQuery:
    """Ask a channel for its presets."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "PresetQuery", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class NamedPreset:
    """A preset as the device lists it; some list all numbers, the unused ones without a name (Q51)."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class PresetQueryResponse:
    """The presets. GB-C076.

    Args:
        ok: False when the device says Result ERROR.
        presets: in the order of the answer; entries without a number are left out.
        sum_num: how many there are in all messages of this answer, as the device says; None: it does not.
    """

    sn: str
    device_id: GbId
    presets: tuple[NamedPreset, ...] = ()
    ok: bool = True
    sum_num: int | None = field(default=None, compare=False)

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        presets = []
        for item in manscdp.list_items(response, "PresetList"):
            number = manscdp.int_or_none(manscdp.child_text(item, "PresetID"))
            if number is not None:
                presets.append(NamedPreset(number, manscdp.child_text(item, "PresetName")))
        return cls(
            sn=manscdp.child_text(response, "SN"),
            device_id=manscdp.child_id(response),
            presets=tuple(presets),
            ok=quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
            sum_num=manscdp.int_or_none(manscdp.child_text(response, "SumNum")),
        )

    def to_xml(self, edition: Edition = Edition.V3_0) -> Element:
        """Write it as the peer's edition wants it: SumNum is of 2022."""
        response = manscdp.new_document("Response", "PresetQuery", self.sn, self.device_id)
        if not self.ok:
            manscdp.add_text(response, "Result", "ERROR")
        if edition >= Edition.V3_0:
            manscdp.add_text(response, "SumNum", len(self.presets) if self.sum_num is None else self.sum_num)
        group = manscdp.add_group(response, "PresetList", Num=str(len(self.presets)))
        for preset in self.presets:
            item = manscdp.add_group(group, "Item")
            manscdp.add_text(item, "PresetID", preset.number)
            manscdp.add_text(item, "PresetName", preset.name)
        return response
