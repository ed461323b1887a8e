"""The table of wanted subscriptions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Integer, String, Table, Text

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata

subscriptions: Final = Table(
    "subscriptions",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="the registered device"),
    Column("kind", String(32), primary_key=True, comment="catalog, alarm, mobile_position, ptz_position"),
    Column("target_id", String(ID_LENGTH), primary_key=True, comment="DeviceID of the query: scope"),
    Column("is_wanted", Boolean, nullable=False, comment="false: cancelled against the automatic one"),
    Column("expires_s", Integer, nullable=False, comment="asked period, seconds"),
    Column("interval_s", Integer, nullable=False, comment="Interval of positions, seconds"),
    Column("conditions", JSON, nullable=False, comment="of alarms, by name; {}: all"),
    Column("requested_by", Text, nullable=False, server_default="", comment="user; empty: automatic"),
    Column("changed_time", UtcTime, nullable=False, comment="when it was last asked for, µs UTC"),
)
