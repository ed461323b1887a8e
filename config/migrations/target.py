"""The tables of all rooms, as the migrations must leave them."""

from sqlalchemy import MetaData

import sipserver.devices.alarms.tables
import sipserver.devices.audio.tables
import sipserver.devices.clocks.tables
import sipserver.devices.positions.tables
import sipserver.devices.profiles.tables
import sipserver.devices.uploads.tables
import sipserver.devices.subscriptions.tables
import storage.download_tables  # noqa: F401 - enters its tables
from access.tables import metadata as access_metadata
from catalog.tables import metadata as catalog_metadata
from sipserver.devices.tables import metadata as devices_metadata
from health.tables import metadata as health_metadata
from storage.tables import metadata as storage_metadata


def target_metadata() -> tuple[MetaData, ...]:
    """One ``MetaData`` per room that has tables."""
    return (catalog_metadata, access_metadata, devices_metadata, storage_metadata, health_metadata)
