"""The tables of health. Every instant is microseconds since 1970 UTC."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table, Text, false

from catalog.columns import ID_LENGTH, NAMING, UtcTime

metadata: Final = MetaData(naming_convention=NAMING)

outages: Final = Table(
    "outages",
    metadata,
    Column("outage_id", String(64), primary_key=True),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("channel_id", String(ID_LENGTH), nullable=False, server_default="", comment="empty: the device"),
    Column("site", String(128), nullable=False, server_default="", comment="network, region or given name"),
    Column("began_time", UtcTime, nullable=False, comment="last sign of life, µs UTC"),
    Column("ended_time", UtcTime, comment="µs UTC; NULL: still out"),
    Column("cause", String(16), nullable=False, comment="Cause"),
    Column("evidence", Text, nullable=False, server_default="", comment="what showed it"),
    Column(
        "is_site_wide", Boolean, nullable=False, server_default=false(), comment="lost together with its site"
    ),
    Index("ix_outages_device", "device_id", "began_time"),
    Index("ix_outages_began_time", "began_time", "outage_id"),
    Index("ix_outages_ended_time", "ended_time"),
)

site_outages: Final = Table(
    "site_outages",
    metadata,
    Column("site", String(128), primary_key=True, comment="network, region or given name"),
    Column("began_time", UtcTime, primary_key=True, comment="µs UTC"),
    Column("ended_time", UtcTime, comment="µs UTC; NULL: still out"),
    Column("cause", String(16), nullable=False, comment="Cause"),
    Column("devices_lost", Integer, nullable=False, comment="at the worst moment"),
    Column("devices", Integer, nullable=False, comment="of the site at that moment"),
    Column("evidence", Text, nullable=False, server_default="", comment="what showed it"),
)
