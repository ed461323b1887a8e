"""Playbacks of recordings at devices: each has an upstream stream of its own, watched as a live one is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request

from access.roles import Action, allowed
from console.api.channels import ChannelId, known_channel
from console.api.history_models import (
    PlaybackRequest,
    Playbacks,
    PlaybackSession,
    PlaybackState,
    SeekCommand,
    SpeedCommand,
)
from console.api.leases import Lease, UnknownLease
from console.api.problems import INVALID, ApiProblem, documented
from console.api.views import live_view
from console.auth import Caller, may
from console.playback_hold import PlaybackHold
from sipserver.devices.errors import UnknownPlayback
from sipserver.devices.history.playbacks import EndedPlayback, Playback
from sipserver.devices.history.stream import Outcome

router = APIRouter(tags=["recordings at devices"])

PlaybackId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`playback_id` of the answer that opened it.")
]
MayView = Annotated[Caller, Depends(may(Action.VIEW_DEVICE_RECORDS))]
CONTROL_PROBLEMS = documented(401, 403, 404, 409, 422, 502, 503, 504)


@router.post(
    "/channels/{channel_id}/playbacks",
    summary="Play a recording from the device",
    responses=documented(401, 403, 404, 409, 422, 502, 503, 504),
)
async def open_playback(
    request: Request, channel_id: ChannelId, body: PlaybackRequest, caller: MayView
) -> PlaybackSession:
    """Answers when the first key frame is there, with signed addresses that play at once.

    The device sends to this playback alone. DELETE it when done; without viewers it ends by itself after
    `history.playback_linger_s`, and a pause ends it after `history.pause_max_s`.
    """
    key = (await known_channel(caller, channel_id)).key
    playbacks = caller.context.devices.playbacks
    opened: list[Playback] = []

    async def open_hold(playback_id: str) -> PlaybackHold:
        playback = await playbacks.start(
            playback_id,
            key,
            body.start,
            body.end,
            owner=caller.username,
            record_type=body.type,
            uri=body.uri or "",
            stream_number=body.stream_number,
        )
        opened.append(playback)
        return PlaybackHold(playback, playbacks)

    period = {"start": body.start.isoformat(), "end": body.end.isoformat()}
    async with caller.recorded(Action.VIEW_DEVICE_RECORDS, str(key), **period):
        lease = await caller.context.playback_leases.grant(key, caller.username, open_hold)
    live = live_view(lease, request.url, caller.context.media_advertised_host)
    state = _view(opened[0], lease)
    return PlaybackSession(
        **dict(state),
        video=live.video,
        audio=live.audio,
        mime=live.mime,
        urls=live.urls,
        expires_at=live.expires_at,
    )


@router.get("/playbacks", summary="List playbacks", responses=documented(401, 403))
async def list_playbacks(caller: MayView) -> Playbacks:
    """Those that are open. Whoever may not end others' sessions sees their own."""
    leases = [lease for lease in caller.context.playback_leases.list() if _may_see(caller, lease.username)]
    return Playbacks(items=[_view(playback_of(lease), lease) for lease in leases])


@router.get(
    "/playbacks/{playback_id}", summary="Where a playback stands", responses=documented(401, 403, 404, 422)
)
async def get_playback(playback_id: PlaybackId, caller: MayView) -> PlaybackState:
    """Its position, speed and viewers; how it ended, for a while after its end."""
    try:
        lease = _own(caller, playback_id)
    except UnknownPlayback:
        ended = caller.context.devices.playbacks.ended(playback_id)
        if ended is None or not _may_see(caller, ended.owner):
            raise
        return _ended_view(ended)
    return _view(playback_of(lease), lease)


@router.delete(
    "/playbacks/{playback_id}",
    status_code=204,
    summary="End a playback",
    responses=documented(401, 403, 404, 422),
)
async def close_playback(playback_id: PlaybackId, caller: MayView) -> None:
    """Cuts its viewers off and tells the device to stop."""
    lease = _own(caller, playback_id)
    async with caller.recorded(Action.END_LIVE, str(lease.key), user=lease.username, playback=playback_id):
        await caller.context.playback_leases.delete(playback_id)


