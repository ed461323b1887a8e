"""Downloads from devices."""

import sqlalchemy as sa
from alembic import op

from catalog.columns import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "downloads",
        sa.Column("download_id", sa.String(64), nullable=False, comment="random, hexadecimal"),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("channel_id", sa.String(64), nullable=False),
        sa.Column("start_time", UtcTime, nullable=False, comment="of what was asked for, µs UTC"),
        sa.Column("end_time", UtcTime, nullable=False, comment="of what was asked for, µs UTC"),
        sa.Column("speed", sa.Integer, nullable=False, comment="a=downloadspeed"),
        sa.Column("record_type", sa.String(16), nullable=False, comment="all, time, alarm or manual"),
        sa.Column("uri", sa.Text, nullable=False, comment="u= of the offer; empty: the channel"),
        sa.Column("requested_by", sa.Text, nullable=False, comment="user name"),
        sa.Column("requested_time", UtcTime, nullable=False, comment="µs UTC"),
        sa.Column(
            "state",
            sa.String(16),
            nullable=False,
            comment="DownloadState: queued running waiting complete incomplete failed cancelled",
        ),
        sa.Column(
            "covered_s", sa.Float, nullable=False, comment="seconds of what was asked for that are in files"
        ),
        sa.Column("attempts", sa.Integer, nullable=False, comment="INVITEs so far"),
        sa.Column("detail", sa.Text, nullable=False, comment="why it is as it is"),
        sa.Column("finished_time", UtcTime, comment="µs UTC; NULL while it is under way"),
        sa.PrimaryKeyConstraint("download_id", name=op.f("pk_downloads")),
    )
    op.create_index("ix_downloads_requested_time", "downloads", ["requested_time"])
    op.create_index("ix_downloads_state", "downloads", ["state"])
    op.create_table(
        "download_parts",
        sa.Column("part_id", sa.String(64), nullable=False, comment="<recorder run>-<6 digits>, as its file"),
        sa.Column("download_id", sa.String(64), nullable=False),
        sa.Column(
            "path", sa.Text, nullable=False, comment="relative to [storage] path, with / between parts"
        ),
        sa.Column("offset_s", sa.Float, nullable=False, comment="where in the download it begins, seconds"),
        sa.Column("duration_s", sa.Float, nullable=False, comment="of its pictures, seconds"),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, comment="of the file, hexadecimal"),
        sa.Column("video_codec", sa.String(16), nullable=False, comment="as in the file"),
        sa.Column("audio_codec", sa.String(16), nullable=False, comment="as in the file; empty: none"),
        sa.Column(
            "verified",
            sa.Boolean,
            nullable=False,
            comment="read back whole, with the duration that was written",
        ),
        sa.PrimaryKeyConstraint("part_id", name=op.f("pk_download_parts")),
    )
    op.create_index("ix_download_parts_download_id", "download_parts", ["download_id"])
