"""What every page has: language, style, security headers."""

from __future__ import annotations

from typing import Final

from nicegui import ui
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.pages.elements import COMPONENTS
from console.pages.texts import Language, language_of

LANGUAGE_COOKIE: Final = "tongshi_language"
STYLE: Final = (COMPONENTS / "console.css").read_text("utf-8")

# Nothing is loaded from another host; live pictures come by WebSocket from the media listener's port.
# Vue compiles templates in the browser (unsafe-eval), NiceGUI starts a page with an inline script.
PAGE_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' ws: wss:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


def page_language(request: Request) -> Language:
    """The language of this person."""
    return language_of(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def dress() -> None:
    """Style the page that is being built."""
    ui.add_css(STYLE)


class PageHeaders:
    """Adds the pages' security headers, as a plain ASGI layer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["content-security-policy"] = PAGE_POLICY
                    headers["cache-control"] = "no-store"
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "same-origin")
            await send(message)

        await self._app(scope, receive, send_with_headers)
