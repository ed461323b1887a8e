"""Who is calling: bearer tokens, the browser's session cookie, and what may be done with each.

A bearer token is sent on purpose. A cookie is sent by the browser whatever page made the request, so a
request that changes something with a cookie alone must also prove that it comes from our own page.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from access.audit import Outcome
from access.errors import NotAllowed, TokenRefused
from access.roles import Action, demand
from access.tokens import Identity
from console.api.context import ApiContext, context_of
from console.api.problems import CROSS_SITE, UNAUTHENTICATED, ApiProblem, problem_of

COOKIE: Final = "tongshi_session"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, description="The token of POST /api/v1/login.")
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, description="For a browser's own loads of pictures and files."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The user behind a request, and where it came from."""

    identity: Identity
    source: str
    context: ApiContext

    @property
    def username(self) -> str:
        return self.identity.username

    async def record(
        self,
        action: str,
        target: str,
        *,
        outcome: Outcome = Outcome.DONE,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """One line in the audit log."""
        await self.context.audit.record(
            action, actor=self.username, target=target, outcome=outcome, source=self.source, detail=detail
        )

    @asynccontextmanager
    async def recorded(self, action: str, target: str, **detail: object) -> AsyncIterator[None]:
        """Log what is done inside, and how it ended."""
        try:
            yield
        except Exception as error:
            failed = {**detail, "problem": problem_of(error).code}
            await self.record(action, target, outcome=Outcome.FAILED, detail=failed)
            raise
        await self.record(action, target, detail=detail)


async def caller_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    cookie: Annotated[str | None, Security(_cookie)] = None,
) -> Caller:
    """The user of a request.

    Raises:
        ApiProblem: no valid token, or a cookie from another site.
    """
    context = context_of(request)
    if bearer is not None:
        token = bearer.credentials
    elif cookie is not None:
        if request.method not in SAFE_METHODS:
            demand_same_origin(request)
        token = cookie
    else:
        raise ApiProblem(UNAUTHENTICATED, "The request carries no token")
    try:
        identity = await context.tokens.verify(token)
    except TokenRefused as error:
        raise ApiProblem(UNAUTHENTICATED, str(error)) from error
    return Caller(identity, source_of(request), context)


def may(action: Action) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, when its role includes the action."""

    async def permitted(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        try:
            demand(caller.identity.role, action)
        except NotAllowed:
            await caller.record(action, "", outcome=Outcome.REFUSED, detail={"role": caller.identity.role})
            raise
        return caller

    return permitted


def demand_same_origin(request: HTTPConnection) -> None:
    """Refuse what a foreign page could have made this browser send.

    The browser itself tells the origin (Sec-Fetch-Site, Origin) and a page cannot forge either. Where both
    are missing, a header that a form cannot set must be there.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise ApiProblem(CROSS_SITE, f"The browser calls it {site}")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise ApiProblem(CROSS_SITE, "Its Origin is not this server")
    if site is None and origin is None and "x-requested-with" not in request.headers:
        raise ApiProblem(CROSS_SITE, "Neither Origin nor X-Requested-With says where it comes from")


def source_of(connection: HTTPConnection) -> str:
    """The caller's address, without the port."""
    return connection.client.host if connection.client is not None else ""


def set_cookie(response: Response, token: str, max_age_s: int, *, secure: bool) -> None:
    """HttpOnly: no script reads it. SameSite=Lax: other sites' requests do not carry it, links do."""
    response.set_cookie(
        COOKIE, token, max_age=max_age_s, path="/", httponly=True, samesite="lax", secure=secure
    )


def clear_cookie(response: Response, *, secure: bool) -> None:
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=secure)
