"""The tables of storage. Every instant is microseconds since 1970 UTC (``UtcTime``).

No foreign keys into the catalogue: recordings outlive the channel that they came from.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from catalog.columns import ID_LENGTH, NAMING, UtcTime

metadata: Final = MetaData(naming_convention=NAMING)

Counter = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key; SQLite only counts by itself in a column called INTEGER."""

segments: Final = Table(
    "segments",
    metadata,
    Column(
        "segment_id", String(64), primary_key=True, comment="<recorder run>-<6 digits>; never a caller's text"
    ),
    Column(
        "recorder_id", String(64), nullable=False, comment="one recorder run: a recording without a restart"
    ),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("path", Text, nullable=False, comment="relative to [storage] path, with / between parts"),
    Column("start_time", UtcTime, nullable=False, comment="wall clock at the first picture, µs UTC"),
    Column("end_time", UtcTime, nullable=False, comment="start plus what is on disk so far, µs UTC"),
    Column("first_pts_90k", BigInteger, comment="the camera's own clock, 90 kHz ticks, unwrapped"),
    Column("last_pts_90k", BigInteger, comment="the camera's own clock, 90 kHz ticks, unwrapped"),
    Column("size_bytes", BigInteger, nullable=False, comment="whole fragments so far"),
    Column("video_codec", String(16), nullable=False, server_default="", comment="H264, H265; empty unknown"),
    Column(
        "audio_codec",
        String(16),
        nullable=False,
        server_default="",
        comment="as the camera sends it; of a recovered one, as written",
    ),
    Column("width", Integer, comment="pixels"),
    Column("height", Integer, comment="pixels"),
    Column(
        "state", String(16), nullable=False, comment="SegmentState: open closed recovered missing deleted"
    ),
    Column("retention_class", String(32), nullable=False, comment="class of the longest promise made so far"),
    Column("keep_until", UtcTime, comment="not deleted before, only ever raised, µs UTC; NULL while open"),
    Column("reason", Text, nullable=False, server_default="", comment="why it was closed"),
    Column("deleted_time", UtcTime, comment="when the file was deleted, µs UTC"),
    Index("ix_segments_channel_start", "device_id", "channel_id", "start_time", "segment_id"),
    Index("ix_segments_state_keep_until", "state", "keep_until"),
)

recording_requests: Final = Table(
    "recording_requests",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True),
    Column("channel_id", String(ID_LENGTH), primary_key=True),
    Column("requested_by", Text, nullable=False, comment="user name, for the page and the audit"),
    Column("requested_time", UtcTime, nullable=False, comment="µs UTC"),
)
"""Desired state: a row means that the channel is to be recorded until the row goes."""

temporary_recordings: Final = Table(
    "temporary_recordings",
    metadata,
    Column("recording_id", String(32), primary_key=True, comment="ours, random"),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("requested_by", Text, nullable=False, comment="user name, for the page and the audit"),
    Column("reason", Text, nullable=False, comment="the emergency or inspection that it is for"),
    Column("retention_class", String(32), nullable=False, comment="RetentionClass of what is recorded"),
    Column("start_time", UtcTime, nullable=False, comment="asked for, µs UTC"),
    Column("end_time", UtcTime, nullable=False, comment="recorded until then, µs UTC"),
    Column("ended_time", UtcTime, comment="when it was over, µs UTC; NULL: in force"),
    Column("ended_why", String(16), nullable=False, server_default="", comment="EndedWhy; empty: in force"),
    Index("ix_temporary_recordings_ended_time", "ended_time"),
    Index("ix_temporary_recordings_device_id", "device_id", "channel_id"),
)
"""What a superior keeps of a subordinate's channel for a stated time (R-4)."""

recording_gaps: Final = Table(
    "recording_gaps",
    metadata,
    Column("gap_id", Counter, primary_key=True, autoincrement=True),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("start_time", UtcTime, nullable=False, comment="end of the last footage, µs UTC"),
    Column("end_time", UtcTime, comment="start of the next footage, µs UTC; NULL while it lasts"),
    Column("cause", String(32), nullable=False, comment="GapCause, the first one seen"),
    Column("detail", Text, nullable=False, server_default="", comment="the message that came with it"),
    Index("ix_recording_gaps_channel_start", "device_id", "channel_id", "start_time"),
    Index("ix_recording_gaps_end_time", "end_time"),
)

deletions: Final = Table(
    "deletions",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=False, comment="1, 2, 3 ... without a hole"),
    Column("deleted_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("segment_id", String(64), nullable=False),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("start_time", UtcTime, nullable=False, comment="of the footage, µs UTC"),
    Column("end_time", UtcTime, nullable=False, comment="of the footage, µs UTC"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("retention_class", String(32), nullable=False, comment="the promise that ran out"),
    Column("keep_until", UtcTime, nullable=False, comment="when it ran out, µs UTC"),
    Column("reason", String(32), nullable=False, comment="DeletionReason"),
    Column("previous_hash", String(64), nullable=False, comment="hash of seq - 1; zeros before the first"),
    Column(
        "hash", String(64), nullable=False, comment="SHA-256 over previous_hash and this row, hexadecimal"
    ),
    Index("ix_deletions_segment_id", "segment_id"),
)
"""Append-only: no function of this room updates or deletes a row."""

promised_classes: Final = Table(
    "promised_classes",
    metadata,
    Column("device_id", String(ID_LENGTH), primary_key=True),
    Column("channel_id", String(ID_LENGTH), primary_key=True),
    Column(
        "retention_class", String(32), nullable=False, comment="class last applied to footage that was there"
    ),
)

storage_state: Final = Table(
    "storage_state",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False, comment="what the name says, as text"),
)

alarm_files: Final = Table(
    "alarm_files",
    metadata,
    Column("file_id", String(64), primary_key=True, comment="ours, random; names the file"),
    Column("alarm_id", String(32), nullable=False, comment="the first alarm that asked for it"),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("kind", String(16), nullable=False, comment="FileKind: clip picture"),
    Column("state", String(16), nullable=False, comment="FileState: waiting ready failed deleted"),
    Column("start_time", UtcTime, nullable=False, comment="wanted, then what it holds, µs UTC"),
    Column("end_time", UtcTime, nullable=False, comment="wanted, then what it holds, µs UTC"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("keep_until", UtcTime, nullable=False, comment="not deleted before, µs UTC"),
    Column("detail", Text, nullable=False, comment="why it failed, or what is missing in it"),
    Index("ix_alarm_files_state_keep_until", "state", "keep_until"),
)
"""Clips and pictures of alarms. They have times of their own and are no part of the footage promise."""
