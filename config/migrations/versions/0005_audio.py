"""Announcements and their schedule."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audio_clips",
        sa.Column("clip_id", sa.String(length=32), nullable=False, comment="ours, random"),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False, comment="seconds"),
        sa.Column("alaw", sa.LargeBinary(), nullable=False, comment="G.711 A-law, 8 kHz, mono"),
        sa.Column("created_by", sa.String(length=64), nullable=False, comment="user name"),
        sa.Column("created_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.PrimaryKeyConstraint("clip_id", name=op.f("pk_audio_clips")),
    )
    op.create_table(
        "audio_schedules",
        sa.Column("schedule_id", sa.String(length=32), nullable=False, comment="ours, random"),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column(
            "clip_id", sa.String(length=32), nullable=False, comment="audio_clips; no foreign key: checked"
        ),
        sa.Column("targets", sa.Text(), nullable=False, comment="device~channel, one a line"),
        sa.Column("mode", sa.String(length=16), nullable=False, comment="AudioMode: auto broadcast talk"),
        sa.Column("repeats", sa.Integer(), nullable=False, comment="how often the clip is played in a row"),
        sa.Column("times", sa.Text(), nullable=False, comment="HH:MM:SS Beijing time, joined by commas"),
        sa.Column(
            "weekdays", sa.String(length=16), nullable=False, comment="1 Monday to 7 Sunday, joined by commas"
        ),
        sa.Column(
            "first_date", sa.String(length=10), nullable=False, comment="YYYY-MM-DD Beijing; empty: no limit"
        ),
        sa.Column(
            "last_date", sa.String(length=10), nullable=False, comment="YYYY-MM-DD Beijing; empty: no limit"
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False, comment="user name"),
        sa.Column(
            "last_time", sa.BigInteger(), nullable=True, comment="of the newest start, µs UTC; NULL: never"
        ),
        sa.Column("last_result", sa.Text(), nullable=False, comment="what came of it, English"),
        sa.PrimaryKeyConstraint("schedule_id", name=op.f("pk_audio_schedules")),
    )
