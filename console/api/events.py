"""One stream of news for API users: alarms, presence and positions, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse

from access.errors import TokenRefused
from access.roles import Action, allowed
from console.api.context import ApiContext
from console.api.problems import FORBIDDEN, ApiProblem, documented
from console.auth import COOKIE, Caller, caller_of
from console.event_hub import Event, EventKind, Listening

router = APIRouter(tags=["events"])

KEEPALIVE_S: Final = 15.0
"""A comment goes out after so long without news, so that nothing between takes the connection for dead."""
RECHECK_S: Final = 30.0
"""How often it is looked whether the caller is still logged in."""
RETRY_MS: Final = 3000

RIGHTS: Final = {
    EventKind.ALARM: Action.VIEW_ALARMS,
    EventKind.PRESENCE: Action.VIEW_CATALOG,
    EventKind.POSITION: Action.VIEW_POSITIONS,
}


@router.get(
    "/events",
    summary="News as they happen",
    response_class=StreamingResponse,
    responses={**documented(401, 403, 422, 503), 200: {"content": {"text/event-stream": {}}}},
)
async def stream_events(
    request: Request,
    caller: Annotated[Caller, Depends(caller_of)],
    kinds: Annotated[
        list[EventKind] | None, Query(description="What to hear; missing: all that the caller may see.")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="Id of the last event had: later ones come first.")
    ] = None,
) -> StreamingResponse:
    """Server-sent events (`text/event-stream`), one JSON object each.

    `alarm-raised`, `alarm-changed` (repeated, acknowledged, acted on), `alarm-file`; `device-online`,
    `device-offline`, `device-moved`, `device-flapping`, `site-lost`, `site-back`, `clock-drifted`,
    `clock-corrected`; `position`, `ptz-position`, `video-upload`.
    `lost` says how many were dropped because the caller did not keep up; `bye` is the last one.
    """
    wanted = _permitted(caller, kinds)
    listening = caller.context.events.listen(wanted, last_event_id)
    stream = _stream(caller.context, listening, _token_of(request))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _token_of(request: Request) -> str:
    """What ``caller_of`` believed; it is looked at again while the stream lasts."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")


def _permitted(caller: Caller, kinds: list[EventKind] | None) -> list[EventKind]:
    """Raises ApiProblem when a kind is asked for that this role may not see."""
    role = caller.identity.role
    if kinds is None:
        kinds = [kind for kind, right in RIGHTS.items() if allowed(role, right)]
    refused = [kind.value for kind in kinds if not allowed(role, RIGHTS[kind])]
    if refused or not kinds:
        raise ApiProblem(FORBIDDEN, f"Role {role} may not hear {', '.join(refused) or 'anything'}")
    return kinds


async def _stream(context: ApiContext, listening: Listening, token: str) -> AsyncIterator[bytes]:
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        checked_at = time.monotonic()
        while True:
            event = await listening.next(KEEPALIVE_S)
            if listening.lost:
                lost, listening.lost = listening.lost, 0
                yield _frame("lost", {"count": lost})
            if event is not None:
                yield _event_frame(event)
            elif listening.is_closed:
                yield _frame("bye", {"reason": "the platform is stopping"})
                return
            else:
                yield b": nothing new\n\n"
            if time.monotonic() - checked_at >= RECHECK_S:
                checked_at = time.monotonic()
                await context.tokens.verify(token)
    except TokenRefused:
        yield _frame("bye", {"reason": "logged out"})
    finally:
        listening.close()


def _event_frame(event: Event) -> bytes:
    return f"id: {event.event_id}\n".encode() + _frame(event.name, dict(event.data))


def _frame(name: str, data: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
