"""The clocks of devices as last seen, and when they went wrong and came right."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, Index, Integer, String, Table

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata

device_clocks: Final = Table(
    "device_clocks",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="the registered device"),
    Column("offset_s", Float, nullable=False, comment="its clock minus ours, seconds"),
    Column("error_s", Float, nullable=False, comment="how far the offset may be off, seconds"),
    Column("source", String(16), nullable=False, comment="ClockSource: what showed it"),
    Column("measured_time", UtcTime, nullable=False, comment="when it was seen, µs UTC"),
    Column("drifting_since", UtcTime, comment="since when the alarm is on, µs UTC; NULL: the clock is right"),
)

clock_log: Final = Table(
    "clock_log",
    metadata,
    Column("clock_log_id", Integer, primary_key=True, autoincrement=True),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("happened_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("change", String(16), nullable=False, comment="drifted or corrected"),
    Column("offset_s", Float, nullable=False, comment="its clock minus ours at that moment, seconds"),
    Column("source", String(16), nullable=False, comment="ClockSource: what showed it"),
    Index("ix_clock_log_device", "device_id", "happened_time"),
    Index("ix_clock_log_happened_time", "happened_time"),
)
