"""Which cameras were told to move and not yet stopped: what a killed platform must still stop."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, String, Table

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata

ptz_motions: Final = Table(
    "ptz_motions",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="the registered device"),
    Column("channel_id", String(ID_LENGTH), primary_key=True, comment="the channel that moves"),
    Column("began_time", UtcTime, nullable=False, comment="when it was told to move, µs UTC"),
)
