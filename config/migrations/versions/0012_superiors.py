"""Superior platforms, what they are shown, and the ids that they know."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "superiors",
        sa.Column("superior_id", sa.String(length=64), nullable=False, comment="its id of 20 digits"),
        sa.Column("name", sa.Text(), nullable=False, comment="given by the operator"),
        sa.Column(
            "is_enabled",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="off: we do not register",
        ),
        sa.Column("host", sa.String(length=255), nullable=False, comment="where it listens"),
        sa.Column("port", sa.Integer(), nullable=False, comment="where it listens"),
        sa.Column("transport", sa.String(length=8), nullable=False, comment="UDP, TCP or TLS"),
        sa.Column(
            "alternate", sa.String(length=255), nullable=False, comment="host:port tried next; empty: none"
        ),
        sa.Column(
            "domain",
            sa.String(length=255),
            nullable=False,
            comment="its SIP domain; empty: 10 digits of its id",
        ),
        sa.Column("own_id", sa.String(length=64), nullable=False, comment="what we call ourselves there"),
        sa.Column(
            "own_domain",
            sa.String(length=255),
            nullable=False,
            comment="our SIP domain there; empty: 10 digits",
        ),
        sa.Column("username", sa.String(length=255), nullable=False, comment="for digest; empty: our own id"),
        sa.Column(
            "password_sealed",
            sa.Text(),
            nullable=True,
            comment="for digest, sealed by access.secrets; NULL: none",
        ),
        sa.Column(
            "edition",
            sa.String(length=8),
            nullable=False,
            comment="protocol edition that we speak there, e.g. 3.0",
        ),
        sa.Column("charset", sa.String(length=16), nullable=False, comment="of our bodies"),
        sa.Column(
            "advertised_host",
            sa.String(length=255),
            nullable=False,
            comment="printed to it; empty: as configured",
        ),
        sa.Column("expires_s", sa.Integer(), nullable=False, comment="asked for in REGISTER, s"),
        sa.Column("keepalive_s", sa.Float(), nullable=False, comment="between keepalives, s"),
        sa.Column(
            "keepalive_misses", sa.Integer(), nullable=False, comment="in a row after which it has lost us"
        ),
        sa.Column(
            "retry_s", sa.Float(), nullable=False, comment="first pause after a failure, s; it doubles"
        ),
        sa.Column("retry_max_s", sa.Float(), nullable=False, comment="longest pause, s"),
        sa.Column("tree", sa.String(length=16), nullable=False, comment="TreeForm"),
        sa.Column("with_own_item", sa.Boolean(), nullable=False, comment="our own system item is sent first"),
        sa.Column(
            "id_prefix",
            sa.String(length=10),
            nullable=False,
            comment="of ids that we assign; empty: of own_id",
        ),
        sa.Column("keeps_ids", sa.Boolean(), nullable=False, comment="channels keep ids of 20 digits"),
        sa.Column("fragment_items", sa.Integer(), nullable=False, comment="items in one MESSAGE"),
        sa.Column("fragment_pause_s", sa.Float(), nullable=False, comment="after the answer to one, s"),
        sa.Column("created_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.PrimaryKeyConstraint("superior_id", name=op.f("pk_superiors")),
    )
    op.create_table(
        "superior_ids",
        sa.Column("superior_id", sa.String(length=64), nullable=False),
        sa.Column(
            "identity", sa.String(length=144), nullable=False, comment="device~channel, or what it stands for"
        ),
        sa.Column(
            "presented_id",
            sa.String(length=64),
            nullable=False,
            comment="the superior's id for it; never changes",
        ),
        sa.ForeignKeyConstraint(
            ["superior_id"],
            ["superiors.superior_id"],
            name=op.f("fk_superior_ids_superior_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("superior_id", "identity", name=op.f("pk_superior_ids")),
        sa.UniqueConstraint("superior_id", "presented_id", name="uq_superior_ids_presented"),
    )
    op.create_table(
        "superior_shares",
        sa.Column("superior_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False, comment="ShareKind"),
        sa.Column("value", sa.String(length=144), nullable=False, comment="what the rule is about"),
        sa.Column("is_shown", sa.Boolean(), nullable=False, comment="false: hidden from the superior"),
        sa.ForeignKeyConstraint(
            ["superior_id"],
            ["superiors.superior_id"],
            name=op.f("fk_superior_shares_superior_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("superior_id", "kind", "value", name=op.f("pk_superior_shares")),
    )
