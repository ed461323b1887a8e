"""The clocks of devices: how far they are off, since when, and how that is known."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from access.roles import Action
from console.api.devices import DeviceId, known_device
from console.api.problems import documented
from console.auth import Caller, may
from sipserver.devices.clocks.clocks import ClockView
from sipserver.devices.clocks.device_clock import ClockSource

router = APIRouter(tags=["clocks"])


class ClockChange(BaseModel):
    """A moment at which the clock of a device went wrong or came right."""

    happened_at: datetime
    change: str = Field(examples=["drifted"], description="drifted or corrected")
    offset_s: float = Field(examples=[42.0], description="The device's clock minus ours, seconds.")
    source: ClockSource


class Clock(BaseModel):
    """What is known about a device's clock. Everything is null until the device showed its time."""

    device_id: str = Field(examples=["34020000001110000001"])
    offset_s: float | None = Field(
        default=None, examples=[42.0], description="The device's clock minus ours, seconds."
    )
    error_s: float | None = Field(
        default=None, examples=[1.0], description="How far the offset may be off, seconds."
    )
    source: ClockSource | None = Field(default=None, description="What showed it.")
    measured_at: datetime | None = None
    drifting_since: datetime | None = Field(
        default=None, description="Since when it is further off than allowed."
    )
    zone_hours: int | None = Field(
        default=None, examples=[-8], description="Whole hours when the clock is right but in another zone."
    )


class ClockHistory(Clock):
    """The clock with its drifts and corrections, newest first."""

    changes: list[ClockChange]


class DriftingClocks(BaseModel):
    """Every device whose clock is further off than allowed, the worst first."""

    items: list[Clock]


@router.get("/clocks", summary="Clocks that are wrong", responses=documented(401, 403))
async def list_drifting(caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))]) -> DriftingClocks:
    """The limit is `clocks.drift_alarm_s`; a clock is right again below half of it."""
    return DriftingClocks(items=[_clock(view) for view in caller.context.devices.clocks.drifting()])


@router.get(
    "/devices/{device_id}/clock",
    summary="A device's clock",
    responses=documented(401, 403, 404, 422),
)
async def get_clock(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))]
) -> ClockHistory:
    """The best evidence of the last 24 hours, and the log of its drifts and corrections."""
    await known_device(caller, device_id)
    return await _history(caller, device_id)


@router.post(
    "/devices/{device_id}/clock",
    summary="Ask a device for its time",
    responses=documented(401, 403, 404, 422, 502, 503, 504),
)
async def ask_clock(
    device_id: DeviceId, caller: Annotated[Caller, Depends(may(Action.DIAGNOSE))]
) -> ClockHistory:
    """Sends DeviceStatus; a device that answers without DeviceTime leaves what was known as it was."""
    await known_device(caller, device_id)
    async with caller.recorded(Action.DIAGNOSE, device_id, what="clock"):
        await caller.context.devices.clocks.ask(device_id)
    return await _history(caller, device_id)


async def _history(caller: Caller, device_id: str) -> ClockHistory:
    clocks = caller.context.devices.clocks
    view = clocks.get(device_id)
    clock = Clock(device_id=device_id) if view is None else _clock(view)
    changes = [
        ClockChange(
            happened_at=line.happened_time,
            change=line.change,
            offset_s=line.offset_s,
            source=ClockSource(line.source),
        )
        for line in await clocks.log_of(device_id)
    ]
    return ClockHistory(**clock.model_dump(), changes=changes)


def _clock(view: ClockView) -> Clock:
    sample = view.sample
    return Clock(
        device_id=view.device_id,
        offset_s=round(sample.offset_s, 3),
        error_s=sample.error_s,
        source=sample.source,
        measured_at=sample.measured_time,
        drifting_since=view.drifting_since,
        zone_hours=sample.zone_hours,
    )
