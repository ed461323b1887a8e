"""Between rows of SQL and the catalogue's values."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping

from catalog.codes import is_platform_id
from catalog.model import CatalogRow, Channel, ChannelKind, Device, PresenceRow, Priority, RetentionClass, Row

DEVICE_COLUMNS: Final = tuple(field.name for field in fields(Device))
PRESENCE_COLUMNS: Final = tuple(field.name for field in fields(PresenceRow) if field.name != "device_id")
CATALOG_COLUMNS: Final = tuple(field.name for field in fields(CatalogRow) if field.name != "channel_id")
CHANNEL_COLUMNS: Final = tuple(field.name for field in fields(Channel))


def device_from(row: RowMapping) -> Device:
    return Device(**{name: row[name] for name in DEVICE_COLUMNS})


def channel_from(row: RowMapping) -> Channel:
    values: dict[str, Any] = {name: row[name] for name in CHANNEL_COLUMNS}
    values["kind"] = ChannelKind(values["kind"])
    values["priority"] = Priority(values["priority"])
    values["retention_class"] = RetentionClass(values["retention_class"])
    values["parent_ids"] = tuple(values["parent_ids"])
    return Channel(**values)


def device_values(device: Device, now: datetime) -> Row:
    values: Row = {name: getattr(device, name) for name in DEVICE_COLUMNS}
    values["created_time"] = device.created_time or now
    values["is_subordinate"] = device.is_subordinate or (
        not device.is_gateway and is_platform_id(device.device_id)
    )
    return values


def presence_values(presence: PresenceRow) -> Row:
    values: Row = {name: getattr(presence, name) for name in PRESENCE_COLUMNS}
    values["key_device_id"] = presence.device_id
    return values


def channel_values(device_id: str, row: CatalogRow, position: int, run: int, now: datetime) -> Row:
    values: Row = {name: getattr(row, name) for name in CATALOG_COLUMNS}
    values |= {
        "device_id": device_id,
        "channel_id": row.channel_id,
        "kind": row.kind.value,
        "parent_ids": list(row.parent_ids),
        "info": dict(row.info),
        "unknown": dict(row.unknown),
        "position": position,
        "present": True,
        "catalog_run": run,
        "first_seen_time": now,
        "missing_since_time": None,
        "digest": None,
    }
    return values
