"""The cascade's tables. Every instant is microseconds since 1970 UTC (``UtcTime``)."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from catalog.columns import ID_LENGTH, NAMING, UtcTime

CHANNEL_LENGTH: Final = 2 * ID_LENGTH + 16

metadata: Final = MetaData(naming_convention=NAMING)

superiors: Final = Table(
    "superiors",
    metadata,
    Column("superior_id", String(ID_LENGTH), primary_key=True, comment="its id of 20 digits"),
    Column("name", Text, nullable=False, comment="given by the operator"),
    Column("is_enabled", Boolean, nullable=False, server_default=true(), comment="off: we do not register"),
    Column("host", String(255), nullable=False, comment="where it listens"),
    Column("port", Integer, nullable=False, comment="where it listens"),
    Column("transport", String(8), nullable=False, comment="UDP, TCP or TLS"),
    Column("alternate", String(255), nullable=False, comment="host:port tried next; empty: none"),
    Column("domain", String(255), nullable=False, comment="its SIP domain; empty: 10 digits of its id"),
    Column("own_id", String(ID_LENGTH), nullable=False, comment="what we call ourselves there"),
    Column("own_domain", String(255), nullable=False, comment="our SIP domain there; empty: 10 digits"),
    Column("username", String(255), nullable=False, comment="for digest; empty: our own id"),
    Column("password_sealed", Text, comment="for digest, sealed by access.secrets; NULL: none"),
    Column("edition", String(8), nullable=False, comment="protocol edition that we speak there, e.g. 3.0"),
    Column("charset", String(16), nullable=False, comment="of our bodies"),
    Column("advertised_host", String(255), nullable=False, comment="printed to it; empty: as configured"),
    Column("expires_s", Integer, nullable=False, comment="asked for in REGISTER, s"),
    Column("keepalive_s", Float, nullable=False, comment="between keepalives, s"),
    Column("keepalive_misses", Integer, nullable=False, comment="in a row after which it has lost us"),
    Column("retry_s", Float, nullable=False, comment="first pause after a failure, s; it doubles"),
    Column("retry_max_s", Float, nullable=False, comment="longest pause, s"),
    Column("tree", String(16), nullable=False, comment="TreeForm"),
    Column("with_own_item", Boolean, nullable=False, comment="our own system item is sent first"),
    Column("id_prefix", String(10), nullable=False, comment="of ids that we assign; empty: of own_id"),
    Column("keeps_ids", Boolean, nullable=False, comment="channels keep ids of 20 digits"),
    Column("fragment_items", Integer, nullable=False, comment="items in one MESSAGE"),
    Column("fragment_pause_s", Float, nullable=False, comment="after the answer to one, s"),
    Column(
        "tls_authorities", Text, nullable=False, server_default="", comment="PEM file; empty: the system's"
    ),
    Column(
        "tls_verify", Boolean, nullable=False, server_default=true(), comment="its certificate is checked"
    ),
    Column(
        "tls_name", String(255), nullable=False, server_default="", comment="its certificate's; empty: host"
    ),
    Column("created_time", UtcTime, nullable=False, comment="µs UTC"),
    Column(
        "notify_items",
        Integer,
        nullable=False,
        server_default="20",
        comment="changes of status in one NOTIFY",
    ),
    Column(
        "notify_wait_s",
        Float,
        nullable=False,
        server_default="1",
        comment="how long changes are gathered, s",
    ),
    Column("initial_report", String(16), nullable=False, server_default="abnormal", comment="InitialReport"),
    Column(
        "pushes_alarms",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="alarms go by MESSAGE when it has not subscribed",
    ),
    Column("record_source", String(16), nullable=False, server_default="own_first", comment="RecordSource"),
    Column(
        "record_wait_s",
        Float,
        nullable=False,
        server_default="12",
        comment="for a device that searches its recordings, s",
    ),
    Column("takes_ssrc", Boolean, nullable=False, server_default=true(), comment="its y= is used; else ours"),
    Column("awaits_ack", Boolean, nullable=False, server_default=true(), comment="media begins with its ACK"),
    Column(
        "speech_tcp", Boolean, nullable=False, server_default=false(), comment="announcements come over TCP"
    ),
)

shares: Final = Table(
    "superior_shares",
    metadata,
    Column(
        "superior_id",
        String(ID_LENGTH),
        ForeignKey("superiors.superior_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("kind", Integer, primary_key=True, comment="ShareKind"),
    Column("value", String(CHANNEL_LENGTH), primary_key=True, comment="what the rule is about"),
    Column("is_shown", Boolean, nullable=False, comment="false: hidden from the superior"),
)

presented_ids: Final = Table(
    "superior_ids",
    metadata,
    Column(
        "superior_id",
        String(ID_LENGTH),
        ForeignKey("superiors.superior_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column(
        "identity", String(CHANNEL_LENGTH), primary_key=True, comment="device~channel, or what it stands for"
    ),
    Column(
        "presented_id", String(ID_LENGTH), nullable=False, comment="the superior's id for it; never changes"
    ),
    Column(
        "overrides", Text, comment="JSON of Override: what it is told in place of the catalogue; NULL: none"
    ),
    UniqueConstraint("superior_id", "presented_id", name="uq_superior_ids_presented"),
)

ledger: Final = Table(
    "superior_ledger",
    metadata,
    Column(
        "superior_id",
        String(ID_LENGTH),
        ForeignKey("superiors.superior_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("presented_id", String(ID_LENGTH), primary_key=True, comment="the superior's id for it"),
    Column("sent_state", SmallInteger, nullable=False, comment="ItemState; 0: told that it is gone"),
    Column("sent_sum", BigInteger, nullable=False, comment="of what its item said"),
    Column("sent_s", BigInteger, nullable=False, comment="when, s since 1970 UTC; 0: never"),
    Column("acknowledged_state", SmallInteger, nullable=False, comment="ItemState"),
    Column("acknowledged_sum", BigInteger, nullable=False, comment="of what its item said"),
    Column("acknowledged_s", BigInteger, nullable=False, comment="when, s since 1970 UTC; 0: never"),
    Column("refused_status", SmallInteger, nullable=False, comment="its answer; 0: not refused"),
    Column("listed", SmallInteger, nullable=False, comment="Listed: what it said when asked back"),
)
