"""Positions of mobile devices, and which subscriptions are wanted."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column(
            "kind",
            sa.String(length=32),
            nullable=False,
            comment="catalog, alarm, mobile_position, ptz_position",
        ),
        sa.Column("target_id", sa.String(length=64), nullable=False, comment="DeviceID of the query: scope"),
        sa.Column(
            "is_wanted",
            sa.Boolean(),
            nullable=False,
            comment="false: cancelled against the automatic one",
        ),
        sa.Column("expires_s", sa.Integer(), nullable=False, comment="asked period, seconds"),
        sa.Column("interval_s", sa.Integer(), nullable=False, comment="Interval of positions, seconds"),
        sa.Column("conditions", sa.JSON(), nullable=False, comment="of alarms, by name; {}: all"),
        sa.Column(
            "requested_by",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="user; empty: automatic",
        ),
        sa.Column(
            "changed_time", sa.BigInteger(), nullable=False, comment="when it was last asked for, µs UTC"
        ),
        sa.PrimaryKeyConstraint("device_id", "kind", "target_id", name=op.f("pk_subscriptions")),
    )
    op.create_table(
        "positions",
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the device that reported it"),
        sa.Column("object_id", sa.String(length=64), nullable=False, comment="what was there"),
        sa.Column("time", sa.BigInteger(), nullable=False, comment="the device's clock, µs UTC"),
        *_values(),
        sa.PrimaryKeyConstraint("device_id", "object_id", "time", name=op.f("pk_positions")),
    )
    op.create_index("ix_positions_received_time", "positions", ["received_time"])
    op.create_table(
        "latest_positions",
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the device that reported it"),
        sa.Column("object_id", sa.String(length=64), nullable=False, comment="what is there"),
        sa.Column("time", sa.BigInteger(), nullable=False, comment="the device's clock, µs UTC"),
        *_values(),
        sa.PrimaryKeyConstraint("device_id", "object_id", name=op.f("pk_latest_positions")),
    )


def _values() -> list[sa.Column[Any]]:
    return [
        sa.Column("longitude", sa.Float(), nullable=False, comment="degrees, WGS-84"),
        sa.Column("latitude", sa.Float(), nullable=False, comment="degrees, WGS-84"),
        sa.Column("speed_kmh", sa.Float(), nullable=True, comment="NULL: not said"),
        sa.Column("direction_deg", sa.Float(), nullable=True, comment="clockwise from north, 0 to below 360"),
        sa.Column("altitude_m", sa.Float(), nullable=True, comment="above sea level"),
        sa.Column("height_m", sa.Float(), nullable=True, comment="above ground, 2022"),
        sa.Column(
            "received_time",
            sa.BigInteger(),
            nullable=False,
            comment="our clock, µs UTC; retention counts it",
        ),
    ]
