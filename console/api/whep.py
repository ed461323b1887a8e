"""WebRTC play by WHEP (RFC 9725): the address is signed, so players need no token of ours."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from console.api.context import context_of
from console.api.problems import NOT_FOUND, ApiProblem, documented
from console.auth import source_of
from media.outputs.whep import MAX_OFFER_BYTES
from media.session import MediaPlane, MediaSession

SDP: Final = "application/sdp"
# Players run in pages of other hosts; the pass in the address is what opens it, not a cookie.
CORS: Final = {"access-control-allow-origin": "*", "access-control-expose-headers": "location"}

router = APIRouter(tags=["live"])

SessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As in the signed address.")]
ViewerId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As in the `location` of the answer.")]


def _session(plane: MediaPlane, session_id: str) -> MediaSession:
    session = plane.sessions.get(session_id)
    if session is None:
        raise ApiProblem(NOT_FOUND, "The stream has ended")
    return session


@router.post(
    "/whep/{session_id}",
    status_code=201,
    summary="Play over WebRTC",
    response_class=Response,
    responses={
        201: {"content": {SDP: {}}, "description": "The SDP answer."},
        **documented(403, 404, 409, 422, 503),
    },
    openapi_extra={"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}},
)
async def play(request: Request, session_id: SessionId) -> Response:
    """Body: the browser's SDP offer; use `urls.whep` of the live answer as it is.

    H.264 and G.711 are passed through; other streams are refused, or go without sound.
    """
    plane = context_of(request).media
    session = _session(plane, session_id)
    offer = bytearray()
    async for part in request.stream():
        offer += part
        if len(offer) > MAX_OFFER_BYTES:
            break
    text = offer.decode("utf-8", "replace")
    viewer_id, answer = await plane.whep.open(session, request.url.query, text, source_of(request))
    location = f"{request.url.path}/{viewer_id}"
    return Response(answer, 201, {**CORS, "location": location}, SDP)


@router.delete(
    "/whep/{session_id}/{viewer_id}",
    status_code=204,
    summary="End a WebRTC viewer",
    responses=documented(404, 422),
)
async def stop(request: Request, session_id: SessionId, viewer_id: ViewerId) -> Response:
    """The id is random and known to the viewer alone."""
    if not context_of(request).media.whep.close(session_id, viewer_id):
        raise ApiProblem(NOT_FOUND, "No such viewer")
    return Response(status_code=204, headers=CORS)


@router.options("/whep/{session_id}", include_in_schema=False)
@router.options("/whep/{session_id}/{viewer_id}", include_in_schema=False)
async def preflight() -> Response:
    """Browsers ask before they POST `application/sdp` to another host."""
    allowed = {"access-control-allow-methods": "POST, DELETE", "access-control-allow-headers": "content-type"}
    return Response(status_code=204, headers={**CORS, **allowed})
