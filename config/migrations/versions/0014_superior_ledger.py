"""What superiors were told, how they are told, and a fault that is a defect."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "channels",
        sa.Column(
            "defect",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the fault was notified as DEFECT, not as VLOST",
        ),
    )
    op.add_column(
        "superior_ids",
        sa.Column(
            "overrides",
            sa.Text(),
            nullable=True,
            comment="JSON of Override: what it is told in place of the catalogue; NULL: none",
        ),
    )
    op.add_column(
        "superiors",
        sa.Column(
            "notify_items",
            sa.Integer(),
            server_default="20",
            nullable=False,
            comment="changes of status in one NOTIFY",
        ),
    )
    op.add_column(
        "superiors",
        sa.Column(
            "notify_wait_s",
            sa.Float(),
            server_default="1",
            nullable=False,
            comment="how long changes are gathered, s",
        ),
    )
    op.add_column(
        "superiors",
        sa.Column(
            "initial_report",
            sa.String(length=16),
            server_default="abnormal",
            nullable=False,
            comment="InitialReport",
        ),
    )
    op.add_column(
        "superiors",
        sa.Column(
            "pushes_alarms",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="alarms go by MESSAGE when it has not subscribed",
        ),
    )
    op.create_table(
        "superior_ledger",
        sa.Column("superior_id", sa.String(length=64), nullable=False),
        sa.Column("presented_id", sa.String(length=64), nullable=False, comment="the superior's id for it"),
        sa.Column(
            "sent_state", sa.SmallInteger(), nullable=False, comment="ItemState; 0: told that it is gone"
        ),
        sa.Column("sent_sum", sa.BigInteger(), nullable=False, comment="of what its item said"),
        sa.Column("sent_s", sa.BigInteger(), nullable=False, comment="when, s since 1970 UTC; 0: never"),
        sa.Column("acknowledged_state", sa.SmallInteger(), nullable=False, comment="ItemState"),
        sa.Column("acknowledged_sum", sa.BigInteger(), nullable=False, comment="of what its item said"),
        sa.Column(
            "acknowledged_s", sa.BigInteger(), nullable=False, comment="when, s since 1970 UTC; 0: never"
        ),
        sa.Column("refused_status", sa.SmallInteger(), nullable=False, comment="its answer; 0: not refused"),
        sa.Column(
            "listed", sa.SmallInteger(), nullable=False, comment="Listed: what it said when asked back"
        ),
        sa.ForeignKeyConstraint(
            ["superior_id"],
            ["superiors.superior_id"],
            name=op.f("fk_superior_ledger_superior_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("superior_id", "presented_id", name=op.f("pk_superior_ledger")),
    )
