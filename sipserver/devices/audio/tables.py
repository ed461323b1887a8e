"""The tables of sound that is kept: clips, and when they are played. Every instant is µs since 1970 UTC.

A clip lies in the database and in no file: 8 kB a second, some hundred clips, and one back-up holds all.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Table, Text

from catalog.columns import UtcTime
from sipserver.devices.tables import metadata

OUR_ID_LENGTH: Final = 32
NAME_LENGTH: Final = 128

audio_clips: Final = Table(
    "audio_clips",
    metadata,
    Column("clip_id", String(OUR_ID_LENGTH), primary_key=True, comment="ours, random"),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("duration_s", Float, nullable=False, comment="seconds"),
    Column("alaw", LargeBinary, nullable=False, comment="G.711 A-law, 8 kHz, mono"),
    Column("created_by", String(64), nullable=False, comment="user name"),
    Column("created_time", UtcTime, nullable=False, comment="µs UTC"),
)

audio_schedules: Final = Table(
    "audio_schedules",
    metadata,
    Column("schedule_id", String(OUR_ID_LENGTH), primary_key=True, comment="ours, random"),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("clip_id", String(OUR_ID_LENGTH), nullable=False, comment="audio_clips; no foreign key: checked"),
    Column("targets", Text, nullable=False, comment="device~channel, one a line"),
    Column("mode", String(16), nullable=False, comment="AudioMode: auto broadcast talk"),
    Column("repeats", Integer, nullable=False, comment="how often the clip is played in a row"),
    Column("times", Text, nullable=False, comment="HH:MM:SS Beijing time, joined by commas"),
    Column("weekdays", String(16), nullable=False, comment="1 Monday to 7 Sunday, joined by commas"),
    Column("first_date", String(10), nullable=False, comment="YYYY-MM-DD Beijing; empty: no limit"),
    Column("last_date", String(10), nullable=False, comment="YYYY-MM-DD Beijing; empty: no limit"),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_by", String(64), nullable=False, comment="user name"),
    Column("last_time", UtcTime, comment="of the newest start, µs UTC; NULL: never"),
    Column("last_result", Text, nullable=False, comment="what came of it, English"),
    Column(
        "considered_time",
        UtcTime,
        comment="its times up to then were played or given up, µs UTC; NULL: not known",
    ),
)
