"""Tables of access. Times are integers: microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

users = Table(
    "access_user",
    metadata,
    Column("user_id", String(32), primary_key=True, comment="random, 32 hexadecimal digits"),
    Column("username", String(64), nullable=False, comment="as it is shown"),
    Column(
        "username_key", String(256), nullable=False, unique=True, comment="NFKC and case-folded, compared"
    ),
    Column("password_hash", String(255), nullable=False, comment="Argon2id in PHC form"),
    Column("role", String(32), nullable=False, comment="admin, operator or viewer"),
    Column("enabled", Boolean, nullable=False, comment="a disabled user cannot log in, its tokens are void"),
    Column("created_us", BigInteger, nullable=False),
    Column("password_changed_us", BigInteger, nullable=False),
)

sessions = Table(
    "access_session",
    metadata,
    Column("session_id", String(32), primary_key=True, comment="the token's jti"),
    Column(
        "user_id",
        String(32),
        ForeignKey("access_user.user_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("source", String(64), nullable=False, comment="address that logged in"),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
    Column("revoked_us", BigInteger, nullable=True, comment="NULL while the session is good"),
)

login_guards = Table(
    "access_login_guard",
    metadata,
    Column("subject", String(300), primary_key=True, comment="user:<username_key> or source:<address>"),
    Column("failures", Integer, nullable=False, comment="since the last success"),
    Column("last_failure_us", BigInteger, nullable=False, index=True),
    Column("locked_until_us", BigInteger, nullable=False, comment="0 when not locked"),
)

audit_entries = Table(
    "access_audit",
    metadata,
    Column(
        "sequence",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
        comment="1, 2, 3 ... without a hole",
    ),
    Column("time_us", BigInteger, nullable=False, index=True),
    Column("actor", String(64), nullable=False, comment="user name, or system"),
    Column("source", String(64), nullable=False, comment="address it came from, empty when from inside"),
    Column("action", String(64), nullable=False),
    Column("target", String(255), nullable=False, comment="what it was done to"),
    Column("outcome", String(32), nullable=False, comment="done, refused or failed"),
    Column("detail", Text, nullable=False, comment="JSON object with sorted keys"),
    Column("previous_hash", String(64), nullable=False, comment="hash of sequence - 1; zeros for the first"),
    Column("hash", String(64), nullable=False, comment="HMAC-SHA-256 over previous_hash and this row"),
    Index("ix_access_audit_target", "target", "sequence"),
    Index("ix_access_audit_actor", "actor", "sequence"),
)

grants = Table(
    "access_grant",
    metadata,
    Column("subject", String(64), primary_key=True, comment="who: superior:<20 digits>"),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="0, 1, 2 ... as entered"),
    Column("actions", String(128), nullable=False, comment="rights.Right, with spaces between them"),
    Column("scope", String(16), nullable=False, comment="rights.ScopeKind"),
    Column("value", String(144), nullable=False, comment="which region, group, device or device~channel"),
    Column("hours", Text, nullable=False, comment="JSON [[weekdays, start, end minute], ...]; []: always"),
)

limits = Table(
    "access_limit",
    metadata,
    Column("subject", String(64), primary_key=True, comment="a subject without a row has the initial policy"),
    Column("streams", Integer, nullable=True, comment="open at once; NULL: no limit"),
    Column("kbps", Integer, nullable=True, comment="of all that are open, kbit/s; NULL: no limit"),
    Column("stream", String(16), nullable=False, comment="rights.StreamChoice"),
    Column("priority", Integer, nullable=False, comment="of its control of cameras, 0 to 100"),
)
