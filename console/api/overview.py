"""The platform as a whole: rates, and what to type into a camera."""

from typing import Annotated

from fastapi import APIRouter, Depends

from access.roles import Action
from console.api.models import Overview, Rates, ServerInfo
from console.api.problems import documented
from console.auth import Caller, caller_of, may

router = APIRouter(tags=["platform"])


@router.get("/rates", summary="Online rate by class", responses=documented(401, 403))
async def rates(caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))]) -> Rates:
    """The share of cameras on file that are online now, by class (R-7, R-11), with its formula."""
    return await caller.context.rates()


@router.get("/overview", summary="The platform's figures", responses=documented(401, 403))
async def overview(caller: Annotated[Caller, Depends(may(Action.VIEW_HEALTH))]) -> Overview:
    """Devices, cameras, streams, recordings and the recording disk, as they are now."""
    return await caller.context.overview()


@router.get("/server", summary="Addresses and version", responses=documented(401))
async def server(caller: Annotated[Caller, Depends(caller_of)]) -> ServerInfo:
    """The id, domain and addresses that a camera needs to register here."""
    return caller.context.server()
