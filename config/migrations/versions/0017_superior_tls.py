"""Superiors: which certificate is good enough over TLS."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("superiors") as table:
        table.add_column(
            sa.Column(
                "tls_authorities",
                sa.Text(),
                server_default="",
                nullable=False,
                comment="PEM file; empty: the system's",
            )
        )
        table.add_column(
            sa.Column(
                "tls_verify",
                sa.Boolean(),
                server_default=sa.true(),
                nullable=False,
                comment="its certificate is checked",
            )
        )
        table.add_column(
            sa.Column(
                "tls_name",
                sa.String(length=255),
                server_default="",
                nullable=False,
                comment="its certificate's; empty: host",
            )
        )
