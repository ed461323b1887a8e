"""What an operator sets for a device about media and time."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "devices",
        sa.Column(
            "send_date",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="its clock is set by the Date in our 200 to REGISTER",
        ),
    )
    op.add_column(
        "devices",
        sa.Column(
            "media_transport",
            sa.String(length=16),
            nullable=True,
            comment="how its media is asked for: auto, udp, tcp_passive; NULL: as all",
        ),
    )
