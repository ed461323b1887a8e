"""Statements of many columns, written down once: that costs more than to execute one."""

from typing import Any, Final

from sqlalchemy import bindparam, case, update

from catalog.columns import upsert
from catalog.rows import CATALOG_COLUMNS, DEVICE_COLUMNS, PRESENCE_COLUMNS
from catalog.tables import channels, devices

KEPT_WHEN_EMPTY: Final = ("status_online", "camera_class")
"""An empty Status or PointType in a later answer keeps what is known (gb28181.md 3.6)."""


def upsert_device(dialect: str) -> Any:
    kept = {"device_id", "created_time", *PRESENCE_COLUMNS}
    theirs = [name for name in DEVICE_COLUMNS if name not in kept]
    return upsert(dialect, devices, key=["device_id"], update=theirs)


def note_info() -> Any:
    def said(column: str) -> Any:
        return case((bindparam(f"said_{column}") == "", devices.c[column]), else_=bindparam(f"said_{column}"))

    return (
        update(devices)
        .where(devices.c.device_id == bindparam("key_device_id"))
        .values(
            name=case((devices.c.name == "", bindparam("said_name")), else_=devices.c.name),
            manufacturer=said("manufacturer"),
            model=said("model"),
            firmware=said("firmware"),
        )
    )


def save_presence() -> Any:
    return (
        update(devices)
        .where(devices.c.device_id == bindparam("key_device_id"))
        .values({name: bindparam(name) for name in PRESENCE_COLUMNS})
    )


def store_channel(dialect: str) -> Any:
    ours_or_kept = {"channel_id", "device_id", *KEPT_WHEN_EMPTY}
    theirs = [name for name in CATALOG_COLUMNS if name not in ours_or_kept]
    return upsert(
        dialect,
        channels,
        key=["device_id", "channel_id"],
        update=[*theirs, "position", "present", "catalog_run", "missing_since_time", "digest"],
        keep_when_null=KEPT_WHEN_EMPTY,
    )
