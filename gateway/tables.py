"""The gateway's table. Every instant is microseconds since 1970 UTC (``UtcTime``)."""

from typing import Final

from sqlalchemy import Boolean, Column, MetaData, String, Table, Text, UniqueConstraint, true

from catalog.columns import ID_LENGTH, NAMING, UtcTime

metadata: Final = MetaData(naming_convention=NAMING)

sources: Final = Table(
    "sources",
    metadata,
    Column(
        "channel_id",
        String(ID_LENGTH),
        primary_key=True,
        comment="its channel on the gateway's device; assigned once",
    ),
    Column("kind", String(8), nullable=False, comment="SourceKind"),
    Column(
        "address_sealed",
        Text,
        comment="RTSP or RTMP address with credentials, sealed by access.secrets; NULL: a push",
    ),
    Column("sub_address_sealed", Text, comment="its smaller stream, sealed; NULL: none"),
    Column("transport", String(8), nullable=False, server_default="auto", comment="RtspTransport"),
    Column("mode", String(16), nullable=False, server_default="on_demand", comment="PullMode"),
    Column(
        "enabled", Boolean, nullable=False, server_default=true(), comment="off: neither pulled nor accepted"
    ),
    Column("push_path", String(255), comment="app/name that a push publishes to; NULL: a pull"),
    Column("push_key_sealed", Text, comment="what a publisher must know, sealed; NULL: a pull"),
    Column(
        "onvif_address",
        Text,
        nullable=False,
        server_default="",
        comment="ONVIF service that told the addresses",
    ),
    Column("created_time", UtcTime, nullable=False, comment="µs UTC"),
    UniqueConstraint("push_path", name="uq_sources_push_path"),
)
