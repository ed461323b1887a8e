"""Bodies of the routes about positions."""

from pydantic import Field

from console.api.models import ApiModel, Instant


class Position(ApiModel):
    """Where something was."""

    device_id: str = Field(description="The registered device that reported it.")
    object_id: str = Field(description="What was there: the device, or something below it.")
    time: Instant = Field(description="By the device's clock.")
    longitude: float = Field(description="Degrees, WGS-84.", examples=[117.2503])
    latitude: float = Field(description="Degrees, WGS-84.", examples=[31.8512])
    speed_kmh: float | None = Field(description="Kilometres per hour.")
    direction_deg: float | None = Field(description="Degrees clockwise from north.")
    altitude_m: float | None = Field(description="Metres above sea level.")
    height_m: float | None = Field(description="Metres above ground.")
    received: Instant = Field(description="When it came, by our clock.")


class CameraDirection(ApiModel):
    """Where a camera looked when it last said so."""

    channel_id: str
    pan: float | None = Field(description="Degrees clockwise seen from above, 0 to 360.")
    tilt: float | None = Field(description="Degrees, downward positive.")
    zoom: float | None = Field(description="Factor.")
    horizontal_angle: float | None = Field(description="Of the view, degrees.")
    vertical_angle: float | None = Field(description="Of the view, degrees.")
    view_distance_m: float | None = Field(description="How far one sees, metres.")
    received: Instant = Field(description="When it came, by our clock.")
