"""What the API says about settings of devices, stills and firmware."""

from typing import Any, Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant


class ConfigBlock(ApiModel):
    """One block of settings, as the device reports it."""

    name: str = Field(description="ConfigType of the standard.", examples=["OSDConfig"])
    title: str = ""
    state: Literal["answered", "refused", "silent", "skipped"] = Field(
        description="Silent: the device took the question and said nothing. Skipped: not asked, see `detail`."
    )
    detail: str = ""
    values: dict[str, Any] | None = Field(
        default=None,
        description="Null unless answered. What this platform does not know stands in `unknown`, by path.",
        examples=[{"enabled": True, "motion_detection": True}],
    )


class Configuration(ApiModel):
    """GET .../configuration."""

    target_id: str = Field(description="The id that the device answered to: its own, or the channel's.")
    items: list[ConfigBlock]


class ConfigChange(ApiModel):
    """PUT .../configuration/{name}."""

    name: str
    target_id: str
    confirmation: Literal["answered", "registered_again", "read_back", "none"] = Field(
        description=(
            "How it is known that the device took it: its Response; it registered anew at once; the new "
            "values were read back; or not at all (it took the message and said nothing)."
        )
    )
    values: dict[str, Any] | None = Field(
        default=None, description="What the device reports now, when read_back was asked for."
    )
    differences: list[str] = Field(
        default_factory=list, description="Fields that the device reports otherwise than they were sent."
    )


class ConfigBlockKind(ApiModel):
    """A kind of block, with the JSON Schema of what PUT takes."""

    name: str
    title: str
    since: str = Field(description="Edition, as X-GB-Ver says it.", examples=["3.0"])
    until: str
    can_set: bool
    values: dict[str, Any] = Field(description="JSON Schema (2020-12) of its values.")


class SdCard(ApiModel):
    card_id: str
    name: str = ""
    status: str = Field(examples=["ok", "formatting", "unformatted", "idle", "error"])
    progress_percent: int | None = Field(default=None, description="Of a format that runs.")
    capacity_mb: int | None = None
    free_mb: int | None = None


class SdCards(ApiModel):
    items: list[SdCard]


class FormatCommand(ApiCommand):
    card: int = Field(ge=0, le=8, description="The number of the card, from 1; 0 = all.", examples=[1])


class BurstCommand(ApiCommand):
    """POST channels/{channel_id}/snapshot-bursts."""

    count: int = Field(default=1, ge=1, le=10, description="Pictures.")
    interval_s: int = Field(default=1, ge=1, le=3600, description="Seconds between two pictures.")


class BurstPicture(ApiModel):
    number: int
    file_name: str = Field(description="What the device calls it.")
    size_bytes: int
    sha256: str
    width: int
    height: int
    received_at: Instant
    taken_at: Instant | None = Field(default=None, description="As the file's name says.")
    url: str = Field(description="Path of the file below this server's address.")


class SnapshotBurst(ApiModel):
    """Stills that a device takes and uploads (图像抓拍)."""

    session_id: str
    device_id: str
    channel_id: str
    count: int
    interval_s: int
    state: Literal["requested", "accepted", "done", "partial", "failed"]
    detail: str = ""
    announced: int | None = Field(default=None, description="Files that the device says it uploaded.")
    pictures: list[BurstPicture] = Field(default_factory=list)
    arrived: int = Field(description="Pictures that are here.")
    requested_by: str = ""
    requested_at: Instant
    ended_at: Instant | None = None


class Firmware(ApiModel):
    """A file that devices can be told to install."""

    firmware_id: str
    file_name: str
    manufacturer: str
    version: str = Field(description="The Firmware that the device is told.")
    size_bytes: int
    sha256: str
    uploaded_by: str
    uploaded_at: Instant


class UpgradeCommand(ApiCommand):
    firmware_id: str = Field(min_length=1, max_length=64)


class Upgrade(ApiModel):
    """A device that was told to install a firmware (设备软件升级)."""

    session_id: str
    device_id: str
    target_id: str
    firmware_id: str
    version: str
    state: Literal[
        "requested",
        "accepted",
        "downloading",
        "downloaded",
        "restarted",
        "succeeded",
        "failed",
        "timed_out",
    ]
    detail: str = ""
    firmware_after: str = Field(default="", description="The version that the device reports at the end.")
    requested_by: str = ""
    requested_at: Instant
    ended_at: Instant | None = None
