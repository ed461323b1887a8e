"""Where recordings for superiors come from, and how their streams and announcements are agreed on."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "superiors",
        sa.Column(
            "record_source",
            sa.String(length=16),
            server_default="own_first",
            nullable=False,
            comment="RecordSource",
        ),
    )
    op.add_column(
        "superiors",
        sa.Column(
            "record_wait_s",
            sa.Float(),
            server_default="12",
            nullable=False,
            comment="for a device that searches its recordings, s",
        ),
    )
    for name, default, comment in (
        ("takes_ssrc", sa.true(), "its y= is used; else ours"),
        ("awaits_ack", sa.true(), "media begins with its ACK"),
        ("speech_tcp", sa.false(), "announcements come over TCP"),
    ):
        column: sa.Column[bool] = sa.Column(
            name, sa.Boolean(), server_default=default, nullable=False, comment=comment
        )
        op.add_column("superiors", column)
