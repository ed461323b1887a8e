"""Live pictures: open, look after, close; and the still picture."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from access.roles import Action, allowed
from catalog.errors import BadCursor
from catalog.model import Channel, ChannelKind
from console.api.channels import ChannelId, known_channel
from console.api.leases import Lease, UnknownLease
from console.api.models import LiveRequest, LiveSession, Page, SessionStatistics
from console.api.paging import DEFAULT_LIMIT, Limit
from console.api.ports import Hold
from console.api.problems import NOT_A_CAMERA, ApiProblem, documented
from console.api.reader_models import SessionDetail
from console.api.views import live_view, session_detail, session_view
from console.auth import Caller, may
from sipserver.devices.stream_request import LiveStream

router = APIRouter(tags=["live"])

SessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`session_id` of the live answer.")]


@router.post(
    "/channels/{channel_id}/live",
    summary="Open the live picture",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def open_live(
    request: Request,
    channel_id: ChannelId,
    caller: Annotated[Caller, Depends(may(Action.VIEW_LIVE))],
    wanted: LiveRequest | None = None,
) -> LiveSession:
    """Answers when the first key frame is there, with signed addresses that play at once.

    All viewers share one main and one sub-stream of each camera. How a camera is asked for its sub-stream is
    learned, so that the first time takes longer; one without it gives its main stream, and `stream` says so.
    The session is this caller's own: DELETE it when done; without viewers it ends by itself after
    `http.lease_linger_s`.
    """
    channel = _camera(await known_channel(caller, channel_id))
    stream = LiveStream.MAIN if wanted is None else LiveStream(wanted.stream)
    as_h264 = wanted is not None and wanted.codec == "h264"

    async def open_hold(lease_id: str) -> Hold:
        streams = caller.context.streams
        open_it = streams.hold_h264 if as_h264 else streams.hold
        return await open_it(channel.key, "live", lease_id, stream)

    async with caller.recorded(Action.VIEW_LIVE, str(channel.key)):
        lease = await caller.context.leases.grant(channel.key, caller.username, open_hold)
    return live_view(lease, request.url, caller.context.media_advertised_host)


@router.get("/sessions", summary="List live sessions", responses=documented(400, 401, 403, 422))
async def list_sessions(
    caller: Annotated[Caller, Depends(may(Action.VIEW_LIVE))],
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[SessionStatistics]:
    """Who watches what now (R-26). Whoever may not end others' sessions sees their own."""
    leases = [lease for lease in caller.context.leases.list() if _may_see(caller, lease)]
    ids = [lease.session_id for lease in leases]
    if cursor is not None and cursor not in ids:
        raise BadCursor(cursor)  # that session has ended meanwhile
    first = ids.index(cursor) + 1 if cursor is not None else 0
    chosen = leases[first : first + limit]
    more = first + limit < len(leases)
    return Page(items=[session_view(lease) for lease in chosen], next=chosen[-1].session_id if more else None)


@router.get(
    "/sessions/{session_id}", summary="Statistics of a live session", responses=documented(401, 403, 404, 422)
)
async def get_session(
    session_id: SessionId, caller: Annotated[Caller, Depends(may(Action.VIEW_LIVE))]
) -> SessionDetail:
    """Reception figures of the shared stream, and everybody who takes it, with figures of their own."""
    lease = _visible(caller, session_id)
    return session_detail(lease, sees_all=allowed(caller.identity.role, Action.END_LIVE))


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    summary="Close a live session",
    responses=documented(401, 403, 404, 422),
)
async def close_session(
    session_id: SessionId, caller: Annotated[Caller, Depends(may(Action.VIEW_LIVE))]
) -> None:
    """Cuts off this session's viewers; the camera is told to stop when nobody else needs its stream."""
    lease = _visible(caller, session_id)
    async with caller.recorded(Action.END_LIVE, str(lease.key), user=lease.username):
        await caller.context.leases.delete(session_id)


@router.get(
    "/channels/{channel_id}/snapshot.jpg",
    summary="Still picture",
    response_class=Response,
    responses={
        **documented(401, 403, 404, 409, 422, 502, 503, 504),
        200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def snapshot(
    channel_id: ChannelId,
    caller: Annotated[Caller, Depends(may(Action.SNAPSHOT))],
    width: Annotated[int | None, Query(ge=16, le=8192, description="At most so many pixels wide.")] = None,
    stream: Annotated[LiveStream, Query(description="Of which stream; see live.")] = LiveStream.MAIN,
) -> Response:
    """A JPEG of the newest key frame; opens the stream for a moment when nobody watches."""
    context = caller.context
    channel = _camera(await known_channel(caller, channel_id))
    async with caller.recorded(Action.SNAPSHOT, str(channel.key)):
        hold = await context.streams.hold(channel.key, "snapshot", "", stream)
        try:
            jpeg = await hold.jpeg(width)
        finally:
            await hold.release()
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})


def _camera(channel: Channel) -> Channel:
    if channel.kind is not ChannelKind.CAMERA:
        raise ApiProblem(NOT_A_CAMERA, f"{channel.key} is a {channel.kind.value}")
    return channel


def _visible(caller: Caller, session_id: str) -> Lease:
    lease = caller.context.leases.get(session_id)
    if not _may_see(caller, lease):
        # Not "forbidden": an id that is not one's own must not be told apart from one that never was.
        raise UnknownLease(session_id)
    return lease


def _may_see(caller: Caller, lease: Lease) -> bool:
    return lease.username == caller.username or allowed(caller.identity.role, Action.END_LIVE)
