"""The tables of positions: the newest of every object, and its track."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Float, Index, String, Table

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata


def _values() -> list[Column[Any]]:
    return [
        Column("longitude", Float, nullable=False, comment="degrees, WGS-84"),
        Column("latitude", Float, nullable=False, comment="degrees, WGS-84"),
        Column("speed_kmh", Float, comment="NULL: not said"),
        Column("direction_deg", Float, comment="clockwise from north, 0 to below 360"),
        Column("altitude_m", Float, comment="above sea level"),
        Column("height_m", Float, comment="above ground, 2022"),
        Column("received_time", UtcTime, nullable=False, comment="our clock, µs UTC; retention counts it"),
    ]


positions: Final = Table(
    "positions",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="the device that reported it"),
    Column("object_id", String(ID_LENGTH), primary_key=True, comment="what was there"),
    Column("time", UtcTime, primary_key=True, comment="the device's clock, µs UTC"),
    *_values(),
    Index("ix_positions_received_time", "received_time"),
)

latest_positions: Final = Table(
    "latest_positions",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="the device that reported it"),
    Column("object_id", String(ID_LENGTH), primary_key=True, comment="what is there"),
    Column("time", UtcTime, nullable=False, comment="the device's clock, µs UTC"),
    *_values(),
)
