"""SDCardStatus: the storage cards of a device (存储卡状态).

Source: GB/T 28181-2022 A.2.4.14 and A.2.6.16; GB-C076.
"""

from dataclasses import dataclass
from typing import Final, Self

from sipserver.gb import manscdp, quirks
from sipserver.gb.ids import GbId
from sipserver.gb.manscdp import Element

CARDS_MAX: Final = 8
"""Cards that the text allows; more are read, up to ``MAX_READ_CARDS``."""
MAX_READ_CARDS: Final = 64


@dataclass(frozen=True, slots=True)
class SdCardStatusQuery:
    """Ask for the cards."""

    sn: str
    device_id: GbId

    @classmethod
    def from_xml(cls, query: Element) -> Self:
        return cls(manscdp.child_text(query, "SN"), manscdp.child_id(query))

    def to_xml(self) -> Element:
        return manscdp.new_document("Query", "SDCardStatus", self.sn, self.device_id)


@dataclass(frozen=True, slots=True)
class SdCard:
    """One card; ``status`` is ok, formatting, unformatted, idle, error, or what the device says."""

    card_id: str
    name: str = ""
    status: str = ""
    progress_percent: int | None = None
    capacity_mb: int | None = None
    free_mb: int | None = None


@dataclass(frozen=True, slots=True)
class SdCardStatusResponse:
    """The answer."""

    sn: str
    device_id: GbId
    cards: tuple[SdCard, ...] = ()
    ok: bool = True
    """False when it says Result ERROR, which the text does not have and some say."""

    @classmethod
    def from_xml(cls, response: Element) -> Self:
        items = manscdp.list_items(response, "SDCardStatusInfo", "Item")
        return cls(
            manscdp.child_text(response, "SN"),
            manscdp.child_id(response),
            tuple(_card(item) for item in items[:MAX_READ_CARDS]),
            quirks.apply("result-case", manscdp.child_text(response, "Result", "OK")) != "ERROR",
        )

    def to_xml(self) -> Element:
        response = manscdp.new_document("Response", "SDCardStatus", self.sn, self.device_id)
        if not self.ok:
            manscdp.add_text(response, "Result", "ERROR")
        manscdp.add_text(response, "SumNum", len(self.cards))
        if self.cards:
            group = manscdp.add_group(response, "SDCardStatusInfo", Num=str(len(self.cards)))
            for card in self.cards:
                _add_card(group, card)
        return response


def _card(item: Element) -> SdCard:
    return SdCard(
        card_id=manscdp.child_text(item, "ID")[:64],
        name=manscdp.child_text(item, "HddName")[:255],
        status=manscdp.child_text(item, "Status").lower()[:32],
        progress_percent=manscdp.int_or_none(manscdp.child_text(item, "FormatProgress")),
        capacity_mb=manscdp.int_or_none(manscdp.child_text(item, "Capacity")),
        free_mb=manscdp.int_or_none(manscdp.child_text(item, "FreeSpace")),
    )


def _add_card(group: Element, card: SdCard) -> None:
    item = manscdp.add_group(group, "Item")
    manscdp.add_text(item, "ID", card.card_id)
    manscdp.add_text(item, "HddName", card.name)
    manscdp.add_text(item, "Status", card.status)
    for name, value in (
        ("FormatProgress", card.progress_percent),
        ("Capacity", card.capacity_mb),
        ("FreeSpace", card.free_mb),
    ):
        if value is not None:
            manscdp.add_text(item, name, value)
