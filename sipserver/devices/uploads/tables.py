"""Tables of stills and firmware. The files themselves are named here and lie in the store."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata

SESSION_LENGTH: Final = 128
TOKEN_LENGTH: Final = 64
NAME_LENGTH: Final = 255

snapshot_bursts: Final = Table(
    "snapshot_bursts",
    metadata,
    Column("session_id", String(SESSION_LENGTH), primary_key=True, comment="SessionID of SnapShotConfig"),
    Column("token", String(TOKEN_LENGTH), nullable=False, comment="secret part of the upload address"),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("channel_id", String(ID_LENGTH), nullable=False, comment="the channel that takes the pictures"),
    Column("count", Integer, nullable=False, comment="pictures asked for, 1 to 10"),
    Column("interval_s", Integer, nullable=False, comment="seconds between two pictures"),
    Column("requested_by", String(NAME_LENGTH), nullable=False, comment="user"),
    Column("requested_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("deadline_time", UtcTime, nullable=False, comment="no picture is awaited after this, µs UTC"),
    Column("state", String(16), nullable=False, comment="requested, accepted, done, partial or failed"),
    Column("detail", Text, nullable=False, comment="why it ended as it did"),
    Column("announced", Integer, comment="files the device says it uploaded; null: it said nothing"),
    Column("pictures", Integer, nullable=False, comment="pictures that arrived"),
    Column("ended_time", UtcTime, comment="µs UTC; null: it runs"),
    Index("ix_snapshot_bursts_channel", "device_id", "channel_id", "requested_time"),
    Index("ix_snapshot_bursts_requested_time", "requested_time"),
)

snapshot_pictures: Final = Table(
    "snapshot_pictures",
    metadata,
    Column(
        "session_id",
        String(SESSION_LENGTH),
        ForeignKey("snapshot_bursts.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1, as they came"),
    Column("file_name", String(NAME_LENGTH), nullable=False, comment="what the device calls it"),
    Column("blob", String(TOKEN_LENGTH), nullable=False, comment="name in the store"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the file, hexadecimal"),
    Column("width", Integer, nullable=False, comment="pixels"),
    Column("height", Integer, nullable=False, comment="pixels"),
    Column("received_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("taken_time", UtcTime, comment="as the file name says, µs UTC"),
)

firmware: Final = Table(
    "firmware",
    metadata,
    Column("firmware_id", String(TOKEN_LENGTH), primary_key=True),
    Column("file_name", String(NAME_LENGTH), nullable=False, comment="as the operator's file was called"),
    Column("manufacturer", String(NAME_LENGTH), nullable=False),
    Column("version", String(NAME_LENGTH), nullable=False, comment="the Firmware that the device is told"),
    Column("blob", String(TOKEN_LENGTH), nullable=False, comment="name in the store"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the file, hexadecimal"),
    Column("uploaded_by", String(NAME_LENGTH), nullable=False, comment="user"),
    Column("uploaded_time", UtcTime, nullable=False, comment="µs UTC"),
)

device_upgrades: Final = Table(
    "device_upgrades",
    metadata,
    Column("session_id", String(SESSION_LENGTH), primary_key=True, comment="SessionID of DeviceUpgrade"),
    Column("token", String(TOKEN_LENGTH), nullable=False, comment="secret part of the download address"),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("target_id", String(ID_LENGTH), nullable=False, comment="the device or the channel upgraded"),
    Column("firmware_id", String(TOKEN_LENGTH), nullable=False, comment="may have been removed since"),
    Column("version", String(NAME_LENGTH), nullable=False, comment="the version to be installed"),
    Column("requested_by", String(NAME_LENGTH), nullable=False, comment="user"),
    Column("requested_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("deadline_time", UtcTime, nullable=False, comment="no result is awaited after this, µs UTC"),
    Column("state", String(16), nullable=False, comment="requested ... succeeded, failed, timed_out"),
    Column("detail", Text, nullable=False, comment="why it ended as it did"),
    Column("firmware_after", String(NAME_LENGTH), nullable=False, comment="what the device reports"),
    Column("ended_time", UtcTime, comment="µs UTC; null: it runs"),
    Index("ix_device_upgrades_device", "device_id", "requested_time"),
)
