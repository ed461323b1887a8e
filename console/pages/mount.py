"""Puts the pages on the API's application."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from nicegui import core, ui
from starlette.requests import Request
from starlette.responses import Response

from console.pages.console_page import ClientFactory, console_page
from console.pages.frame import PageHeaders
from console.pages.login_page import login_page

ICON: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#1f4f82"/><circle cx="16" cy="16" r="3.6" fill="#fff"/>
<path d="M5 16s4.5-7 11-7 11 7 11 7-4.5 7-11 7S5 16 5 16z" fill="none" stroke="#fff" stroke-width="2.4"/>
</svg>"""

_client_factories: list[ClientFactory] = []


def mount(app: FastAPI, client_factory: ClientFactory, *, storage_secret: str | None = None) -> None:
    """Serve the pages at ``/``; call it after all other routes are there.

    Args:
        app: gets NiceGUI mounted below its own routes.
        client_factory: makes the client of the person behind a request, with the token of its cookie or none.
        storage_secret: only needed when a page keeps something in NiceGUI's storage; none does.

    NiceGUI is one per process. A second application (in tests) takes its place.
    """
    is_first = not _client_factories
    _client_factories[:] = [client_factory]
    if is_first:
        ui.page("/", response_timeout=20.0)(_main)
        ui.page("/login")(login_page)
    core.app.user_middleware.clear()
    core.app.middleware_stack = None
    core.app.add_middleware(PageHeaders)
    ui.run_with(
        app,
        title="通视 Tongshi",
        favicon=ICON,
        dark=True,
        tailwind=False,
        language="zh-CN",
        # Nothing of ours is bound to values, and no page keeps server-side state: short is enough.
        binding_refresh_interval=None,
        reconnect_timeout=5.0,
        message_history_length=0,
        show_welcome_message=False,
        storage_secret=storage_secret,
    )


async def _main(request: Request) -> Response | None:
    return await console_page(request, _client_factories[0])
