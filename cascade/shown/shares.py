"""Which channels a superior is shown: rules of which the most particular one decides (R-21)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cascade.shown.channel_table import Place


class ShareKind(IntEnum):
    """What a rule is about; a higher one is more particular."""

    ALL = 0
    REGION = 1  # a division and all in it; a longer code is more particular
    GROUP = 2  # what hangs directly under a business group or virtual organisation
    DEVICE = 3
    CHANNEL = 4  # ``device~channel``


@dataclass(frozen=True, slots=True)
class Share:
    """One rule."""

    kind: ShareKind
    value: str = ""
    is_shown: bool = True


class Rules:
    """The rules of one superior, sorted so that a channel is judged at once, however many there are."""

    def __init__(self, shares: Iterable[Share]) -> None:
        self._of: Final[dict[ShareKind, dict[str, bool]]] = {kind: {} for kind in ShareKind}
        for share in shares:
            known = self._of[share.kind]
            value = "" if share.kind is ShareKind.ALL else share.value
            # Of two rules about the same the one that hides decides.
            known[value] = share.is_shown and known.get(value, True)
        self._lengths = sorted({len(code) for code in self._of[ShareKind.REGION]}, reverse=True)

    def shows(self, place: Place, channel_id: str) -> bool:
        """Whether a channel is shared; without a rule it is not."""
        channels = self._of[ShareKind.CHANNEL]
        if channels:
            said = channels.get(f"{place.device_id}~{channel_id}")
            if said is not None:
                return said
        said = self._of[ShareKind.DEVICE].get(place.device_id)
        if said is None:
            said = self._of_groups(place)
        if said is None:
            said = self._of_regions(place.region)
        return self._of[ShareKind.ALL].get("", False) if said is None else said

    def _of_groups(self, place: Place) -> bool | None:
        groups = self._of[ShareKind.GROUP]
        if not groups:
            return None
        said = [groups[each] for each in (place.business_group_id, *place.parent_ids) if each in groups]
        return all(said) if said else None

    def _of_regions(self, region: str) -> bool | None:
        regions = self._of[ShareKind.REGION]
        found = (regions.get(region[:length]) for length in self._lengths if length <= len(region))
        return next((said for said in found if said is not None), None)
