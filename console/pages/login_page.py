"""The log-in page (``/login``)."""

from __future__ import annotations

from starlette.requests import Request

from console.pages.elements import LoginElement
from console.pages.frame import dress, page_language
from console.pages.texts import tables


async def login_page(request: Request) -> None:
    """A form; the browser sends it to the API itself, so the password never passes through here."""
    dress()
    element = LoginElement()
    element.props["texts"] = tables()
    element.props["language"] = page_language(request)
