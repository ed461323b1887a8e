"""The tables of all rooms, as the migrations must leave them."""

from types import ModuleType
from typing import Final

from sqlalchemy import MetaData

from access.tables import metadata as access_metadata
from cascade.tables import metadata as cascade_metadata
from catalog.tables import metadata as catalog_metadata
from gateway.tables import metadata as gateway_metadata
from health.tables import metadata as health_metadata
from sipserver.devices.alarms import tables as alarm_tables
from sipserver.devices.audio import tables as audio_tables
from sipserver.devices.clocks import tables as clock_tables
from sipserver.devices.positions import tables as position_tables
from sipserver.devices.profiles import tables as profile_tables
from sipserver.devices.ptz import tables as ptz_tables
from sipserver.devices.subscriptions import tables as subscription_tables
from sipserver.devices.tables import metadata as devices_metadata
from sipserver.devices.uploads import tables as upload_tables
from storage import download_tables
from storage.tables import metadata as storage_metadata

ENTERED: Final[tuple[ModuleType, ...]] = (
    alarm_tables,
    audio_tables,
    clock_tables,
    position_tables,
    profile_tables,
    ptz_tables,
    subscription_tables,
    upload_tables,
    download_tables,
)
"""Modules whose tables are in the ``MetaData`` of their room as soon as they are imported."""


def target_metadata() -> tuple[MetaData, ...]:
    """One ``MetaData`` per room that has tables."""
    return (
        catalog_metadata,
        access_metadata,
        devices_metadata,
        storage_metadata,
        gateway_metadata,
        cascade_metadata,
        health_metadata,
    )
