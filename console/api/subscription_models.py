"""Bodies of the routes about subscriptions."""

from typing import Literal

from pydantic import Field

from console.api.models import ApiCommand, ApiModel, Instant

KindName = Literal["catalog", "alarm", "mobile_position", "ptz_position"]


class AlarmFilter(ApiCommand):
    """Which alarms a device shall report; 0, null and an empty list mean all."""

    start_priority: int = Field(default=0, ge=0, le=4, description="Highest wanted: 1 is the most urgent.")
    end_priority: int = Field(default=0, ge=0, le=4, description="Lowest wanted.")
    methods: list[int] = Field(
        default_factory=list, max_length=7, description="AlarmMethod, 1 to 7.", examples=[[2, 5]]
    )
    alarm_type: int | None = Field(default=None, ge=1, le=255)


class SubscriptionWish(ApiCommand):
    """What to subscribe to; everything has a default."""

    target_id: str = Field(
        default="",
        pattern=r"^[0-9A-Za-z]{0,64}$",
        description="A system, region, group or channel below the device; empty: the device.",
    )
    expires_s: int | None = Field(default=None, ge=30, le=86_400, description="Asked period, seconds.")
    interval_s: int | None = Field(
        default=None, ge=1, le=86_400, description="Of positions: how often to report, seconds."
    )
    alarms: AlarmFilter | None = Field(default=None, description="Of alarms: which ones.")
    despite_edition: bool = Field(
        default=False, description="Ask although the device's edition does not have it."
    )


class Subscription(ApiModel):
    """One subscription and how it stands."""

    device_id: str
    kind: KindName
    target_id: str
    state: Literal["off", "waiting", "asking", "active", "refreshing", "dropping", "ending", "reviving"] = (
        Field(description="`active` and `refreshing`: the device notifies. `waiting`: see `error`.")
    )
    error: str = Field(description="Why it is not active; empty while all is well.")
    expires_s: int = Field(description="Asked period, seconds.")
    granted_s: int | None = Field(description="Granted period, seconds.")
    interval_s: int | None = Field(description="Of positions, seconds.")
    alarms: AlarmFilter | None
    requested_by: str = Field(description="User; empty: every device gets it (`subscriptions.automatic`).")
    active_since: Instant | None
    next_request_in_s: float | None = Field(
        description="Until the refresh or the next try; null while the device is awaited."
    )
    notifies: int = Field(description="Notifications since our start.")
    last_notify: Instant | None
    refreshes: int
    dialogs: int = Field(description="Above 1: it was lost and made again.")
    is_mute: bool = Field(
        description="The device never notifies: its catalogue is asked for every `catalog_query_s` instead."
    )
