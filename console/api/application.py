"""The FastAPI application: routes, problems, headers and the OpenAPI document."""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from console.api import (
    alarm_devices,
    alarm_rules,
    alarms,
    audio,
    audio_library,
    captures,
    channels,
    clocks,
    configuration,
    conformance,
    control,
    device_records,
    devices,
    diagnosis,
    downloads,
    events,
    firmware,
    live,
    login,
    media_figures,
    metrics,
    outages,
    overview,
    playbacks,
    positions,
    presets,
    profiles,
    ptz,
    pushes,
    recorded_playbacks,
    recordings,
    snapshot_bursts,
    sources,
    subordinates,
    subscriptions,
    superior_grants,
    superior_ledger,
    superior_streams,
    superiors,
    temporary_recordings,
    trace,
    tree,
    uploads,
    ways,
    whep,
)
from console.api.context import ApiContext
from console.api.models import Problem
from console.api.problems import HANDLED, METHOD_NOT_ALLOWED, NOT_FOUND, ApiProblem, on_error
from console.api.security import BodyLimit, SecurityHeaders
from console.version import product_version

API_PREFIX: Final = "/api/v1"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CATCH_ALL: Final = "/api/{rest:path}"
DESCRIPTION: Final = """
Tongshi (通视) is a GB/T 28181 video-sharing platform. This is its integration contract.

* Obtain a token from `POST /api/v1/login` and send it as `Authorization: Bearer <token>`.
* Lists are `{"items": [...], "next": cursor}`; pass `next` as `cursor` until it is null.
* Failures are `application/problem+json` (RFC 9457): `code` is stable, `detail` says what to do.
* Instants are RFC 3339 with an offset.
* A channel id that several devices use is addressed as `{device_id}~{channel_id}`.
"""

ROUTERS: Final = (
    alarms,
    alarm_rules,
    alarm_devices,
    events,
    login,
    devices,
    sources,
    superiors,
    superior_grants,
    superior_ledger,
    superior_streams,
    subordinates,
    diagnosis,
    conformance,
    channels,
    ways,
    tree,
    live,
    recordings,
    temporary_recordings,
    recorded_playbacks,
    overview,
    configuration,
    snapshot_bursts,
    firmware,
    profiles,
    trace,
    clocks,
    audio,
    audio_library,
    ptz,
    presets,
    control,
    subscriptions,
    positions,
    outages,
    device_records,
    playbacks,
    downloads,
    captures,
    pushes,
    media_figures,
    whep,
)


def make_application(context: ApiContext) -> FastAPI:
    """The application that the pages are then attached to."""
    app = FastAPI(
        title="Tongshi API",
        version=product_version(),
        description=DESCRIPTION,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    for module in ROUTERS:
        app.include_router(module.router, prefix=API_PREFIX)
    app.include_router(metrics.router)
    app.include_router(uploads.router)
    app.add_api_route(
        CATCH_ALL,
        _nothing_here,
        methods=[*METHODS, "OPTIONS"],
        include_in_schema=False,
    )
    for kind in (*HANDLED, ApiProblem, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_error)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    _complete_openapi(app)
    return app


async def _nothing_here(request: Request, rest: str) -> Response:
    """What no route of ours matches must not fall through to the pages, which answer in HTML."""
    allowed = ", ".join(method for method in METHODS if _is_served(request, method))
    if allowed:
        text = f"/api/{rest[:200]} does not take {request.method}, only {allowed}"
        raise ApiProblem(METHOD_NOT_ALLOWED, text, headers={"allow": allowed})
    raise ApiProblem(NOT_FOUND, f"No resource at /api/{rest[:200]}")


def _is_served(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    own = [route for route in request.app.routes if getattr(route, "path", "") != CATCH_ALL]
    return any(route.matches(scope)[0] is Match.FULL for route in own)


def _complete_openapi(app: FastAPI) -> None:
    """Problems are described once, and take the place of FastAPI's own error bodies."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = generate()
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = schema
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
