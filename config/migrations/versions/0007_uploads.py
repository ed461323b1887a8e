"""Snapshots and firmware that pass between devices and us."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snapshot_bursts",
        sa.Column("session_id", sa.String(128), nullable=False, comment="SessionID of SnapShotConfig"),
        sa.Column("token", sa.String(64), nullable=False, comment="secret part of the upload address"),
        sa.Column("device_id", sa.String(64), nullable=False, comment="the registered device"),
        sa.Column("channel_id", sa.String(64), nullable=False, comment="the channel that takes the pictures"),
        sa.Column("count", sa.Integer(), nullable=False, comment="pictures asked for, 1 to 10"),
        sa.Column("interval_s", sa.Integer(), nullable=False, comment="seconds between two pictures"),
        sa.Column("requested_by", sa.String(255), nullable=False, comment="user"),
        sa.Column("requested_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column(
            "deadline_time",
            sa.BigInteger(),
            nullable=False,
            comment="no picture is awaited after this, µs UTC",
        ),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="requested, accepted, done, partial or failed"
        ),
        sa.Column("detail", sa.Text(), nullable=False, comment="why it ended as it did"),
        sa.Column(
            "announced",
            sa.Integer(),
            nullable=True,
            comment="files the device says it uploaded; null: it said nothing",
        ),
        sa.Column("pictures", sa.Integer(), nullable=False, comment="pictures that arrived"),
        sa.Column("ended_time", sa.BigInteger(), nullable=True, comment="µs UTC; null: it runs"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_snapshot_bursts")),
    )
    op.create_index(
        "ix_snapshot_bursts_channel", "snapshot_bursts", ["device_id", "channel_id", "requested_time"]
    )
    op.create_index("ix_snapshot_bursts_requested_time", "snapshot_bursts", ["requested_time"])
    op.create_table(
        "snapshot_pictures",
        sa.Column("session_id", sa.String(128), nullable=False),
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False, comment="from 1, as they came"
        ),
        sa.Column("file_name", sa.String(255), nullable=False, comment="what the device calls it"),
        sa.Column("blob", sa.String(64), nullable=False, comment="name in the store"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file, hexadecimal"),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("received_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("taken_time", sa.BigInteger(), nullable=True, comment="as the file name says, µs UTC"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["snapshot_bursts.session_id"],
            name=op.f("fk_snapshot_pictures_session_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "number", name=op.f("pk_snapshot_pictures")),
    )
    op.create_table(
        "firmware",
        sa.Column("firmware_id", sa.String(64), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False, comment="as the operator's file was called"),
        sa.Column("manufacturer", sa.String(255), nullable=False),
        sa.Column("version", sa.String(255), nullable=False, comment="the Firmware that the device is told"),
        sa.Column("blob", sa.String(64), nullable=False, comment="name in the store"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file, hexadecimal"),
        sa.Column("uploaded_by", sa.String(255), nullable=False, comment="user"),
        sa.Column("uploaded_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.PrimaryKeyConstraint("firmware_id", name=op.f("pk_firmware")),
    )
    op.create_table(
        "device_upgrades",
        sa.Column("session_id", sa.String(128), nullable=False, comment="SessionID of DeviceUpgrade"),
        sa.Column("token", sa.String(64), nullable=False, comment="secret part of the download address"),
        sa.Column("device_id", sa.String(64), nullable=False, comment="the registered device"),
        sa.Column("target_id", sa.String(64), nullable=False, comment="the device or the channel upgraded"),
        sa.Column("firmware_id", sa.String(64), nullable=False, comment="may have been removed since"),
        sa.Column("version", sa.String(255), nullable=False, comment="the version to be installed"),
        sa.Column("requested_by", sa.String(255), nullable=False, comment="user"),
        sa.Column("requested_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column(
            "deadline_time",
            sa.BigInteger(),
            nullable=False,
            comment="no result is awaited after this, µs UTC",
        ),
        sa.Column(
            "state", sa.String(16), nullable=False, comment="requested ... succeeded, failed, timed_out"
        ),
        sa.Column("detail", sa.Text(), nullable=False, comment="why it ended as it did"),
        sa.Column("firmware_after", sa.String(255), nullable=False, comment="what the device reports"),
        sa.Column("ended_time", sa.BigInteger(), nullable=True, comment="µs UTC; null: it runs"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_device_upgrades")),
    )
    op.create_index("ix_device_upgrades_device", "device_upgrades", ["device_id", "requested_time"])
