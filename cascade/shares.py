"""Which channels a superior is shown: rules of which the most particular one decides (R-21)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from catalog.model import Channel


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

    def concerns(self, channel: Channel) -> bool:
        match self.kind:
            case ShareKind.ALL:
                return True
            case ShareKind.REGION:
                return (channel.region_code or channel.civil_code).startswith(self.value)
            case ShareKind.GROUP:
                return self.value == channel.business_group_id or self.value in channel.parent_ids
            case ShareKind.DEVICE:
                return self.value == channel.device_id
            case ShareKind.CHANNEL:
                return self.value == str(channel.key)

    @property
    def rank(self) -> tuple[int, int, bool]:
        """Of two rules of one kind and length the one that hides decides."""
        return self.kind, len(self.value) if self.kind is ShareKind.REGION else 0, not self.is_shown


def is_shown(channel: Channel, shares: Iterable[Share]) -> bool:
    """Whether a channel is shared; without a rule it is not."""
    deciding = max(
        (share for share in shares if share.concerns(channel)), key=lambda share: share.rank, default=None
    )
    return deciding is not None and deciding.is_shown
