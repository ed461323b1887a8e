"""Playbacks of our own recordings: each a stream of its own, watched as a live one is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from access.roles import Action, allowed
from console.api.channels import ChannelId, known_channel
from console.api.leases import Lease, UnknownLease
from console.api.problems import INVALID, ApiProblem, documented
from console.api.recorded_models import (
    RecordedPlaybackChange,
    RecordedPlaybackRequest,
    RecordedPlaybacks,
    RecordedPlaybackSession,
    RecordedPlaybackState,
)
from console.api.views import live_view
from console.auth import Caller, may
from console.recorded_hold import RecordedHold
from media.recordings import SCALES, Play
from storage.recorded_playback import RecordedPlayback

router = APIRouter(tags=["recordings"])

PlaybackId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8,64}$", description="`playback_id` of the answer that opened it.")
]
MayView = Annotated[Caller, Depends(may(Action.VIEW_RECORDINGS))]
OFFERED = [*(-scale for scale in reversed(SCALES)), *SCALES]


@router.post(
    "/channels/{channel_id}/recorded-playbacks",
    summary="Play our recordings as a stream",
    responses=documented(401, 403, 404, 409, 422, 503),
)
async def open_recorded_playback(
    request: Request, channel_id: ChannelId, body: RecordedPlaybackRequest, caller: MayView
) -> RecordedPlaybackSession:
    """Answers when the first picture is there, with signed addresses that play at once.

    One stream over all files of the time asked for; what was not recorded is passed over. DELETE it when
    done; without viewers it ends by itself after `storage.playback_linger_s`. Only scale 1 has sound.
    """
    key = (await known_channel(caller, channel_id)).key
    _check_scale(body.scale)
    play = Play(scale=body.scale, paused=body.paused, exact=body.exact)

    async def open_hold(playback_id: str) -> RecordedHold:
        label = f"{key} {playback_id[:8]}"
        return RecordedHold(
            await caller.context.recorded_playbacks.open(key, body.start, body.end, play, label=label)
        )

    period = {"start": body.start.isoformat(), "end": body.end.isoformat()}
    async with caller.recorded(Action.VIEW_RECORDINGS, str(key), **period):
        lease = await caller.context.recorded_leases.grant(key, caller.username, open_hold)
    live = live_view(lease, request.url, caller.context.media_advertised_host)
    return RecordedPlaybackSession(
        **dict(_view(lease)),
        video=live.video,
        audio=live.audio,
        mime=live.mime,
        urls=live.urls,
        expires_at=live.expires_at,
    )


@router.get("/recorded-playbacks", summary="List playbacks of our recordings", responses=documented(401, 403))
async def list_recorded_playbacks(caller: MayView) -> RecordedPlaybacks:
    """Those that are open. Whoever may not end others' sessions sees their own."""
    leases = caller.context.recorded_leases.list()
    return RecordedPlaybacks(items=[_view(lease) for lease in leases if _may_see(caller, lease.username)])


@router.get(
    "/recorded-playbacks/{playback_id}",
    summary="Where a playback of our recordings stands",
    responses=documented(401, 403, 404, 422),
)
async def get_recorded_playback(playback_id: PlaybackId, caller: MayView) -> RecordedPlaybackState:
    """Its position as seconds and as an instant, pace, viewers, and whether it has come to its end."""
    return _view(_own(caller, playback_id))


@router.patch(
    "/recorded-playbacks/{playback_id}",
    summary="Hold, go on, change position or pace",
    responses=documented(401, 403, 404, 422),
)
async def change_recorded_playback(
    playback_id: PlaybackId, body: RecordedPlaybackChange, caller: MayView
) -> RecordedPlaybackState:
    """Takes effect within some milliseconds.

    A new position leads out of the end, and in a pause shows one picture.
    """
    lease = _own(caller, playback_id)
    playback = playback_of(lease)
    position_s = body.position_s
    if body.time is not None:
        position_s = (body.time - playback.start).total_seconds()
    duration_s = (playback.end - playback.start).total_seconds()
    if position_s is not None and not 0 <= position_s <= duration_s:
        raise _invalid(f"body.position_s: not between 0 and {duration_s:g}")
    if body.scale is not None:
        _check_scale(body.scale)
        playback.set_scale(body.scale)
    if position_s is not None:
        playback.seek(position_s, exact=body.exact)
    if body.paused is not None:
        (playback.pause if body.paused else playback.resume)()
    return _view(lease)


@router.delete(
    "/recorded-playbacks/{playback_id}",
    status_code=204,
    summary="End a playback of our recordings",
    responses=documented(401, 403, 404, 422),
)
async def close_recorded_playback(playback_id: PlaybackId, caller: MayView) -> None:
    """Cuts its viewers off."""
    lease = _own(caller, playback_id)
    async with caller.recorded(Action.END_LIVE, str(lease.key), user=lease.username, playback=playback_id):
        await caller.context.recorded_leases.delete(playback_id)


def playback_of(lease: Lease) -> RecordedPlayback:
    hold = lease.hold
    assert isinstance(hold, RecordedHold)  # noqa: S101 - this table of leases has no others
    return hold.playback


def _check_scale(scale: float) -> None:
    if abs(scale) < SCALES[0]:
        raise _invalid(f"body.scale: at least {SCALES[0]:g}, or at most {-SCALES[0]:g}")


def _invalid(line: str) -> ApiProblem:
    return ApiProblem(INVALID, line, errors=[line])


def _own(caller: Caller, playback_id: str) -> Lease:
    """The lease, when the caller may see it; a foreign id is not told apart from one that never was."""
    lease = caller.context.recorded_leases.get(playback_id)
    if not _may_see(caller, lease.username):
        raise UnknownLease(playback_id)
    return lease


def _may_see(caller: Caller, username: str) -> bool:
    return username == caller.username or allowed(caller.identity.role, Action.END_LIVE)


def _view(lease: Lease) -> RecordedPlaybackState:
    playback = playback_of(lease)
    stats, ended = playback.stats, playback.ended
    duration_s = (playback.end - playback.start).total_seconds()
    return RecordedPlaybackState(
        playback_id=lease.session_id,
        device_id=lease.key.device_id,
        channel_id=lease.key.channel_id,
        username=lease.username,
        state=stats.state,
        start=playback.start,
        end=playback.end,
        position_s=round(min(max(playback.position_s, 0.0), duration_s), 3),
        duration_s=duration_s,
        time=stats.position,
        scale=stats.scale,
        scales=OFFERED,
        viewers=lease.viewers,
        gaps=stats.gaps,
        files_skipped=stats.files_skipped,
        ended_reason=None if ended is None else ended.reason,
    )
