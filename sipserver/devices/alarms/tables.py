"""The tables of alarms. Every instant is microseconds since 1970 UTC (``UtcTime``).

No foreign keys into the catalogue: alarms outlive the device that they came from.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, Text

from catalog.columns import ID_LENGTH, UtcTime
from sipserver.devices.tables import metadata

ALARM_ID_LENGTH: Final = 32

alarms: Final = Table(
    "alarms",
    metadata,
    Column("alarm_id", String(ALARM_ID_LENGTH), primary_key=True, comment="ours, random"),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="the registered device"),
    Column("source_id", String(ID_LENGTH), nullable=False, comment="DeviceID in the report"),
    Column("channel_id", String(ID_LENGTH), nullable=False, comment="the camera; empty: none is known"),
    Column("priority", Integer, nullable=False, comment="1 most serious to 4; 0 not said"),
    Column("method", Integer, nullable=False, comment="1 to 7 (table 11.1); 0 not said"),
    Column("alarm_type", Integer, comment="by method (table 11.1)"),
    Column("type_text", Text, nullable=False, comment="AlarmType that is no number"),
    Column("event_type", Integer, comment="1 entering, 2 leaving"),
    Column("text", Text, nullable=False, comment="what method and type mean, English"),
    Column("text_chinese", Text, nullable=False, comment="the same as the standard says it"),
    Column("alarm_time", UtcTime, nullable=False, comment="the device's clock, µs UTC"),
    Column("received_time", UtcTime, nullable=False, comment="our clock, µs UTC"),
    Column("last_time", UtcTime, nullable=False, comment="of the newest repeat, our clock, µs UTC"),
    Column("repeats", Integer, nullable=False, comment="how often it came again"),
    Column("description", Text, nullable=False),
    Column("longitude", Float, comment="degrees"),
    Column("latitude", Float, comment="degrees"),
    Column("extra", Text, nullable=False, comment="further texts, one a line"),
    Column("form", String(16), nullable=False, comment="AlarmForm: message notify test"),
    Column("acknowledged_by", String(64), nullable=False, comment="user name; empty: nobody yet"),
    Column("acknowledged_time", UtcTime, comment="µs UTC; NULL: not yet"),
    Column("note", Text, nullable=False, comment="what the operator wrote"),
    Index("ix_alarms_received_time", "received_time", "alarm_id"),
    Index("ix_alarms_device_id", "device_id", "received_time"),
)

alarm_actions: Final = Table(
    "alarm_actions",
    metadata,
    Column("alarm_id", String(ALARM_ID_LENGTH), primary_key=True),
    Column("number", Integer, primary_key=True, comment="0, 1, 2 ... within the alarm"),
    Column("kind", String(16), nullable=False, comment="ActionKind: record snapshot preset"),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="empty: there was no camera"),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("outcome", String(16), nullable=False, comment="ActionOutcome"),
    Column("detail", Text, nullable=False, comment="why it failed"),
    Column("file_id", String(64), nullable=False, comment="alarm_files of storage; empty: none"),
)

alarm_rules: Final = Table(
    "alarm_rules",
    metadata,
    Column("rule_id", String(ALARM_ID_LENGTH), primary_key=True),
    Column("name", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("device_id", String(ID_LENGTH), nullable=False, comment="empty: any"),
    Column("source_id", String(ID_LENGTH), nullable=False, comment="empty: any"),
    Column("methods", Text, nullable=False, comment="JSON list; empty: any"),
    Column("types", Text, nullable=False, comment="JSON list; empty: any"),
    Column("lowest_priority", Integer, nullable=False, comment="4 takes all"),
    Column("actions", Text, nullable=False, comment="JSON list of LinkedAction"),
)

alarm_policies: Final = Table(
    "alarm_policies",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True),
    Column("auto_arm", Boolean, comment="NULL: as the settings say"),
    Column("auto_reset", String(16), comment="AutoReset; NULL: as the settings say"),
)

alarm_guards: Final = Table(
    "alarm_guards",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True),
    Column("target_id", String(ID_LENGTH), primary_key=True, comment="the device or one of its inputs"),
    Column("is_armed", Boolean, nullable=False),
    Column("is_confirmed", Boolean, nullable=False, comment="the device reported the result OK"),
    Column("changed_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("changed_by", String(64), nullable=False, comment="user name; empty: automatic"),
)
