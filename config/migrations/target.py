"""The tables of all rooms, as the migrations must leave them."""

from sqlalchemy import MetaData

from access.tables import metadata as access_metadata
from catalog.tables import metadata as catalog_metadata
from sipserver.devices.tables import metadata as devices_metadata
from storage.tables import metadata as storage_metadata


def target_metadata() -> tuple[MetaData, ...]:
    """One ``MetaData`` per room that has tables."""
    return (catalog_metadata, access_metadata, devices_metadata, storage_metadata)
