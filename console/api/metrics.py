"""``/metrics`` for Prometheus and ``/healthz`` for whatever restarts the process."""

import hmac
from ipaddress import ip_address, ip_network

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from console.api.context import ApiContext, context_of
from console.api.problems import NOT_READY, ApiProblem, Kind, documented
from console.auth import source_of

router = APIRouter(tags=["monitoring"])

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METRICS_CLOSED = Kind(
    "metrics-closed",
    403,
    "The metrics are not open to you",
    "Send http.metrics_token as a bearer, or add your address to http.metrics_allow.",
)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={**documented(403), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Open to the networks of `http.metrics_allow` (this machine by default), and to `http.metrics_token`."""
    context = context_of(request)
    if not _may_read(context, request):
        raise ApiProblem(METRICS_CLOSED, f"Asked from {source_of(request)}")
    return Response(await context.metrics(), media_type=CONTENT_TYPE)


@router.get("/healthz", summary="Is it working", response_class=PlainTextResponse, responses=documented(503))
async def healthz(request: Request) -> str:
    """200 `ok` while the platform accepts work; says nothing else, so it needs no log-in."""
    if not context_of(request).is_ready():
        raise ApiProblem(NOT_READY)
    return "ok"


def _may_read(context: ApiContext, request: Request) -> bool:
    token = context.http.metrics_token
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
        return True
    try:
        source = ip_address(source_of(request))
    except ValueError:
        return False
    mapped = getattr(source, "ipv4_mapped", None) or source
    return any(mapped in ip_network(entry) for entry in context.http.metrics_allow)
