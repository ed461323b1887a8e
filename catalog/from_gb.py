"""From the catalogue items of the protocol to rows of ours.

Sources: gb28181.md 1.5 (kinds), 1.6 (civil codes, GB-C006), 3.6 (fields and their tolerance).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from catalog.codes import type_code
from catalog.model import CatalogRow, ChannelKind
from sipserver.gb.ids import ItemKind, is_region_code, item_kind, region_of_id

MAX_TEXT_CHARS: Final = 1024
"""No name, address or unknown element of a catalogue item needs more; a hostile device may send it."""

SECRET_ELEMENTS: Final = frozenset({"Password"})
"""Never kept in the clear, never forwarded (gb28181.md 3.6)."""

CAMERA_CLASSES: Final = frozenset({"1", "2", "3"})

_KIND_OF_ITEM: Final[Mapping[ItemKind, ChannelKind]] = {
    ItemKind.REGION: ChannelKind.REGION,
    ItemKind.SYSTEM: ChannelKind.SYSTEM,
    ItemKind.BUSINESS_GROUP: ChannelKind.BUSINESS_GROUP,
    ItemKind.VIRTUAL_ORGANISATION: ChannelKind.VIRTUAL_ORGANISATION,
}

_KIND_OF_TYPE: Final[Mapping[str, ChannelKind]] = {
    "114": ChannelKind.OTHER_DEVICE,
    "115": ChannelKind.OTHER_DEVICE,
    "116": ChannelKind.OTHER_DEVICE,
    "117": ChannelKind.ALARM,
    "131": ChannelKind.CAMERA,
    "132": ChannelKind.CAMERA,
    "133": ChannelKind.OTHER_DEVICE,
    "134": ChannelKind.ALARM,
    "135": ChannelKind.ALARM,
    "136": ChannelKind.AUDIO_INPUT,
    "137": ChannelKind.AUDIO_OUTPUT,
    "140": ChannelKind.ALARM,
    "141": ChannelKind.OTHER_DEVICE,
    "142": ChannelKind.OTHER_DEVICE,
    "143": ChannelKind.OTHER_DEVICE,
}


class GbCatalogItem(Protocol):
    """What is read from ``sipserver.gb.messages.catalog.CatalogItem``."""

    @property
    def device_id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def manufacturer(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def civil_code(self) -> str | None: ...
    @property
    def block(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...
    @property
    def parental(self) -> int | None: ...
    @property
    def parent_ids(self) -> Sequence[str]: ...
    @property
    def register_way(self) -> int | None: ...
    @property
    def secrecy(self) -> int | None: ...
    @property
    def ip_address(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def status(self) -> str | None: ...
    @property
    def fault(self) -> bool: ...
    @property
    def longitude(self) -> float | None: ...
    @property
    def latitude(self) -> float | None: ...
    @property
    def business_group_id(self) -> str | None: ...
    @property
    def info(self) -> Mapping[str, str]: ...
    @property
    def unknown(self) -> Mapping[str, str]: ...


def rows_from_items(device_id: str, items: Sequence[GbCatalogItem]) -> list[CatalogRow]:
    """All items of one catalogue answer as rows.

    The last of several items with one id wins (gb28181.md 3.6), in the place of the first. The
    whole list is needed because an NVR-typed item without children is a camera of a vendor that
    numbers its channels so, while one with children is not.
    """
    by_id = {str(item.device_id): item for item in items}
    children = Counter(parent for item in by_id.values() for parent in set(item.parent_ids))
    rows = [
        _row(device_id, item, has_children=children[channel_id] > 0) for channel_id, item in by_id.items()
    ]
    return _own_item_as_camera(device_id, rows)


def civil_region(civil_code: str | None, channel_id: str) -> str:
    """The region a channel lies in: its CivilCode when that is one, else from its id (GB-C006).

    All zeros, names, ``null``, 10 or 20 digits are no region; of a region's own item the id is it.
    """
    if is_region_code(channel_id):
        return channel_id
    code = (civil_code or "").strip()
    if is_region_code(code) and code.strip("0"):
        return code
    return region_of_id(channel_id)


def channel_kind(device_id: str, channel_id: str, *, has_children: bool) -> ChannelKind:
    """What the item is. Type digits are a hint only: vendors use 111, 118 and 200 for cameras too."""
    kind = _KIND_OF_ITEM.get(item_kind(channel_id))
    if kind is not None:
        return kind
    code = type_code(channel_id)
    if code in _KIND_OF_TYPE:
        return _KIND_OF_TYPE[code]
    if channel_id == device_id or has_children:
        return ChannelKind.MAIN_DEVICE
    # Everything from a server (2xx) upward is neither a camera nor a front-end device.
    return ChannelKind.OTHER_DEVICE if code[:1] in {"2", "3", "4", "5"} else ChannelKind.CAMERA


def _own_item_as_camera(device_id: str, rows: list[CatalogRow]) -> list[CatalogRow]:
    """A device that lists nothing but itself to look at is its own camera, whatever its type says."""
    if any(row.kind is ChannelKind.CAMERA for row in rows):
        return rows
    return [
        replace(row, kind=ChannelKind.CAMERA)
        if row.channel_id == device_id and row.kind is ChannelKind.MAIN_DEVICE and len(rows) == 1
        else row
        for row in rows
    ]


def _row(device_id: str, item: GbCatalogItem, *, has_children: bool) -> CatalogRow:
    channel_id = str(item.device_id)
    longitude, latitude = _position(item.longitude, item.latitude)
    info = _kept(item.info)
    point_type = info.get("PointType", "").strip()
    return CatalogRow(
        channel_id=channel_id,
        name=_text(item.name),
        kind=channel_kind(device_id, channel_id, has_children=has_children),
        manufacturer=_text(item.manufacturer),
        model=_text(item.model),
        owner=_text(item.owner),
        civil_code=_text(item.civil_code),
        region_code=civil_region(item.civil_code, channel_id),
        block=_text(item.block),
        address=_text(item.address),
        parental=_small_int(item.parental),
        parent_ids=tuple(str(parent) for parent in item.parent_ids),
        register_way=_small_int(item.register_way),
        secrecy=_small_int(item.secrecy),
        ip_address=_text(item.ip_address),
        port=_small_int(item.port),
        status_online=None if item.status is None else item.status == "ON",
        fault=item.fault,
        longitude=longitude,
        latitude=latitude,
        business_group_id=_text(item.business_group_id),
        camera_class=int(point_type) if point_type in CAMERA_CLASSES else None,
        info=info,
        unknown=_kept(item.unknown),
    )


def _text(value: str | None) -> str:
    # PostgreSQL text cannot hold NUL; XML cannot carry it either, but attributes of a fake can.
    return (value or "").replace("\0", "").strip()[:MAX_TEXT_CHARS]


def _kept(values: Mapping[str, str]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in values.items() if name not in SECRET_ELEMENTS}


def _small_int(value: int | None) -> int | None:
    """A number that fits the column, else unknown: devices send 65535 and worse for Parental."""
    return value if value is not None and abs(value) < 2**31 else None


def _position(longitude: float | None, latitude: float | None) -> tuple[float | None, float | None]:
    """WGS-84 degrees; zero, half a pair and out of range mean unknown (gb28181.md 3.6)."""
    if longitude is None or latitude is None:
        return None, None
    if not (abs(longitude) <= 180 and abs(latitude) <= 90) or (longitude == 0 and latitude == 0):
        return None, None
    return longitude, latitude
