"""First schema: catalogue, access, devices and storage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column(
            "device_id",
            sa.String(length=64),
            nullable=False,
            comment="id as registered, text: leading zeros count",
        ),
        sa.Column(
            "name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="given by the operator, else by DeviceInfo",
        ),
        sa.Column(
            "password_sealed",
            sa.Text(),
            nullable=True,
            comment="own SIP password, sealed by access.secrets; NULL: the common one",
        ),
        sa.Column("manufacturer", sa.Text(), server_default="", nullable=False, comment="from DeviceInfo"),
        sa.Column("model", sa.Text(), server_default="", nullable=False, comment="from DeviceInfo"),
        sa.Column("firmware", sa.Text(), server_default="", nullable=False, comment="from DeviceInfo"),
        sa.Column(
            "allowed",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="may register in allow-list mode",
        ),
        sa.Column(
            "blocked",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="never may register, whatever else",
        ),
        sa.Column(
            "transport",
            sa.String(length=8),
            nullable=True,
            comment="UDP, TCP or TLS of the last registration",
        ),
        sa.Column(
            "remote_host",
            sa.String(length=64),
            nullable=True,
            comment="source address of the last registration",
        ),
        sa.Column("remote_port", sa.Integer(), nullable=True, comment="source port of the last registration"),
        sa.Column(
            "local_host", sa.String(length=64), nullable=True, comment="our address that it registered at"
        ),
        sa.Column("local_port", sa.Integer(), nullable=True, comment="our port that it registered at"),
        sa.Column("contact", sa.Text(), nullable=True, comment="Contact URI of the last registration"),
        sa.Column(
            "edition", sa.String(length=8), nullable=True, comment="protocol edition from X-GB-Ver, e.g. 2.0"
        ),
        sa.Column(
            "user_agent",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="User-Agent of the last registration",
        ),
        sa.Column(
            "online",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="presence when last saved",
        ),
        sa.Column("registered_at", sa.BigInteger(), nullable=True, comment="last accepted REGISTER, µs UTC"),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=True, comment="when the registration lapses, µs UTC"
        ),
        sa.Column(
            "last_seen_at", sa.BigInteger(), nullable=True, comment="last sign of life of any kind, µs UTC"
        ),
        sa.Column(
            "keepalive_interval_s",
            sa.Float(),
            nullable=True,
            comment="observed or configured period, seconds",
        ),
        sa.Column(
            "catalog_time", sa.BigInteger(), nullable=True, comment="last catalogue answer stored, µs UTC"
        ),
        sa.Column(
            "catalog_complete",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="that answer was whole",
        ),
        sa.Column(
            "catalog_run",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="counts catalogue answers",
        ),
        sa.Column("created_time", sa.BigInteger(), nullable=False, comment="first known, µs UTC"),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_devices")),
    )
    op.create_table(
        "channels",
        sa.Column(
            "device_id",
            sa.String(length=64),
            nullable=False,
            comment="the device that lists it; the same channel id may stand on several devices",
        ),
        sa.Column(
            "channel_id",
            sa.String(length=64),
            nullable=False,
            comment="DeviceID of the item: 20 digits, regions 2-8",
        ),
        sa.Column(
            "name", sa.Text(), server_default="", nullable=False, comment="as the device says, may be empty"
        ),
        sa.Column("kind", sa.String(length=32), nullable=False, comment="ChannelKind"),
        sa.Column("manufacturer", sa.Text(), server_default="", nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False, comment="设备归属, 2016 only"),
        sa.Column(
            "civil_code",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="as the device says, may be nonsense",
        ),
        sa.Column(
            "region_code",
            sa.String(length=8),
            server_default="",
            nullable=False,
            comment="2/4/6/8 digits, derived (GB-C006)",
        ),
        sa.Column(
            "block",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="警区, or organisation code per GA/T 380",
        ),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "parental",
            sa.Integer(),
            nullable=True,
            comment="as the device says; unreliable, derive from the tree",
        ),
        sa.Column("parent_ids", sa.JSON(), nullable=False, comment="list of ids, ParentID split at /"),
        sa.Column(
            "register_way",
            sa.Integer(),
            nullable=True,
            comment="1 digest, 2 password, 3 certificate two-way, 4 one-way",
        ),
        sa.Column("secrecy", sa.Integer(), nullable=True, comment="0 no, 1 yes"),
        sa.Column("ip_address", sa.Text(), server_default="", nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column(
            "status_online", sa.Boolean(), nullable=True, comment="the item's Status; NULL: never said"
        ),
        sa.Column(
            "fault",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="reachable but no picture (VLOST, DEFECT)",
        ),
        sa.Column("longitude", sa.Float(), nullable=True, comment="degrees, WGS-84; NULL unknown"),
        sa.Column("latitude", sa.Float(), nullable=True, comment="degrees, WGS-84; NULL unknown"),
        sa.Column("business_group_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column(
            "camera_class",
            sa.Integer(),
            nullable=True,
            comment="1, 2, 3 = class of video point (R-7), from PointType or the operator",
        ),
        sa.Column("info", sa.JSON(), nullable=False, comment="children of Info, by name, as text"),
        sa.Column(
            "unknown",
            sa.JSON(),
            nullable=False,
            comment="elements this edition does not know, by name, as text",
        ),
        sa.Column(
            "position",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="place in the device's own order",
        ),
        sa.Column(
            "given_name",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="the operator's name; wins when not empty",
        ),
        sa.Column(
            "priority", sa.String(length=32), server_default="other", nullable=False, comment="Priority (R-8)"
        ),
        sa.Column(
            "retention_class",
            sa.String(length=32),
            server_default="ordinary",
            nullable=False,
            comment="RetentionClass (R-15)",
        ),
        sa.Column(
            "record_always",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="recorded without being asked",
        ),
        sa.Column(
            "present",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="in the last whole catalogue",
        ),
        sa.Column(
            "catalog_run",
            sa.BigInteger(),
            nullable=False,
            comment="devices.catalog_run of the answer that last held it",
        ),
        sa.Column("first_seen_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column(
            "missing_since_time",
            sa.BigInteger(),
            nullable=True,
            comment="when a whole catalogue first lacked it, µs UTC",
        ),
        sa.CheckConstraint("camera_class IN (1, 2, 3)", name=op.f("ck_channels_camera_class")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"], name=op.f("fk_channels_device_id")),
        sa.PrimaryKeyConstraint("device_id", "channel_id", name=op.f("pk_channels")),
    )
    op.create_index("ix_channels_channel_id", "channels", ["channel_id"], unique=False)
    op.create_index("ix_channels_record_always", "channels", ["record_always"], unique=False)
    op.create_table(
        "access_audit",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="1, 2, 3 ... without a hole",
        ),
        sa.Column("time_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False, comment="user name, or system"),
        sa.Column(
            "source",
            sa.String(length=64),
            nullable=False,
            comment="address it came from, empty when from inside",
        ),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False, comment="what it was done to"),
        sa.Column("outcome", sa.String(length=32), nullable=False, comment="done, refused or failed"),
        sa.Column("detail", sa.Text(), nullable=False, comment="JSON object with sorted keys"),
        sa.Column(
            "previous_hash",
            sa.String(length=64),
            nullable=False,
            comment="hash of sequence - 1; zeros for the first",
        ),
        sa.Column(
            "hash",
            sa.String(length=64),
            nullable=False,
            comment="HMAC-SHA-256 over previous_hash and this row",
        ),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("ix_access_audit_target", "access_audit", ["target", "sequence"], unique=False)
    op.create_index(op.f("ix_access_audit_time_us"), "access_audit", ["time_us"], unique=False)
    op.create_table(
        "access_login_guard",
        sa.Column(
            "subject",
            sa.String(length=300),
            nullable=False,
            comment="user:<username_key> or source:<address>",
        ),
        sa.Column("failures", sa.Integer(), nullable=False, comment="since the last success"),
        sa.Column("last_failure_us", sa.BigInteger(), nullable=False),
        sa.Column("locked_until_us", sa.BigInteger(), nullable=False, comment="0 when not locked"),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_index(
        op.f("ix_access_login_guard_last_failure_us"), "access_login_guard", ["last_failure_us"], unique=False
    )
    op.create_table(
        "access_user",
        sa.Column("user_id", sa.String(length=32), nullable=False, comment="random, 32 hexadecimal digits"),
        sa.Column("username", sa.String(length=64), nullable=False, comment="as it is shown"),
        sa.Column(
            "username_key", sa.String(length=256), nullable=False, comment="NFKC and case-folded, compared"
        ),
        sa.Column("password_hash", sa.String(length=255), nullable=False, comment="Argon2id in PHC form"),
        sa.Column("role", sa.String(length=32), nullable=False, comment="admin, operator or viewer"),
        sa.Column(
            "enabled",
            sa.Boolean(),
            nullable=False,
            comment="a disabled user cannot log in, its tokens are void",
        ),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("password_changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        sa.UniqueConstraint("username_key"),
    )
    op.create_table(
        "access_session",
        sa.Column("session_id", sa.String(length=32), nullable=False, comment="the token's jti"),
        sa.Column("user_id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False, comment="address that logged in"),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True, comment="NULL while the session is good"),
        sa.ForeignKeyConstraint(["user_id"], ["access_user.user_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index(op.f("ix_access_session_expires_us"), "access_session", ["expires_us"], unique=False)
    op.create_index(op.f("ix_access_session_user_id"), "access_session", ["user_id"], unique=False)
    op.create_table(
        "open_dialogs",
        sa.Column("call_id", sa.String(length=255), nullable=False, comment="Call-ID of our INVITE"),
        sa.Column("device_id", sa.String(length=64), nullable=False, comment="the registered device"),
        sa.Column("channel_id", sa.String(length=64), nullable=False, comment="the channel that was invited"),
        sa.Column("target", sa.Text(), nullable=False, comment="Request-URI of requests in the dialog"),
        sa.Column("local", sa.Text(), nullable=False, comment="From of our requests, with tag"),
        sa.Column("remote", sa.Text(), nullable=False, comment="To of our requests, with tag"),
        sa.Column("cseq", sa.Integer(), nullable=False, comment="highest CSeq that we used"),
        sa.Column("ssrc", sa.String(length=10), nullable=False, comment="y= of the offer"),
        sa.Column(
            "opened_time", sa.BigInteger(), nullable=False, comment="when the device accepted it, µs UTC"
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_open_dialogs")),
    )
    op.create_table(
        "deletions",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
            comment="1, 2, 3 ... without a hole",
        ),
        sa.Column("deleted_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("segment_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False, comment="of the footage, µs UTC"),
        sa.Column("end_time", sa.BigInteger(), nullable=False, comment="of the footage, µs UTC"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "retention_class", sa.String(length=32), nullable=False, comment="the promise that ran out"
        ),
        sa.Column("keep_until", sa.BigInteger(), nullable=False, comment="when it ran out, µs UTC"),
        sa.Column("reason", sa.String(length=32), nullable=False, comment="DeletionReason"),
        sa.Column(
            "previous_hash",
            sa.String(length=64),
            nullable=False,
            comment="hash of seq - 1; zeros before the first",
        ),
        sa.Column(
            "hash",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 over previous_hash and this row, hexadecimal",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deletions")),
    )
    op.create_index("ix_deletions_segment_id", "deletions", ["segment_id"], unique=False)
    op.create_table(
        "promised_classes",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column(
            "retention_class",
            sa.String(length=32),
            nullable=False,
            comment="class last applied to footage that was there",
        ),
        sa.PrimaryKeyConstraint("device_id", "channel_id", name=op.f("pk_promised_classes")),
    )
    op.create_table(
        "recording_gaps",
        sa.Column(
            "gap_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False, comment="end of the last footage, µs UTC"),
        sa.Column(
            "end_time",
            sa.BigInteger(),
            nullable=True,
            comment="start of the next footage, µs UTC; NULL while it lasts",
        ),
        sa.Column("cause", sa.String(length=32), nullable=False, comment="GapCause, the first one seen"),
        sa.Column(
            "detail", sa.Text(), server_default="", nullable=False, comment="the message that came with it"
        ),
        sa.PrimaryKeyConstraint("gap_id", name=op.f("pk_recording_gaps")),
    )
    op.create_index(
        "ix_recording_gaps_channel_start",
        "recording_gaps",
        ["device_id", "channel_id", "start_time"],
        unique=False,
    )
    op.create_index("ix_recording_gaps_end_time", "recording_gaps", ["end_time"], unique=False)
    op.create_table(
        "recording_requests",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="user name, for the page and the audit"),
        sa.Column("requested_time", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.PrimaryKeyConstraint("device_id", "channel_id", name=op.f("pk_recording_requests")),
    )
    op.create_table(
        "segments",
        sa.Column(
            "segment_id",
            sa.String(length=64),
            nullable=False,
            comment="<recorder run>-<6 digits>; never a caller's text",
        ),
        sa.Column(
            "recorder_id",
            sa.String(length=64),
            nullable=False,
            comment="one recorder run: a recording without a restart",
        ),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("channel_id", sa.String(length=64), nullable=False),
        sa.Column(
            "path", sa.Text(), nullable=False, comment="relative to [storage] path, with / between parts"
        ),
        sa.Column(
            "start_time", sa.BigInteger(), nullable=False, comment="wall clock at the first picture, µs UTC"
        ),
        sa.Column(
            "end_time", sa.BigInteger(), nullable=False, comment="start plus what is on disk so far, µs UTC"
        ),
        sa.Column(
            "first_pts_90k",
            sa.BigInteger(),
            nullable=True,
            comment="the camera's own clock, 90 kHz ticks, unwrapped",
        ),
        sa.Column(
            "last_pts_90k",
            sa.BigInteger(),
            nullable=True,
            comment="the camera's own clock, 90 kHz ticks, unwrapped",
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="whole fragments so far"),
        sa.Column(
            "video_codec",
            sa.String(length=16),
            server_default="",
            nullable=False,
            comment="H264, H265; empty unknown",
        ),
        sa.Column(
            "audio_codec",
            sa.String(length=16),
            server_default="",
            nullable=False,
            comment="as the camera sends it; of a recovered one, as written",
        ),
        sa.Column("width", sa.Integer(), nullable=True, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=True, comment="pixels"),
        sa.Column(
            "state",
            sa.String(length=16),
            nullable=False,
            comment="SegmentState: open closed recovered missing deleted",
        ),
        sa.Column(
            "retention_class",
            sa.String(length=32),
            nullable=False,
            comment="class of the longest promise made so far",
        ),
        sa.Column(
            "keep_until",
            sa.BigInteger(),
            nullable=True,
            comment="not deleted before, only ever raised, µs UTC; NULL while open",
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it was closed"),
        sa.Column(
            "deleted_time", sa.BigInteger(), nullable=True, comment="when the file was deleted, µs UTC"
        ),
        sa.PrimaryKeyConstraint("segment_id", name=op.f("pk_segments")),
    )
    op.create_index(
        "ix_segments_channel_start",
        "segments",
        ["device_id", "channel_id", "start_time", "segment_id"],
        unique=False,
    )
    op.create_index("ix_segments_state_keep_until", "segments", ["state", "keep_until"], unique=False)
    op.create_table(
        "storage_state",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False, comment="what the name says, as text"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_storage_state")),
    )
