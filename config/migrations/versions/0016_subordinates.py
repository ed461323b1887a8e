"""Subordinate platforms, what their catalogues said last, and recordings with a stated end."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _devices()
    op.add_column(
        "channels",
        sa.Column(
            "preferred_path",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="platforms that it is to be asked for by, joined by - (annex H of 2022); "
            "empty: by default",
        ),
    )
    op.add_column(
        "channels",
        sa.Column(
            "digest",
            sa.LargeBinary(length=16),
            nullable=True,
            comment="of what the last catalogue answer said; "
            "NULL: something was notified since, or never said",
        ),
    )
    op.create_table(
        "temporary_recordings",
        sa.Column("recording_id", sa.String(length=32), nullable=False, comment="ours, random"),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="user name, for the page and the audit"),
        sa.Column("reason", sa.Text(), nullable=False, comment="the emergency or inspection that it is for"),
        sa.Column(
            "retention_class",
            sa.String(length=32),
            nullable=False,
            comment="RetentionClass of what is recorded",
        ),
        sa.Column("start_time", sa.BigInteger(), nullable=False, comment="asked for, µs UTC"),
        sa.Column("end_time", sa.BigInteger(), nullable=False, comment="recorded until then, µs UTC"),
        sa.Column(
            "ended_time", sa.BigInteger(), nullable=True, comment="when it was over, µs UTC; NULL: in force"
        ),
        sa.Column(
            "ended_why",
            sa.String(length=16),
            server_default="",
            nullable=False,
            comment="EndedWhy; empty: in force",
        ),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_temporary_recordings")),
    )
    op.create_index("ix_temporary_recordings_ended_time", "temporary_recordings", ["ended_time"])
    op.create_index("ix_temporary_recordings_device_id", "temporary_recordings", ["device_id", "channel_id"])


def _devices() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column(
            "is_subordinate",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="a platform below us: it presents what it has as one large device",
        ),
        sa.Column(
            "account",
            sa.String(length=255),
            server_default="",
            nullable=False,
            comment="user name that its digest must carry; empty: nothing of its own",
        ),
        sa.Column(
            "expected_hosts",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="addresses and networks that it may register from, with blanks between; empty: any",
        ),
        sa.Column(
            "path_rank",
            sa.Integer(),
            server_default="100",
            nullable=False,
            comment="of several platforms that bring the same camera the lowest is asked first",
        ),
        sa.Column(
            "catalog_every_s",
            sa.Integer(),
            nullable=True,
            comment="between queries for the whole catalogue, s; NULL: as all",
        ),
    )
    for column in columns:
        op.add_column("devices", column)
    # Platforms are told by their type, digits 11 to 13 of 20.
    op.execute(
        "UPDATE devices SET is_subordinate = (1 = 1) "
        "WHERE length(device_id) = 20 AND substr(device_id, 11, 3) = '200' AND NOT is_gateway"
    )
