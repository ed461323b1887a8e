"""The SIP trace: what was said between this platform and its devices."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Response

from access.roles import Action
from console.api.devices import DeviceId, known_device
from console.api.problems import documented
from console.api.trace_models import TraceSession, TraceSessions, TraceState, TraceStep, TraceView
from console.auth import Caller, may
from sipserver.devices.tracing.ladder import LadderStep

router = APIRouter(tags=["trace"])

MayView = Annotated[Caller, Depends(may(Action.VIEW_TRACE))]
CallId = Annotated[
    str | None,
    Query(
        max_length=255, description="Only the messages of this Call-ID.", examples=["live-12-0001@192.0.2.10"]
    ),
]
Steps = Annotated[int, Query(ge=1, le=5000, description="The newest so many messages.")]
Texts = Annotated[bool, Query(description="With the whole text of each message.")]
Format = Annotated[
    Literal["text", "pcap"],
    Query(alias="format", description="A page for a ticket, or a capture that Wireshark opens."),
]
DOWNLOAD: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/vnd.tcpdump.pcap": {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


@router.get("/trace", summary="State of the trace", responses=documented(401, 403, 422))
async def get_trace(caller: MayView) -> TraceState:
    """How much is held, of what size, and which devices are watched."""
    state = caller.context.devices.trace.state()
    return TraceState(
        packets=state.packets,
        held_bytes=state.held_bytes,
        ring_bytes=state.ring_bytes,
        watched=list(state.watched),
        on_disk=state.is_on_disk,
        lost_on_disk=state.lost_on_disk,
    )


@router.get("/trace/sessions", summary="The messages of one Call-ID", responses=documented(401, 403, 422))
async def get_session_trace(
    caller: MayView,
    call_id: Annotated[str, Query(min_length=1, max_length=255, examples=["live-12-0001@192.0.2.10"])],
    texts: Texts = False,
    limit: Steps = 500,
) -> TraceView:
    """A session whatever its device is: an INVITE with its answers, a registration, a query."""
    steps = await caller.context.devices.trace.steps(call_id=call_id, limit=limit)
    await caller.record(Action.VIEW_TRACE, call_id)
    return TraceView(
        device_id=None, call_id=call_id, watched=False, steps=[_step(step, texts) for step in steps]
    )


@router.get(
    "/devices/{device_id}/trace", summary="The trace of a device", responses=documented(401, 403, 404, 422)
)
async def get_device_trace(
    device_id: DeviceId, caller: MayView, call_id: CallId = None, texts: Texts = False, limit: Steps = 500
) -> TraceView:
    """The newest messages as the steps of a ladder, oldest first."""
    await known_device(caller, device_id)
    trace = caller.context.devices.trace
    steps = await trace.steps(device_id=device_id, call_id=call_id, limit=limit)
    await caller.record(Action.VIEW_TRACE, device_id)
    return TraceView(
        device_id=device_id,
        call_id=call_id,
        watched=trace.is_watched(device_id),
        steps=[_step(step, texts) for step in steps],
    )


@router.get(
    "/devices/{device_id}/trace/sessions",
    summary="The sessions of a device",
    responses=documented(401, 403, 404, 422),
)
async def list_device_sessions(device_id: DeviceId, caller: MayView) -> TraceSessions:
    """By Call-ID; pass one as `call_id` to see its messages."""
    await known_device(caller, device_id)
    found = await caller.context.devices.trace.sessions(device_id)
    return TraceSessions(
        device_id=device_id,
        sessions=[
            TraceSession(
                call_id=session.call_id,
                method=session.method,
                begin=session.begin_time,
                end=session.end_time,
                messages=session.messages,
                last_status=session.last_status,
            )
            for session in found
        ],
    )


@router.get(
    "/devices/{device_id}/trace/download",
    summary="Download the trace of a device",
    response_class=Response,
    responses={**documented(401, 403, 404, 422), **DOWNLOAD},
)
async def download_device_trace(
    device_id: DeviceId, caller: MayView, kind: Format = "text", call_id: CallId = None
) -> Response:
    """The ladder and the messages as text, or the same as a capture file. Secrets are masked in both."""
    await known_device(caller, device_id)
    trace = caller.context.devices.trace
    async with caller.recorded(Action.VIEW_TRACE, device_id, format=kind):
        if kind == "pcap":
            content = await trace.pcap(device_id=device_id, call_id=call_id)
            media_type, suffix = "application/vnd.tcpdump.pcap", "pcap"
        else:
            content = (await trace.text(device_id=device_id, call_id=call_id)).encode()
            media_type, suffix = "text/plain; charset=utf-8", "txt"
    disposition = f'attachment; filename="sip-{device_id}.{suffix}"'
    return Response(content, media_type=media_type, headers={"content-disposition": disposition})


@router.put(
    "/devices/{device_id}/trace/watch",
    summary="Watch a device closely",
    status_code=204,
    responses=documented(401, 403, 404, 422, 503),
)
async def watch_device(device_id: DeviceId, caller: MayView) -> None:
    """From now on keepalives are kept, too, and other devices cannot push out what this one says."""
    await known_device(caller, device_id)
    async with caller.recorded(Action.VIEW_TRACE, device_id, watch=True):
        caller.context.devices.trace.watch(device_id)


@router.delete(
    "/devices/{device_id}/trace/watch",
    summary="Watch a device no longer",
    status_code=204,
    responses=documented(401, 403, 422),
)
async def unwatch_device(device_id: DeviceId, caller: MayView) -> None:
    """What was kept of it besides is forgotten."""
    async with caller.recorded(Action.VIEW_TRACE, device_id, watch=False):
        caller.context.devices.trace.unwatch(device_id)


def _step(step: LadderStep, texts: bool) -> TraceStep:
    return TraceStep(
        time=step.time,
        sent=step.is_sent,
        transport=step.transport,
        local=step.local,
        remote=step.remote,
        what=step.what,
        method=step.method,
        status=step.status,
        call_id=step.call_id,
        cseq=step.cseq,
        from_id=step.from_id,
        to_id=step.to_id,
        summary=step.summary,
        size_bytes=step.size_bytes,
        text=step.text if texts else None,
    )
