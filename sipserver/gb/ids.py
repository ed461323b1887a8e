"""The 20-digit identifier (统一编码) and what its digits say.

Source: GB/T 28181-2022 annex E (2016: annex D).
"""

import re
from enum import StrEnum
from typing import Final, Self

from sipserver.gb.errors import MalformedId

ID_LENGTH: Final = 20
RELAXED_ID_MAX_LENGTH: Final = 64
REGION_LENGTHS: Final = frozenset({2, 4, 6, 8})

SYSTEM_TYPE: Final = "200"
BUSINESS_GROUP_TYPE: Final = "215"
VIRTUAL_ORGANISATION_TYPE: Final = "216"

_DIGITS: Final = re.compile(r"[0-9]{20}")
_RELAXED: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_REGION: Final = re.compile(r"[0-9]{2}(?:[0-9]{2}){0,3}")


class ItemKind(StrEnum):
    """What a catalogue item is; recognised by its DeviceID alone."""

    REGION = "region"  # 行政区划
    SYSTEM = "system"  # 系统
    BUSINESS_GROUP = "business_group"  # 业务分组
    VIRTUAL_ORGANISATION = "virtual_organisation"  # 虚拟组织
    DEVICE = "device"  # 设备


class GbId(str):
    """An identifier kept as text: leading zeros mean something, and it is never a number."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, relaxed: bool = False) -> Self:
        """Check an identifier.

        Args:
            text: as received; blanks around it are dropped.
            relaxed: also accept ``[0-9A-Za-z]{1,64}``: regions, and sites that number their
                devices with 18 digits or letters (Q80).

        Raises:
            MalformedId: neither form.
        """
        stripped = text.strip()
        if _DIGITS.fullmatch(stripped) or (relaxed and _RELAXED.fullmatch(stripped)):
            return cls(stripped)
        allowed = f"1 to {RELAXED_ID_MAX_LENGTH} letters or digits" if relaxed else f"{ID_LENGTH} digits"
        raise MalformedId(f"{stripped[:RELAXED_ID_MAX_LENGTH]!r} is not an id of {allowed}")

    @property
    def is_standard(self) -> bool:
        return _DIGITS.fullmatch(self) is not None

    @property
    def domain(self) -> str:
        """The SIP domain: the first ten digits."""
        return self[:10]

    @property
    def civil_code(self) -> str:
        """The centre code (中心编码), digits 1 to 8."""
        return self[:8] if self.is_standard else ""

    @property
    def industry_code(self) -> str:
        return self[8:10] if self.is_standard else ""

    @property
    def type_code(self) -> str:
        """Digits 11 to 13, or nothing when this is no 20-digit id."""
        return self[10:13] if self.is_standard else ""

    @property
    def network_code(self) -> str:
        return self[13] if self.is_standard else ""

    @property
    def serial(self) -> str:
        return self[14:] if self.is_standard else ""


_KIND_OF_TYPE: Final = {
    SYSTEM_TYPE: ItemKind.SYSTEM,
    BUSINESS_GROUP_TYPE: ItemKind.BUSINESS_GROUP,
    VIRTUAL_ORGANISATION_TYPE: ItemKind.VIRTUAL_ORGANISATION,
}


def item_kind(text: str) -> ItemKind:
    """Classify a catalogue item (GB-C003): short ids are regions, three type codes are special."""
    if is_region_code(text):
        return ItemKind.REGION
    return _KIND_OF_TYPE.get(GbId(text).type_code, ItemKind.DEVICE)


def is_region_code(text: str) -> bool:
    """Whether the text has the form of an administrative division: 2, 4, 6 or 8 digits."""
    return _REGION.fullmatch(text) is not None


def region_of_id(device_id: str) -> str:
    """The region an id was issued in: its first eight digits without trailing pairs of zeros."""
    region = GbId(device_id).civil_code
    while region.endswith("00"):
        region = region[:-2]
    return region
