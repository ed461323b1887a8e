"""What was learned about kinds of devices."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_profiles",
        sa.Column("manufacturer", sa.String(length=64), nullable=False, comment="as DeviceInfo says"),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("firmware", sa.String(length=64), nullable=False),
        sa.Column("facet", sa.String(length=32), nullable=False, comment="in what devices differ"),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("evidence", sa.String(length=500), nullable=False, comment="what showed it; no secrets"),
        sa.Column("learned_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column(
            "is_pinned", sa.Boolean(), nullable=False, comment="set by hand: evidence does not change it"
        ),
        sa.PrimaryKeyConstraint(
            "manufacturer", "model", "firmware", "facet", name=op.f("pk_device_profiles")
        ),
    )
    op.create_table(
        "device_deviations",
        sa.Column(
            "device_id", sa.String(length=64), nullable=False, comment="differs from its kind, or has none"
        ),
        sa.Column("facet", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("evidence", sa.String(length=500), nullable=False, comment="what showed it; no secrets"),
        sa.Column("learned_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column(
            "is_pinned", sa.Boolean(), nullable=False, comment="set by hand: evidence does not change it"
        ),
        sa.PrimaryKeyConstraint("device_id", "facet", name=op.f("pk_device_deviations")),
    )
