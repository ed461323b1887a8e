"""What a superior was told and what it said about it, as the API says and accepts it."""

from typing import Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

StateWord = Literal["absent", "on", "off", "vlost", "defect"]
ListedWord = Literal["unknown", "same", "otherwise", "missing"]
DifferenceName = Literal[
    "never_sent",
    "refused",
    "not_sent_since",
    "unacknowledged",
    "not_listed",
    "listed_otherwise",
    "not_removed",
]
SubscriptionKindName = Literal["Catalog", "Alarm", "MobilePosition", "PTZPosition"]


class LedgerItem(ApiModel):
    """One entry: what it is to know, what it was told, what it took."""

    id: str = Field(description="The id that the superior knows.")
    name: str
    channel: str | None = Field(description="`device~channel` of ours; null for a directory.")
    intended: StateWord
    sent: StateWord
    sent_at: Instant | None
    acknowledged: StateWord
    acknowledged_at: Instant | None
    refused_status: int | None = Field(description="With which it refused the last.")
    listed: ListedWord = Field(description="What it said when it was asked for its own list.")
    difference: DifferenceName | None = Field(description="The first thing that is wrong.")


class LedgerSummary(ApiModel):
    """How the superior stands, in numbers."""

    intended: int = Field(description="Entries that it is shown now.")
    acknowledged: int = Field(description="Of those, as it knows them.")
    differences: dict[DifferenceName, int]
    strangers: list[str] = Field(description="Ids that it listed below us and is not shown; the first 1,000.")
    sent: int = Field(description="Notifications since the start.")
    unanswered: int
    refused: int


class LedgerPush(ApiCommand):
    """Which entries are told again."""

    ids: list[str] | None = Field(
        default=None, max_length=10_000, description="As the superior knows them; null: all that differ."
    )


class LedgerPushed(ApiModel):
    """What will be told again."""

    entries: int


class LedgerChecked(ApiModel):
    """What the superior listed."""

    listed: int
    strangers: int
    announced: int = Field(description="How many it said that it has.")
    complete: bool = Field(description="As many came as it announced.")


class SuperiorSubscription(ApiModel):
    """Something that a superior subscribed to."""

    kind: SubscriptionKindName
    scope: str = Field(description="The id that it is about.")
    expires_in_s: float
    notices: int = Field(description="NOTIFYs sent.")
    unanswered: int = Field(description="In a row, up to now.")


class ItemOverride(ApiCommand):
    """What a superior is told of a camera in place of what the catalogue says; empty: as it is."""

    name: str = Field(default="", max_length=255)
    civil_code: str = Field(default="", pattern=r"^([0-9]{2}([0-9]{2}){0,3})?$")
    address: str = Field(default="", max_length=255)
