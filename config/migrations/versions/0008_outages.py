"""Why devices were offline, and their clocks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_clocks",
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column("offset_s", sa.Float(), nullable=False, comment="its clock minus ours, seconds"),
        sa.Column("error_s", sa.Float(), nullable=False, comment="how far the offset may be off, seconds"),
        sa.Column("source", sa.String(length=16), nullable=False, comment="ClockSource: what showed it"),
        sa.Column("measured_time", sa.BigInteger(), nullable=False, comment="when it was seen, µs UTC"),
        sa.Column(
            "drifting_since",
            sa.BigInteger(),
            nullable=True,
            comment="since when the alarm is on, µs UTC; NULL: the clock is right",
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_clocks")),
    )
    op.create_table(
        "clock_log",
        sa.Column("clock_log_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column("happened_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("change", sa.String(length=16), nullable=False, comment="drifted or corrected"),
        sa.Column(
            "offset_s", sa.Float(), nullable=False, comment="its clock minus ours at that moment, seconds"
        ),
        sa.Column("source", sa.String(length=16), nullable=False, comment="ClockSource: what showed it"),
        sa.PrimaryKeyConstraint("clock_log_id", name=op.f("pk_clock_log")),
    )
    op.create_index("ix_clock_log_device", "clock_log", ["device_id", "happened_time"], unique=False)
    op.create_index("ix_clock_log_happened_time", "clock_log", ["happened_time"], unique=False)
    op.create_table(
        "outages",
        sa.Column("outage_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column(
            "channel_id",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="empty: the device",
        ),
        sa.Column(
            "site",
            sa.String(length=128),
            server_default="",
            nullable=False,
            comment="network, region or given name",
        ),
        sa.Column("began_time", sa.BigInteger(), nullable=False, comment="last sign of life, µs UTC"),
        sa.Column("ended_time", sa.BigInteger(), nullable=True, comment="µs UTC; NULL: still out"),
        sa.Column("cause", sa.String(length=16), nullable=False, comment="Cause"),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False, comment="what showed it"),
        sa.Column(
            "is_site_wide",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="lost together with its site",
        ),
        sa.PrimaryKeyConstraint("outage_id", name=op.f("pk_outages")),
    )
    op.create_index("ix_outages_device", "outages", ["device_id", "began_time"], unique=False)
    op.create_index("ix_outages_began_time", "outages", ["began_time", "outage_id"], unique=False)
    op.create_index("ix_outages_ended_time", "outages", ["ended_time"], unique=False)
    op.create_table(
        "site_outages",
        sa.Column("site", sa.String(length=128), nullable=False, comment="network, region or given name"),
        sa.Column("began_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("ended_time", sa.BigInteger(), nullable=True, comment="µs UTC; NULL: still out"),
        sa.Column("cause", sa.String(length=16), nullable=False, comment="Cause"),
        sa.Column("devices_lost", sa.Integer(), nullable=False, comment="at the worst moment"),
        sa.Column("devices", sa.Integer(), nullable=False, comment="of the site at that moment"),
        sa.Column("evidence", sa.Text(), server_default="", nullable=False, comment="what showed it"),
        sa.PrimaryKeyConstraint("site", "began_time", name=op.f("pk_site_outages")),
    )
