"""Alarms and their rules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _alarms()
    _rules()
    op.create_table(
        "alarm_files",
        sa.Column("file_id", sa.String(length=64), nullable=False, comment="ours, random; names the file"),
        sa.Column(
            "alarm_id", sa.String(length=32), nullable=False, comment="the first alarm that asked for it"
        ),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="FileKind: clip picture"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="FileState: waiting ready failed deleted"
        ),
        sa.Column(
            "start_time", sa.BigInteger(), nullable=False, comment="wanted, then what it holds, µs UTC"
        ),
        sa.Column("end_time", sa.BigInteger(), nullable=False, comment="wanted, then what it holds, µs UTC"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("keep_until", sa.BigInteger(), nullable=False, comment="not deleted before, µs UTC"),
        sa.Column("detail", sa.Text(), nullable=False, comment="why it failed, or what is missing in it"),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_alarm_files")),
    )
    op.create_index("ix_alarm_files_state_keep_until", "alarm_files", ["state", "keep_until"], unique=False)


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.String(length=32), nullable=False, comment="ours, random"),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column("source_id", sa.String(length=64), nullable=False, comment="DeviceID in the report"),
        sa.Column(
            "channel_id", sa.String(length=64), nullable=False, comment="the camera; empty: none is known"
        ),
        sa.Column("priority", sa.Integer(), nullable=False, comment="1 most serious to 4; 0 not said"),
        sa.Column("method", sa.Integer(), nullable=False, comment="1 to 7 (table 11.1); 0 not said"),
        sa.Column("alarm_type", sa.Integer(), nullable=True, comment="by method (table 11.1)"),
        sa.Column("type_text", sa.Text(), nullable=False, comment="AlarmType that is no number"),
        sa.Column("event_type", sa.Integer(), nullable=True, comment="1 entering, 2 leaving"),
        sa.Column("text", sa.Text(), nullable=False, comment="what method and type mean, English"),
        sa.Column("text_chinese", sa.Text(), nullable=False, comment="the same as the standard says it"),
        sa.Column("alarm_time", sa.BigInteger(), nullable=False, comment="the device's clock, µs UTC"),
        sa.Column("received_time", sa.BigInteger(), nullable=False, comment="our clock, µs UTC"),
        sa.Column(
            "last_time", sa.BigInteger(), nullable=False, comment="of the newest repeat, our clock, µs UTC"
        ),
        sa.Column("repeats", sa.Integer(), nullable=False, comment="how often it came again"),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=True, comment="degrees"),
        sa.Column("latitude", sa.Float(), nullable=True, comment="degrees"),
        sa.Column("extra", sa.Text(), nullable=False, comment="further texts, one a line"),
        sa.Column("form", sa.String(length=16), nullable=False, comment="AlarmForm: message notify test"),
        sa.Column(
            "acknowledged_by", sa.String(length=64), nullable=False, comment="user name; empty: nobody yet"
        ),
        sa.Column("acknowledged_time", sa.BigInteger(), nullable=True, comment="µs UTC; NULL: not yet"),
        sa.Column("note", sa.Text(), nullable=False, comment="what the operator wrote"),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarms")),
    )
    op.create_index("ix_alarms_received_time", "alarms", ["received_time", "alarm_id"], unique=False)
    op.create_index("ix_alarms_device_id", "alarms", ["device_id", "received_time"], unique=False)
    op.create_table(
        "alarm_actions",
        sa.Column("alarm_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, 2 ... within the alarm"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="ActionKind: record snapshot preset"),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="empty: there was no camera"),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False, comment="ActionOutcome"),
        sa.Column("detail", sa.Text(), nullable=False, comment="why it failed"),
        sa.Column(
            "file_id", sa.String(length=64), nullable=False, comment="alarm_files of storage; empty: none"
        ),
        sa.PrimaryKeyConstraint("alarm_id", "number", name=op.f("pk_alarm_actions")),
    )


def _rules() -> None:
    op.create_table(
        "alarm_rules",
        sa.Column("rule_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="empty: any"),
        sa.Column("source_id", sa.String(length=64), nullable=False, comment="empty: any"),
        sa.Column("methods", sa.Text(), nullable=False, comment="JSON list; empty: any"),
        sa.Column("types", sa.Text(), nullable=False, comment="JSON list; empty: any"),
        sa.Column("lowest_priority", sa.Integer(), nullable=False, comment="4 takes all"),
        sa.Column("actions", sa.Text(), nullable=False, comment="JSON list of LinkedAction"),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_alarm_rules")),
    )
    op.create_table(
        "alarm_policies",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("auto_arm", sa.Boolean(), nullable=True, comment="NULL: as the settings say"),
        sa.Column(
            "auto_reset", sa.String(length=16), nullable=True, comment="AutoReset; NULL: as the settings say"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_alarm_policies")),
    )
    op.create_table(
        "alarm_guards",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column(
            "target_id", sa.String(length=64), nullable=False, comment="the device or one of its inputs"
        ),
        sa.Column("is_armed", sa.Boolean(), nullable=False),
        sa.Column("is_confirmed", sa.Boolean(), nullable=False, comment="the device reported the result OK"),
        sa.Column("changed_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("changed_by", sa.String(length=64), nullable=False, comment="user name; empty: automatic"),
        sa.PrimaryKeyConstraint("device_id", "target_id", name=op.f("pk_alarm_guards")),
    )
