"""The media plane as a whole: shared ports, and what ended lately and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from access.roles import Action
from console.api.models import Page
from console.api.problems import documented
from console.api.reader_models import EndedKind, EndingRow, SharedPortFigures, UnknownSsrcRow
from console.auth import Caller, may
from media.endings import Ended, Ending

router = APIRouter(prefix="/media", tags=["monitoring"])

MayDiagnose = Annotated[Caller, Depends(may(Action.DIAGNOSE))]


@router.get("/shared-ports", summary="Figures of the shared media ports", responses=documented(401, 403))
async def shared_ports(caller: MayDiagnose) -> SharedPortFigures:
    """What came to the ports that all streams share, and what of it belonged to nobody."""
    ports = caller.context.media.shared_ports()
    return SharedPortFigures(
        udp_port=ports.udp_port,
        tcp_port=ports.tcp_port,
        receive_buffer_bytes=ports.receive_buffer_bytes,
        steered=ports.steered,
        malformed=ports.malformed,
        stray_rtcp=ports.stray_rtcp,
        unknown=ports.unknown,
        handed=ports.handed,
        handed_dropped=ports.handed_dropped,
        connections=ports.connections,
        connections_refused=ports.connections_refused,
        connections_unclaimed=ports.connections_unclaimed,
        connections_waiting=ports.connections_waiting,
        connections_by_source=ports.connections_by_source,
        unknown_ssrcs=[
            UnknownSsrcRow(
                ssrc=f"{row.ssrc:010d}", source=row.source, transport=row.transport, count=row.count
            )
            for row in ports.unknown_rows
        ],
    )


@router.get("/endings", summary="What ended and why", responses=documented(401, 403, 422))
async def endings(
    caller: MayDiagnose,
    what: Annotated[EndedKind | None, Query(description="Of one kind alone.")] = None,
    stream: Annotated[str, Query(max_length=64, description="What `stream` of the rows begins with.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[EndingRow]:
    """The newest first: streams, viewers, receivers, pushes, publishers, recordings and captures.

    Some hundred of each kind are remembered, and none over a restart of this platform; the log has all.
    """
    rows = caller.context.media.endings.rows(None if what is None else Ended(what), stream)
    return Page(items=[_row(row) for row in rows[:limit]])


def _row(row: Ending) -> EndingRow:
    return EndingRow(
        what=row.what.value,
        at=row.time,
        stream=row.label,
        who=row.who,
        reason=row.reason,
        totals=dict(row.totals),
    )
