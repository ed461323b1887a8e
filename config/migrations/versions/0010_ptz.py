"""Which cameras were told to move and not yet stopped; up to when announcements were played."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ptz_motions",
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column("channel_id", sa.String(length=64), nullable=False, comment="the channel that moves"),
        sa.Column("began_time", sa.BigInteger(), nullable=False, comment="when it was told to move, µs UTC"),
        sa.PrimaryKeyConstraint("device_id", "channel_id", name=op.f("pk_ptz_motions")),
    )
    op.add_column(
        "audio_schedules",
        sa.Column(
            "considered_time",
            sa.BigInteger(),
            nullable=True,
            comment="its times up to then were played or given up, µs UTC; NULL: not known",
        ),
    )
