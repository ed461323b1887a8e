"""Tables of downloads from devices: what was asked for, and the files that came."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text

from catalog.columns import ID_LENGTH, UtcTime
from storage.tables import metadata

downloads: Final = Table(
    "downloads",
    metadata,
    Column("download_id", String(64), primary_key=True, comment="random, hexadecimal"),
    Column("device_id", String(ID_LENGTH), nullable=False),
    Column("channel_id", String(ID_LENGTH), nullable=False),
    Column("start_time", UtcTime, nullable=False, comment="of what was asked for, µs UTC"),
    Column("end_time", UtcTime, nullable=False, comment="of what was asked for, µs UTC"),
    Column("speed", Integer, nullable=False, comment="a=downloadspeed"),
    Column("record_type", String(16), nullable=False, comment="all, time, alarm or manual"),
    Column("uri", Text, nullable=False, comment="u= of the offer; empty: the channel"),
    Column("requested_by", Text, nullable=False, comment="user name"),
    Column("requested_time", UtcTime, nullable=False, comment="µs UTC"),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="DownloadState: queued running waiting complete incomplete failed cancelled",
    ),
    Column("covered_s", Float, nullable=False, comment="seconds of what was asked for that are in files"),
    Column("attempts", Integer, nullable=False, comment="INVITEs so far"),
    Column("detail", Text, nullable=False, comment="why it is as it is"),
    Column("finished_time", UtcTime, comment="µs UTC; NULL while it is under way"),
    Index("ix_downloads_requested_time", "requested_time"),
    Index("ix_downloads_state", "state"),
)

download_parts: Final = Table(
    "download_parts",
    metadata,
    Column("part_id", String(64), primary_key=True, comment="<recorder run>-<6 digits>, as its file"),
    Column("download_id", String(64), nullable=False),
    Column("path", Text, nullable=False, comment="relative to [storage] path, with / between parts"),
    Column("offset_s", Float, nullable=False, comment="where in the download it begins, seconds"),
    Column("duration_s", Float, nullable=False, comment="of its pictures, seconds"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the file, hexadecimal"),
    Column("video_codec", String(16), nullable=False, comment="as in the file"),
    Column("audio_codec", String(16), nullable=False, comment="as in the file; empty: none"),
    Column(
        "verified", Boolean, nullable=False, comment="read back whole, with the duration that was written"
    ),
    Index("ix_download_parts_download_id", "download_id"),
)
