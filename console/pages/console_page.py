"""The main page (``/``): header, tree, wall and playback."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from console.client import Client, ProblemError
from console.pages.elements import ConsoleElement
from console.pages.frame import dress, page_language
from console.pages.texts import tables

ClientFactory = Callable[[Request], Client]


async def console_page(request: Request, client_factory: ClientFactory) -> Response | None:
    """The page of somebody who is logged in; everybody else is sent to log in."""
    client = client_factory(request)
    try:
        if client.token is None:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        me, server = await client.me(), await client.server()
    except ProblemError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        return PlainTextResponse(str(error), error.status)
    finally:
        await client.close()
    dress()
    element = ConsoleElement()
    element.props["texts"] = tables()
    element.props["language"] = page_language(request)
    element.props["me"] = me.model_dump(mode="json")
    element.props["server"] = server.model_dump(mode="json")
    return None
