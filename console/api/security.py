"""Headers that every answer carries, as a plain ASGI layer (it must not touch streams and sockets)."""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(self), geolocation=()",
}
# The API is data: nothing in an answer of it may run, load or be framed.
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


class SecurityHeaders:
    """Adds what is missing; a route that sets one of them itself is left alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_api = scope["path"].startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if is_api:
                    headers.setdefault("content-security-policy", API_POLICY)
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


COUNTED_BY_ROUTE: Final = frozenset({"/api/v1/audio/clips", "/api/v1/firmware"})
"""Bodies that the route itself reads and bounds, after it knows the caller."""


class BodyLimit:
    """Refuses large bodies before they are read: the API's own are a few hundred bytes.

    Only below ``/api/``; the pages have their own transport.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int = 64 * 1024) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith("/api/") or path in COUNTED_BY_ROUTE:
            await self._app(scope, receive, send)
            return
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit_bytes:
                raise BodyTooLarge(self._limit_bytes)
            return message

        await self._app(scope, receive_limited, send)


class BodyTooLarge(HTTPException):
    """A request body above the limit; the framework passes only errors of this base through."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(413, f"A request body has at most {limit_bytes:,} bytes")
