"""Why devices are, or were, not there; and the sites that were lost as a whole."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from access.roles import Action
from console.api.models import Page
from console.api.paging import DEFAULT_LIMIT, Cursor, Limit
from console.api.problems import documented
from console.auth import Caller, may
from health.outages.model import ADVICE, Cause
from health.outages.model import Outage as HealthOutage
from health.outages.model import SiteOutage as HealthSiteOutage

router = APIRouter(tags=["outages"])

IsOpen = Annotated[bool | None, Query(alias="open", description="Only those that last, or only those ended.")]


class Outage(BaseModel):
    """A stretch of time in which a device, or one of its channels, was not as it should be."""

    outage_id: str
    device_id: str = Field(examples=["34020000001110000001"])
    channel_id: str | None = Field(description="Null: the device as a whole.")
    site: str = Field(examples=["10.1.2.0/24"])
    began_at: datetime = Field(description="The last sign of life.")
    ended_at: datetime | None = Field(description="Null: it lasts.")
    cause: Cause = Field(
        description="`unknown` until it is judged, about a minute and a half after the loss."
    )
    is_site_wide: bool = Field(description="Lost together with its site.")
    evidence: str = Field(examples=["9 of 9 devices of 10.1.2.0/24 fell silent within 31 s"])
    advice: str


class SiteOutage(BaseModel):
    """A site whose devices were lost together."""

    site: str = Field(examples=["10.1.2.0/24"])
    began_at: datetime
    ended_at: datetime | None = Field(description="Null: it lasts.")
    cause: Cause
    devices_lost: int = Field(examples=[9])
    devices: int = Field(examples=[9], description="Of the site when it was lost.")
    evidence: str
    advice: str


class SiteOutages(BaseModel):
    """The most recent outages of sites, newest first."""

    items: list[SiteOutage]


@router.get("/outages", summary="Outages of devices and channels", responses=documented(400, 401, 403, 422))
async def list_outages(
    caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))],
    device_id: Annotated[str | None, Query(max_length=64)] = None,
    cause: Annotated[Cause | None, Query()] = None,
    is_open: IsOpen = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Outage]:
    """Newest first, each with the evidence for its cause and what to do about it."""
    page = await caller.context.outages.list_outages(
        device_id=device_id, cause=cause, is_open=is_open, cursor=cursor, limit=limit
    )
    return Page(items=[_outage(outage) for outage in page.items], next=page.next)


@router.get("/outages/sites", summary="Outages of whole sites", responses=documented(401, 403))
async def list_sites(caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))]) -> SiteOutages:
    """One line for a switch that died, not one for each of its cameras."""
    return SiteOutages(items=[site_view(site) for site in await caller.context.outages.list_sites()])


def _outage(outage: HealthOutage) -> Outage:
    return Outage(
        outage_id=outage.outage_id,
        device_id=outage.device_id,
        channel_id=outage.channel_id or None,
        site=outage.site,
        began_at=outage.began_time,
        ended_at=outage.ended_time,
        cause=outage.cause,
        is_site_wide=outage.is_site_wide,
        evidence=outage.evidence,
        advice=ADVICE[outage.cause],
    )


def site_view(site: HealthSiteOutage) -> SiteOutage:
    return SiteOutage(
        site=site.site,
        began_at=site.began_time,
        ended_at=site.ended_time,
        cause=site.cause,
        devices_lost=site.devices_lost,
        devices=site.devices,
        evidence=site.evidence,
        advice=ADVICE[site.cause],
    )
