"""ConfigDownload: ask a device for its settings (设备配置查询), and its answers.

Source: GB/T 28181-2022 A.2.4.7 and A.2.6.8. One answer for each type, all with the SN of the query.
"""

from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.config_blocks.registry import read_blocks, write_blocks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

MAX_TYPES: Final = 32


@dataclass(frozen=True, slots=True)
class ConfigDownloadQuery:
    """Ask for settings; the types are joined by ``/`` on the wire (GB-C070)."""

    sn: str
    device_id: GbId
    types: tuple[str, ...]

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        parts = manscdp.child_text(query, "ConfigType").split("/", MAX_TYPES)
        types = tuple(part.strip() for part in parts[:MAX_TYPES] if part.strip())
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query), types)

    def to_xml(self) -> Element:
        query = manscdp.new_document("Query", "ConfigDownload", self.sn, self.device_id)
        manscdp.add_text(query, "ConfigType", "/".join(self.types))
        return query


@dataclass(frozen=True, slots=True)
class ConfigDownloadResponse:
    """One answer: the text has one block in each, some devices put several into one."""

    sn: str
    device_id: GbId
    ok: bool = True
    blocks: tuple[Block, ...] = ()

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        result = quirks.apply("result-case", manscdp.child_text(response, "Result", "OK"))
        return cls(
            manscdp.child_text(response, "SN"),
            manscdp.child_id(response),
            result != "ERROR",
            read_blocks(response),
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "ConfigDownload", self.sn, self.device_id)
        manscdp.add_text(response, "Result", "OK" if self.ok else "ERROR")
        write_blocks(response, self.blocks)
        return response
