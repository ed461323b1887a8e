"""The joystick's socket: one message is the movement that is wanted, silence and closing are stop.

The stop does not hang on this module alone: each movement is held for ``ptz.dead_man_s`` only, so whatever
happens to the socket, the page or this process's loop of messages, the device is told to stop.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Final

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from access.audit import Outcome
from access.errors import NotAllowed, TokenRefused
from access.roles import Action, demand
from catalog.model import ChannelKey
from console.api.context import context_of
from console.api.problems import (
    INVALID,
    UNAUTHENTICATED,
    ApiProblem,
    problem_of,
    problem_response,
)
from console.api.ptz_models import JoystickMessage, Movement
from console.api.ptz_views import camera_key, hold_s_of, holder_of, motion_of, ptz_status
from console.auth import COOKIE, Caller, demand_same_origin, source_of
from sipserver.devices.ptz.motion import StopReason
from sipserver.devices.ptz.ptz import ControlLost, PtzEvent

MESSAGE_MAX_CHARS: Final = 1024
WRONG_MESSAGES_MAX: Final = 20
OUTGOING_MAX: Final = 64
# How often the log-in is looked at again; it may have been ended meanwhile.
CHECK_S: Final = 2.0
# Close codes (RFC 6455 section 7.4): those above 4000 are ours.
LOGGED_OUT: Final = 4401
TOO_LARGE: Final = 1009
VIOLATION: Final = 1008


async def admitted(
    websocket: WebSocket, action: Action, channel_id: str
) -> tuple[Caller, str, ChannelKey] | None:
    """Who opens the socket, with which token, for which camera; None when it was refused with a problem."""
    try:
        token = _token_of(websocket)
        caller = await _caller(websocket, token)
        await _demand(caller, action)
        key = await camera_key(caller, channel_id)
    except Exception as error:
        await websocket.send_denial_response(problem_response(problem_of(error)))
        return None
    return caller, token, key


class Joystick:
    """One accepted socket."""

    def __init__(self, websocket: WebSocket, caller: Caller, token: str, key: ChannelKey) -> None:
        self._websocket = websocket
        self._caller = caller
        self._token = token
        self._key = key
        self._ptz = caller.context.devices.ptz
        self._outgoing: asyncio.Queue[JoystickMessage] = asyncio.Queue(OUTGOING_MAX)

    async def run(self) -> None:
        """Until the page, the log-in or the server goes away; then what this log-in moves is stopped."""
        caller, key = self._caller, self._key
        await self._websocket.accept()
        self._ptz.listeners.append(self._hear)
        self._say_status()
        await caller.record(Action.CONTROL_PTZ, str(key), detail={"joystick": "opened"})
        try:
            await self._serve()
        finally:
            self._ptz.listeners.remove(self._hear)
            self._ptz.release(key, caller.identity.session_id, StopReason.HOLDER_GONE)
            await caller.record(Action.CONTROL_PTZ, str(key), detail={"joystick": "closed"})

    async def _serve(self) -> None:
        """The first part that ends decides: the socket closed, or the log-in did."""
        tasks = [asyncio.create_task(part) for part in (self._read(), self._write(), self._watch_log_in())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _read(self) -> None:
        wrong = 0
        with contextlib.suppress(WebSocketDisconnect):
            while wrong < WRONG_MESSAGES_MAX:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text") or ""
                if len(text) > MESSAGE_MAX_CHARS:
                    await self._close(TOO_LARGE)
                    return
                wrong += not self._take(text)
            await self._close(VIOLATION)

    def _take(self, text: str) -> bool:
        """Act on one message; False when it is none. What cannot be read does not keep a movement alive."""
        try:
            movement = Movement.model_validate_json(text)
        except ValidationError as error:
            fields = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'message'}: {fault['msg']}"
                for fault in error.errors()[:3]
            )
            self._say_problem(ApiProblem(INVALID, fields))
            return False
        try:
            hold_s = hold_s_of(self._caller, self._ptz.settings.dead_man_s)
            result = self._ptz.hold(self._key, holder_of(self._caller), motion_of(movement), hold_s=hold_s)
        except Exception as error:
            self._say_problem(error)
            return True
        if result is not None:
            result.add_done_callback(self._say_result)
        return True

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await self._outgoing.get()
                await self._websocket.send_text(message.model_dump_json(exclude_none=True))

    async def _watch_log_in(self) -> None:
        """Ends when the log-in expires or is ended, also by log-out in another page."""
        while True:
            left_s = (self._caller.identity.expires_time - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(min(left_s, CHECK_S), 0.0))
            try:
                identity = await self._caller.context.tokens.verify(self._token)
                demand(identity.role, Action.CONTROL_PTZ)
            except (TokenRefused, NotAllowed):
                # Stop first: closing waits for the other side.
                self._ptz.release(self._key, self._caller.identity.session_id, StopReason.HOLDER_GONE)
                await self._close(LOGGED_OUT)
                return

    async def _close(self, code: int) -> None:
        # The other side may have closed, or be closing, at the same time.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code)

    def _hear(self, event: PtzEvent) -> None:
        if event.key != self._key or event.holder_id != self._caller.identity.session_id:
            return
        if isinstance(event, ControlLost):
            self._say(JoystickMessage(type="control_lost", by=event.by))
        else:
            self._say(JoystickMessage(type="ended", reason=event.reason.value))

    def _say_result(self, result: "asyncio.Future[None]") -> None:
        if not result.cancelled() and (error := result.exception()) is not None:
            self._say_problem(error)

    def _say_problem(self, error: BaseException) -> None:
        problem = problem_of(error).model_dump(exclude_none=True)
        self._say(JoystickMessage(type="problem", problem=problem))

    def _say_status(self) -> None:
        self._say(JoystickMessage(type="status", status=ptz_status(self._caller, self._key)))

    def _say(self, message: JoystickMessage) -> None:
        """Never waits: for a page that does not read, the oldest is dropped."""
        if self._outgoing.full():
            self._outgoing.get_nowait()
        self._outgoing.put_nowait(message)


async def _demand(caller: Caller, action: Action) -> None:
    try:
        demand(caller.identity.role, action)
    except NotAllowed:
        role = caller.identity.role
        await caller.record(action, "", outcome=Outcome.REFUSED, detail={"role": role})
        raise


def _token_of(websocket: WebSocket) -> str:
    """The bearer token, or the session cookie of a page of ours."""
    scheme, _, bearer = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer:
        return bearer.strip()
    cookie = websocket.cookies.get(COOKIE)
    if cookie is None:
        raise ApiProblem(UNAUTHENTICATED, "The request carries no token")
    demand_same_origin(websocket)
    return cookie


async def _caller(websocket: WebSocket, token: str) -> Caller:
    context = context_of(websocket)
    return Caller(await context.tokens.verify(token), source_of(websocket), context)
