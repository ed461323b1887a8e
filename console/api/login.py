"""Log in and out, and who one is."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from access.audit import Outcome
from access.errors import LogInRefused
from access.roles import ROLES
from console.api.context import context_of
from console.api.models import LoginAnswer, LoginRequest, Me, PasswordChange
from console.api.problems import TOO_MANY_LOGINS, ApiProblem, documented, problem_of
from console.auth import Caller, caller_of, clear_cookie, demand_same_origin, set_cookie, source_of

router = APIRouter(tags=["log-in"])


@router.post("/login", summary="Log in", responses=documented(401, 403, 422, 429, 503))
async def login(request: Request, response: Response, body: LoginRequest) -> LoginAnswer:
    """Give a user's name and password, receive a bearer token.

    The answer also sets the session cookie, which a browser needs for its own loads of pictures and files.
    """
    context = context_of(request)
    source = source_of(request)
    if "origin" in request.headers or "sec-fetch-site" in request.headers:
        # A foreign page must not log this browser in as somebody else.
        demand_same_origin(request)
    if (wait_s := context.limiter.admit(source)) > 0:
        raise ApiProblem(
            TOO_MANY_LOGINS, f"{source} tries more often than allowed", retry_after_s=int(wait_s) + 1
        )
    try:
        user = await context.users.verify(body.username, body.password, source)
    except LogInRefused as error:
        await context.audit.record(
            "log_in",
            actor=body.username,
            outcome=Outcome.REFUSED,
            source=source,
            detail={"problem": problem_of(error).code},
        )
        raise
    issued = await context.tokens.issue(user, source)
    await context.audit.record("log_in", actor=user.username, source=source)
    _give_cookie(request, response, issued.token, issued.expires_time)
    return LoginAnswer(
        token=issued.token, username=user.username, role=user.role.value, expires_at=issued.expires_time
    )


@router.post("/cookie", status_code=204, summary="Set the session cookie", responses=documented(401, 403))
async def cookie(request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Turn the bearer token of this request into the browser's session cookie.

    For a page whose server logged the person in: the browser calls this once, and then loads pictures itself.
    """
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    if token:
        _give_cookie(request, response, token, caller.identity.expires_time)


@router.post("/logout", status_code=204, summary="Log out", responses=documented(401, 403))
async def logout(request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """End this log-in: its token and cookie are void at once, and what it moves stops."""
    await caller.context.tokens.revoke(caller.identity.session_id)
    caller.context.devices.ptz.release_holder(caller.identity.session_id)
    await caller.record("log_out", "")
    clear_cookie(response, secure=_is_secure(request))


@router.get("/me", summary="Who am I", responses=documented(401))
async def me(caller: Annotated[Caller, Depends(caller_of)]) -> Me:
    """The user of the token, and what its role may do."""
    role = caller.identity.role
    return Me(
        username=caller.username, role=role.value, actions=sorted(action.value for action in ROLES[role])
    )


@router.post(
    "/me/password",
    status_code=204,
    summary="Change my password",
    responses=documented(401, 403, 422, 429, 503),
)
async def change_password(body: PasswordChange, caller: Annotated[Caller, Depends(caller_of)]) -> None:
    """Set a new password. Every log-in of this user ends, this one included."""
    context = caller.context
    async with caller.recorded("password_change", caller.username):
        await context.users.verify(caller.username, body.current, caller.source)
        await context.users.set_password(caller.username, body.new)
    context.tokens.forget_cached()


def _give_cookie(request: Request, response: Response, token: str, expires_time: datetime) -> None:
    left_s = int((expires_time - datetime.now(UTC)).total_seconds())
    set_cookie(response, token, max(0, left_s), secure=_is_secure(request))


def _is_secure(request: Request) -> bool:
    return context_of(request).http.secure_cookie or request.url.scheme == "https"
