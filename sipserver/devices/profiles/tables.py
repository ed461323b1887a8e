"""Tables of the profiles."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, String, Table

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.profiles.facets import VALUE_MAX_CHARS
from sipserver.devices.profiles.model import NAME_MAX_CHARS
from sipserver.devices.tables import metadata

FACET_MAX_CHARS: Final = 32
EVIDENCE_MAX_CHARS: Final = 500

device_profiles: Final = Table(
    "device_profiles",
    metadata,
    Column("manufacturer", String(NAME_MAX_CHARS), primary_key=True, comment="as DeviceInfo says"),
    Column("model", String(NAME_MAX_CHARS), primary_key=True),
    Column("firmware", String(NAME_MAX_CHARS), primary_key=True),
    Column("facet", String(FACET_MAX_CHARS), primary_key=True, comment="in what devices differ"),
    Column("value", String(VALUE_MAX_CHARS), nullable=False),
    Column("evidence", String(EVIDENCE_MAX_CHARS), nullable=False, comment="what showed it; no secrets"),
    Column("learned_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("is_pinned", Boolean, nullable=False, comment="set by hand: evidence does not change it"),
)

device_deviations: Final = Table(
    "device_deviations",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True, comment="differs from its kind, or has none"),
    Column("facet", String(FACET_MAX_CHARS), primary_key=True),
    Column("value", String(VALUE_MAX_CHARS), nullable=False),
    Column("evidence", String(EVIDENCE_MAX_CHARS), nullable=False, comment="what showed it; no secrets"),
    Column("learned_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("is_pinned", Boolean, nullable=False, comment="set by hand: evidence does not change it"),
)