@router.post("/playbacks/{playback_id}/pause", summary="Hold a playback", responses=CONTROL_PROBLEMS)
async def pause_playback(playback_id: PlaybackId, caller: MayView) -> PlaybackState:
    """The picture stands still; the stream stays open."""
    lease = _own(caller, playback_id)
    await playback_of(lease).pause()
    return _view(playback_of(lease), lease)


@router.post("/playbacks/{playback_id}/resume", summary="Go on", responses=CONTROL_PROBLEMS)
async def resume_playback(playback_id: PlaybackId, caller: MayView) -> PlaybackState:
    """At the speed that it had."""
    lease = _own(caller, playback_id)
    await playback_of(lease).resume()
    return _view(playback_of(lease), lease)


@router.post("/playbacks/{playback_id}/seek", summary="Change the position", responses=CONTROL_PROBLEMS)
async def seek_playback(playback_id: PlaybackId, body: SeekCommand, caller: MayView) -> PlaybackState:
    """Within the time that the playback was opened with; also out of a pause."""
    lease = _own(caller, playback_id)
    playback = playback_of(lease)
    position_s = body.position_s
    if position_s is None and body.time is not None:
        position_s = (body.time - playback.stream.start).total_seconds()
    if position_s is None or not 0 <= position_s <= playback.stream.duration_s:
        line = f"body.position_s: not between 0 and {playback.stream.duration_s:g}"
        raise ApiProblem(INVALID, line, errors=[line])
    await playback.seek(position_s)
    return _view(playback, lease)


@router.post("/playbacks/{playback_id}/speed", summary="Change the speed", responses=CONTROL_PROBLEMS)
async def change_speed(playback_id: PlaybackId, body: SpeedCommand, caller: MayView) -> PlaybackState:
    """Speeds that the device refuses, or takes and ignores, are remembered and offered no more."""
    lease = _own(caller, playback_id)
    playback = playback_of(lease)
    if abs(body.scale) < 0.25:
        line = "body.scale: at least 0.25, or at most -0.25"
        raise ApiProblem(INVALID, line, errors=[line])
    await playback.change_speed(body.scale, despite_edition=body.despite_edition)
    return _view(playback, lease)


def playback_of(lease: Lease) -> Playback:
    hold = lease.hold
    assert isinstance(hold, PlaybackHold)  # noqa: S101 - this table of leases has no others
    return hold.playback


def _own(caller: Caller, playback_id: str) -> Lease:
    """The lease, when the caller may see it; a foreign id is not told apart from one that never was."""
    try:
        lease = caller.context.playback_leases.get(playback_id)
    except UnknownLease:
        raise UnknownPlayback(f"no playback {playback_id!r} is open") from None
    if not _may_see(caller, lease.username):
        raise UnknownPlayback(f"no playback {playback_id!r} is open")
    return lease


def _may_see(caller: Caller, username: str) -> bool:
    return username == caller.username or allowed(caller.identity.role, Action.END_LIVE)


def _view(playback: Playback, lease: Lease) -> PlaybackState:
    stream, position = playback.stream, playback.stream.position
    return PlaybackState(
        playback_id=playback.playback_id,
        device_id=stream.key.device_id,
        channel_id=stream.key.channel_id,
        username=lease.username,
        state=_state_of(stream.outcome, is_paused=position.is_paused),
        start=stream.start,
        end=stream.end,
        position_s=round(position.position_s, 3),
        duration_s=position.duration_s,
        time=position.time,
        scale=position.scale,
        scales=playback.scales,
        viewers=lease.viewers,
        ended_reason=None if stream.outcome is None else stream.outcome.value,
        detail=stream.detail,
    )


def _state_of(outcome: Outcome | None, *, is_paused: bool) -> Literal["playing", "paused", "ended"]:
    if outcome is not None:
        return "ended"
    return "paused" if is_paused else "playing"


def _ended_view(ended: EndedPlayback) -> PlaybackState:
    position = ended.position
    return PlaybackState(
        playback_id=ended.playback_id,
        device_id=ended.key.device_id,
        channel_id=ended.key.channel_id,
        username=ended.owner,
        state="ended",
        start=ended.start,
        end=ended.end,
        position_s=round(position.position_s, 3),
        duration_s=position.duration_s,
        time=position.time,
        scale=position.scale,
        scales=[],
        ended_reason=ended.outcome.value,
        detail=ended.detail,
    )
