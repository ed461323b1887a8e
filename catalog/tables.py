"""The catalogue's tables. Every instant is microseconds since 1970 UTC (``UtcTime``)."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    true,
)

from catalog.columns import ID_LENGTH, NAMING, UtcTime

metadata: Final = MetaData(naming_convention=NAMING)

devices: Final = Table(
    "devices",
    metadata,
    Column(
        "device_id",
        String(ID_LENGTH),
        primary_key=True,
        comment="id as registered, text: leading zeros count",
    ),
    Column(
        "name", Text, nullable=False, server_default="", comment="given by the operator, else by DeviceInfo"
    ),
    Column(
        "password_sealed", Text, comment="own SIP password, sealed by access.secrets; NULL: the common one"
    ),
    Column("manufacturer", Text, nullable=False, server_default="", comment="from DeviceInfo"),
    Column("model", Text, nullable=False, server_default="", comment="from DeviceInfo"),
    Column("firmware", Text, nullable=False, server_default="", comment="from DeviceInfo"),
    Column(
        "allowed", Boolean, nullable=False, server_default=true(), comment="may register in allow-list mode"
    ),
    Column(
        "blocked",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="never may register, whatever else",
    ),
    Column(
        "send_date",
        Boolean,
        nullable=False,
        server_default=true(),
        comment="its clock is set by the Date in our 200 to REGISTER",
    ),
    Column(
        "media_transport",
        String(16),
        comment="how its media is asked for: auto, udp, tcp_passive; NULL: as all",
    ),
    Column("transport", String(8), comment="UDP, TCP or TLS of the last registration"),
    Column("remote_host", String(64), comment="source address of the last registration"),
    Column("remote_port", Integer, comment="source port of the last registration"),
    Column("local_host", String(64), comment="our address that it registered at"),
    Column("local_port", Integer, comment="our port that it registered at"),
    Column("contact", Text, comment="Contact URI of the last registration"),
    Column("edition", String(8), comment="protocol edition from X-GB-Ver, e.g. 2.0"),
    Column(
        "user_agent", Text, nullable=False, server_default="", comment="User-Agent of the last registration"
    ),
    Column("online", Boolean, nullable=False, server_default=false(), comment="presence when last saved"),
    Column("registered_at", UtcTime, comment="last accepted REGISTER, µs UTC"),
    Column("expires_at", UtcTime, comment="when the registration lapses, µs UTC"),
    Column("last_seen_at", UtcTime, comment="last sign of life of any kind, µs UTC"),
    Column("keepalive_interval_s", Float, comment="observed or configured period, seconds"),
    Column("catalog_time", UtcTime, comment="last catalogue answer stored, µs UTC"),
    Column(
        "catalog_complete", Boolean, nullable=False, server_default=false(), comment="that answer was whole"
    ),
    Column("catalog_run", BigInteger, nullable=False, server_default="0", comment="counts catalogue answers"),
    Column("created_time", UtcTime, nullable=False, comment="first known, µs UTC"),
    Column(
        "is_gateway",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="this platform itself, for the sources that it brings in: it never registers",
    ),
    Column(
        "is_subordinate",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="a platform below us: it presents what it has as one large device",
    ),
    Column(
        "account",
        String(255),
        nullable=False,
        server_default="",
        comment="user name that its digest must carry; empty: nothing of its own",
    ),
    Column(
        "expected_hosts",
        Text,
        nullable=False,
        server_default="",
        comment="addresses and networks that it may register from, with blanks between; empty: any",
    ),
    Column(
        "path_rank",
        Integer,
        nullable=False,
        server_default="100",
        comment="of several platforms that bring the same camera the lowest is asked first",
    ),
    Column("catalog_every_s", Integer, comment="between queries for the whole catalogue, s; NULL: as all"),
)

channels: Final = Table(
    "channels",
    metadata,
    Column(
        "device_id",
        String(ID_LENGTH),
        ForeignKey("devices.device_id"),
        primary_key=True,
        comment="the device that lists it; the same channel id may stand on several devices",
    ),
    Column(
        "channel_id",
        String(ID_LENGTH),
        primary_key=True,
        comment="DeviceID of the item: 20 digits, regions 2-8",
    ),
    Column("name", Text, nullable=False, server_default="", comment="as the device says, may be empty"),
    Column("kind", String(32), nullable=False, comment="ChannelKind"),
    Column("manufacturer", Text, nullable=False, server_default=""),
    Column("model", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default="", comment="设备归属, 2016 only"),
    Column(
        "civil_code", Text, nullable=False, server_default="", comment="as the device says, may be nonsense"
    ),
    Column(
        "region_code",
        String(8),
        nullable=False,
        server_default="",
        comment="2/4/6/8 digits, derived (GB-C006)",
    ),
    Column(
        "block", Text, nullable=False, server_default="", comment="警区, or organisation code per GA/T 380"
    ),
    Column("address", Text, nullable=False, server_default=""),
    Column("parental", Integer, comment="as the device says; unreliable, derive from the tree"),
    Column("parent_ids", JSON, nullable=False, comment="list of ids, ParentID split at /"),
    Column("register_way", Integer, comment="1 digest, 2 password, 3 certificate two-way, 4 one-way"),
    Column("secrecy", Integer, comment="0 no, 1 yes"),
    Column("ip_address", Text, nullable=False, server_default=""),
    Column("port", Integer),
    Column("status_online", Boolean, comment="the item's Status; NULL: never said"),
    Column(
        "fault",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="reachable but no picture (VLOST, DEFECT)",
    ),
    Column(
        "defect",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the fault was notified as DEFECT, not as VLOST",
    ),
    Column("longitude", Float, comment="degrees, WGS-84; NULL unknown"),
    Column("latitude", Float, comment="degrees, WGS-84; NULL unknown"),
    Column("business_group_id", String(ID_LENGTH), nullable=False, server_default=""),
    Column(
        "camera_class",
        Integer,
        comment="1, 2, 3 = class of video point (R-7), from PointType or the operator",
    ),
    Column("info", JSON, nullable=False, comment="children of Info, by name, as text"),
    Column("unknown", JSON, nullable=False, comment="elements this edition does not know, by name, as text"),
    Column(
        "position", Integer, nullable=False, server_default="0", comment="place in the device's own order"
    ),
    Column(
        "given_name",
        Text,
        nullable=False,
        server_default="",
        comment="the operator's name; wins when not empty",
    ),
    Column("priority", String(32), nullable=False, server_default="other", comment="Priority (R-8)"),
    Column(
        "retention_class",
        String(32),
        nullable=False,
        server_default="ordinary",
        comment="RetentionClass (R-15)",
    ),
    Column(
        "record_always",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="recorded without being asked",
    ),
    Column("present", Boolean, nullable=False, server_default=true(), comment="in the last whole catalogue"),
    Column(
        "catalog_run",
        BigInteger,
        nullable=False,
        comment="devices.catalog_run of the answer that last held it",
    ),
    Column("first_seen_time", UtcTime, nullable=False, comment="µs UTC"),
    Column("missing_since_time", UtcTime, comment="when a whole catalogue first lacked it, µs UTC"),
    Column(
        "preferred_path",
        Text,
        nullable=False,
        server_default="",
        comment="platforms that it is to be asked for by, joined by - (annex H of 2022); empty: by default",
    ),
    Column(
        "digest",
        LargeBinary(16),
        comment="of what the last catalogue answer said; NULL: something was notified since, or never said",
    ),
    CheckConstraint("camera_class IN (1, 2, 3)", name="camera_class"),
    Index("ix_channels_channel_id", "channel_id"),
    Index("ix_channels_record_always", "record_always"),
)
