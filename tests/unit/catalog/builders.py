"""Rows and items for the tests of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from catalog.model import CatalogRow, Device

DEVICE = "34020000001180000005"
OTHER_DEVICE = "34020000001180000006"
GROUP = "34020000002150000001"
ORGANISATION = "34020000002160000003"
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class HandClock:
    """A wall clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def camera_id(number: int) -> str:
    return f"3402000000132{number:07d}"


def camera(number: int, **fields: Any) -> CatalogRow:
    values: dict[str, Any] = {
        "channel_id": camera_id(number),
        "name": f"东门 {number}",
        "status_online": True,
    }
    return CatalogRow(**(values | fields))


def device(device_id: str = DEVICE, **fields: Any) -> Device:
    return Device(device_id=device_id, **fields)


@dataclass(frozen=True)
class Item:
    """Stands in for ``sipserver.gb.messages.catalog.CatalogItem``."""

    device_id: str
    name: str | None = ""
    manufacturer: str | None = None
    model: str | None = None
    owner: str | None = None
    civil_code: str | None = None
    block: str | None = None
    address: str | None = None
    parental: int | None = None
    parent_ids: tuple[str, ...] = ()
    register_way: int | None = None
    secrecy: int | None = None
    ip_address: str | None = None
    port: int | None = None
    status: str | None = None
    fault: bool = False
    longitude: float | None = None
    latitude: float | None = None
    business_group_id: str | None = None
    info: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
