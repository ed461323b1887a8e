"""Grants and limits of subjects: what superiors may do."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_access_audit_actor", "access_audit", ["actor", "sequence"], unique=False)
    op.create_table(
        "access_grant",
        sa.Column("subject", sa.String(length=64), nullable=False, comment="who: superior:<20 digits>"),
        sa.Column(
            "position", sa.Integer(), autoincrement=False, nullable=False, comment="0, 1, 2 ... as entered"
        ),
        sa.Column(
            "actions",
            sa.String(length=128),
            nullable=False,
            comment="rights.Right, with spaces between them",
        ),
        sa.Column("scope", sa.String(length=16), nullable=False, comment="rights.ScopeKind"),
        sa.Column(
            "value",
            sa.String(length=144),
            nullable=False,
            comment="which region, group, device or device~channel",
        ),
        sa.Column(
            "hours",
            sa.Text(),
            nullable=False,
            comment="JSON [[weekdays, start, end minute], ...]; []: always",
        ),
        sa.PrimaryKeyConstraint("subject", "position"),
    )
    op.create_table(
        "access_limit",
        sa.Column(
            "subject",
            sa.String(length=64),
            nullable=False,
            comment="a subject without a row has the initial policy",
        ),
        sa.Column("streams", sa.Integer(), nullable=True, comment="open at once; NULL: no limit"),
        sa.Column(
            "kbps", sa.Integer(), nullable=True, comment="of all that are open, kbit/s; NULL: no limit"
        ),
        sa.Column("stream", sa.String(length=16), nullable=False, comment="rights.StreamChoice"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="of its control of cameras, 0 to 100"),
        sa.PrimaryKeyConstraint("subject"),
    )
