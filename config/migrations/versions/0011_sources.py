"""Sources that do not speak GB/T 28181, and the device that stands for them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column(
            "channel_id",
            sa.String(length=64),
            nullable=False,
            comment="its channel on the gateway's device; assigned once",
        ),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="SourceKind"),
        sa.Column(
            "address_sealed",
            sa.Text(),
            nullable=True,
            comment="RTSP or RTMP address with credentials, sealed by access.secrets; NULL: a push",
        ),
        sa.Column(
            "sub_address_sealed", sa.Text(), nullable=True, comment="its smaller stream, sealed; NULL: none"
        ),
        sa.Column(
            "transport", sa.String(length=8), server_default="auto", nullable=False, comment="RtspTransport"
        ),
        sa.Column(
            "mode", sa.String(length=16), server_default="on_demand", nullable=False, comment="PullMode"
        ),
        sa.Column(
            "enabled",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="off: neither pulled nor accepted",
        ),
        sa.Column(
            "push_path",
            sa.String(length=255),
            nullable=True,
            comment="app/name that a push publishes to; NULL: a pull",
        ),
        sa.Column(
            "push_key_sealed",
            sa.Text(),
            nullable=True,
            comment="what a publisher must know, sealed; NULL: a pull",
        ),
        sa.Column(
            "onvif_address",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="ONVIF service that told the addresses",
        ),
        sa.Column("created_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_sources")),
        sa.UniqueConstraint("push_path", name="uq_sources_push_path"),
    )
    op.add_column(
        "devices",
        sa.Column(
            "is_gateway",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="this platform itself, for the sources that it brings in: it never registers",
        ),
    )
