"""What the API says and accepts about moving cameras."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from console.api.models import ApiCommand, ApiModel, Instant

Speed = Annotated[
    float, Field(ge=-1.0, le=1.0, allow_inf_nan=False, description="Part of the full speed; 0 stands still.")
]


class Movement(ApiCommand):
    """A movement of the view as seen on the monitor: all axes at once, each -1 to 1."""

    pan: Speed = Field(default=0.0, description="To the right; negative to the left.", examples=[0.5])
    tilt: Speed = Field(default=0.0, description="Up; negative down.", examples=[-0.25])
    zoom: Speed = Field(default=0.0, description="In; negative out.")
    focus: Speed = Field(default=0.0, description="Far; negative near.")
    iris: Speed = Field(default=0.0, description="Open; negative close.")


class TimedMovement(Movement):
    for_s: float = Field(
        default=1.0,
        ge=0.2,
        le=30.0,
        allow_inf_nan=False,
        description="Seconds after which the platform stops the movement, unless it is sent anew before.",
    )


class PtzLock(ApiModel):
    """Who has the camera."""

    holder: str = Field(examples=["operator1"])
    priority: int = Field(description="0 to 100; more takes the camera from less.", examples=[50])
    expires_at: Instant
    is_mine: bool = Field(description="Whether it is this log-in's own.")


class PtzStatus(ApiModel):
    """What the platform wants of the camera head now."""

    lock: PtzLock | None = None
    movement: Movement = Field(description="As it is held; all zero when it stands still.")
    is_moving: bool = False
    is_stop_owed: bool = Field(
        default=False, description="The device was lost while moving: stop is sent when it is back."
    )


class LockRequest(ApiCommand):
    for_s: float = Field(
        ge=1.0,
        le=86_400.0,
        allow_inf_nan=False,
        description="Seconds; ptz.lock_max_s at most.",
        examples=[600],
    )


class Name(ApiCommand):
    name: str = Field(default="", max_length=64, description="For devices of 2022; others do not take it.")


class Preset(ApiModel):
    """A preset (预置位)."""

    number: int = Field(examples=[5])
    name: str = Field(examples=["大门"])


class Presets(ApiModel):
    items: list[Preset]


class Cruise(ApiModel):
    """A cruise (巡航)."""

    number: int
    name: str


class Cruises(ApiModel):
    items: list[Cruise]


class CruisePoint(ApiModel):
    preset: int
    stay_s: int | None = None
    speed: int | None = Field(default=None, description="1 to 15.")


class CruiseTrack(ApiModel):
    """One cruise with its points in order."""

    number: int
    name: str
    points: list[CruisePoint]


class CruiseChange(ApiCommand):
    speed: int | None = Field(default=None, ge=0, le=4095, description="Of the device's own scale.")
    dwell_s: int | None = Field(default=None, ge=0, le=4095, description="Rest at each point, seconds.")

    @model_validator(mode="after")
    def _not_empty(self) -> "CruiseChange":
        if self.speed is None and self.dwell_s is None:
            raise ValueError("name speed, dwell_s or both")
        return self


class ScanChange(ApiCommand):
    speed: int = Field(ge=0, le=4095, description="Of the device's own scale.")


class Switch(ApiCommand):
    on: bool


class PtzPosition(ApiModel):
    """Where the camera looks; null is what the device did not say."""

    pan: float | None = Field(description="Degrees clockwise seen from above.", examples=[120.5])
    tilt: float | None = Field(description="Degrees, downward positive.", examples=[12.25])
    zoom: float | None = Field(description="Factor.", examples=[4.0])
    horizontal_angle: float | None = Field(default=None, description="Of the view, degrees.")
    vertical_angle: float | None = Field(default=None, description="Of the view, degrees.")
    view_distance_m: float | None = Field(default=None, description="Metres.")


class PreciseAim(ApiCommand):
    """A direction and a zoom (edition 2022); what is left out stays."""

    pan: float | None = Field(default=None, ge=0.0, le=360.0, description="Degrees clockwise.")
    tilt: float | None = Field(default=None, ge=-30.0, le=90.0, description="Degrees, downward positive.")
    zoom: float | None = Field(default=None, ge=1.0, le=1000.0, description="Factor.")

    @model_validator(mode="after")
    def _not_empty(self) -> "PreciseAim":
        if self.pan is None and self.tilt is None and self.zoom is None:
            raise ValueError("name pan, tilt, zoom or several of them")
        return self


class Area(ApiCommand):
    """A box in the play window, pixels from its top left corner."""

    window_width: int = Field(gt=0, le=65_535, examples=[1280])
    window_height: int = Field(gt=0, le=65_535, examples=[720])
    middle_x: int = Field(ge=0, le=65_535, examples=[400])
    middle_y: int = Field(ge=0, le=65_535, examples=[260])
    width: int = Field(gt=0, le=65_535, examples=[240])
    height: int = Field(gt=0, le=65_535, examples=[135])

    @model_validator(mode="after")
    def _inside(self) -> "Area":
        if self.middle_x > self.window_width or self.middle_y > self.window_height:
            raise ValueError("the middle lies outside the window")
        return self


class DragZoomRequest(ApiCommand):
    direction: Literal["in", "out"] = "in"
    area: Area


class TrackRequest(ApiCommand):
    """Let the dome of a panoramic camera follow something (edition 2022)."""

    mode: Literal["auto", "manual", "stop"]
    panorama_channel_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z]{1,64}$")
    area: Area | None = Field(default=None, description="What to follow; needed when manual.")

    @model_validator(mode="after")
    def _area_when_manual(self) -> "TrackRequest":
        if self.mode == "manual" and self.area is None:
            raise ValueError("manual needs an area")
        return self


class HomePosition(ApiCommand):
    """The preset to which the camera returns by itself (看守位)."""

    enabled: bool
    reset_time_s: int | None = Field(
        default=None, ge=0, le=86_400, description="Seconds without control after which it returns."
    )
    preset: int | None = Field(default=None, ge=0, le=255)


class HomePositionAnswer(ApiModel):
    home_position: HomePosition | None = Field(description="null: the device has none.")


class CommandResult(ApiModel):
    """What is known of a command that the device did not refuse."""

    outcome: Literal["done", "accepted", "no_result"] = Field(
        description="done: the device reported OK. accepted: it took the command, which has no report. "
        "no_result: it took the command and did not report in time."
    )


class DeviceRecording(ApiCommand):
    on: bool
    stream_number: int | None = Field(default=None, ge=0, le=15, description="0 main; edition 2022.")


class JoystickMessage(ApiModel):
    """What the joystick's socket says; the fields that ``type`` names are there."""

    type: Literal["status", "ended", "control_lost", "problem"]
    status: PtzStatus | None = None
    reason: str | None = Field(default=None, description="Why the movement ended.")
    by: str | None = Field(default=None, description="Who took the camera.")
    problem: dict[str, object] | None = None
