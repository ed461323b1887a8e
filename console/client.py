"""Typed client of the HTTP API, for pages, the command line and integrators.

Bound in-process over ASGI (:meth:`Client.in_process`, no socket) or over HTTP (:meth:`Client.over_http`).
Every failure that the server describes becomes a :class:`ProblemError`; so does no answer at all, with
the code ``no-answer-from-platform``, so that a caller has one thing to catch.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from console.api.conformance_models import ConformanceOrder, ConformanceRun
from console.api.models import (
    AudioInfo,
    CatalogSync,
    Channel,
    ChannelChange,
    Device,
    DeviceChange,
    LiveSession,
    LiveUrls,
    LoginAnswer,
    Me,
    Overview,
    Page,
    Problem,
    RateLine,
    Rates,
    RecordingItem,
    RecordingState,
    ServerInfo,
    SessionStatistics,
    StreamChoice,
    VideoInfo,
)

__all__ = [
    "AudioInfo",
    "CatalogSync",
    "Channel",
    "ChannelChange",
    "Client",
    "ConformanceOrder",
    "ConformanceRun",
    "Device",
    "DeviceChange",
    "LiveSession",
    "LiveUrls",
    "LoginAnswer",
    "Me",
    "Overview",
    "Page",
    "Problem",
    "ProblemError",
    "RateLine",
    "Rates",
    "RecordingItem",
    "RecordingState",
    "ServerInfo",
    "SessionStatistics",
    "StreamChoice",
    "VideoInfo",
]

API_PREFIX: Final = "/api/v1"
# Live waits for a camera's first key frame; everything else answers within a few seconds.
DEFAULT_TIMEOUT_S: Final = 60.0
PAGE_LIMIT: Final = 200

ModelT = TypeVar("ModelT", bound=BaseModel)


class ProblemError(Exception):
    """The API answered with a problem (RFC 9457); ``str()`` is a line for people."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        """The stable short name, for example ``device-offline``."""
        return self.problem.code

    @property
    def detail(self) -> str:
        return self.problem.detail


class Client:
    """One caller of the API. Not shared between users: it carries that user's token."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self._http = http
        self.token = token

    @classmethod
    def in_process(
        cls,
        app: Any,
        token: str | None = None,
        *,
        base_url: str = "http://tongshi.internal",
        client_host: str = "127.0.0.1",
    ) -> Self:
        """Speak to the ASGI application without a socket.

        Args:
            app: the FastAPI application.
            token: of the user on whose behalf the page acts.
            base_url: what the person's browser has in its address line, so that stream addresses in answers
                carry a host that this browser reaches.
            client_host: the address of the person, for the audit trail.
        """
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(client_host, 0))
        return cls(
            httpx.AsyncClient(transport=transport, base_url=base_url, timeout=DEFAULT_TIMEOUT_S), token
        )

    @classmethod
    def over_http(
        cls, base_url: str, token: str | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> Self:
        # trust_env is off: a proxy variable must not carry a camera platform's traffic elsewhere.
        return cls(httpx.AsyncClient(base_url=base_url, timeout=timeout_s, trust_env=False), token)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- who ---------------------------------------------------------

    async def login(self, username: str, password: str) -> LoginAnswer:
        """Obtain a token; this client uses it from now on."""
        answer = await self._model(
            LoginAnswer, "POST", "/login", json={"username": username, "password": password}
        )
        self.token = answer.token
        return answer

    async def logout(self) -> None:
        await self._call("POST", "/logout")
        self.token = None

    async def me(self) -> Me:
        return await self._model(Me, "GET", "/me")

    async def change_password(self, current: str, new: str) -> None:
        await self._call("POST", "/me/password", json={"current": current, "new": new})

    # -- devices -----------------------------------------------------

    async def devices(self, cursor: str | None = None, limit: int = PAGE_LIMIT) -> Page[Device]:
        return await self._model(Page[Device], "GET", "/devices", params=_paging(cursor, limit))

    async def all_devices(self) -> AsyncIterator[Device]:
        cursor: str | None = None
        while True:
            page = await self.devices(cursor)
            for device in page.items:
                yield device
            if (cursor := page.next) is None:
                return

    async def device(self, device_id: str) -> Device:
        return await self._model(Device, "GET", f"/devices/{quote(device_id)}")

    async def put_device(self, device_id: str, change: DeviceChange) -> Device:
        """Create the device before it registers, or change it."""
        return await self._model(Device, "PUT", f"/devices/{quote(device_id)}", json=_changed(change))

    async def change_device(self, device_id: str, change: DeviceChange) -> Device:
        return await self._model(Device, "PATCH", f"/devices/{quote(device_id)}", json=_changed(change))

    async def device_channels(
        self, device_id: str, cursor: str | None = None, limit: int = PAGE_LIMIT, *, kind: str = "camera"
    ) -> Page[Channel]:
        path = f"/devices/{quote(device_id)}/channels"
        params = {**_paging(cursor, limit), "kind": kind}
        return await self._model(Page[Channel], "GET", path, params=params)

    async def sync_catalog(self, device_id: str) -> CatalogSync:
        """Ask the device for its catalogue now; returns when the answer is whole or given up."""
        return await self._model(CatalogSync, "POST", f"/devices/{quote(device_id)}/catalog")

    # -- channels ----------------------------------------------------

    async def channels(
        self, cursor: str | None = None, limit: int = PAGE_LIMIT, *, kind: str = "camera"
    ) -> Page[Channel]:
        """``kind="all"`` adds directories, regions and other items of the catalogues."""
        params = {**_paging(cursor, limit), "kind": kind}
        return await self._model(Page[Channel], "GET", "/channels", params=params)

    async def all_channels(
        self, device_id: str | None = None, *, kind: str = "camera"
    ) -> AsyncIterator[Channel]:
        cursor: str | None = None
        while True:
            if device_id is None:
                page = await self.channels(cursor, kind=kind)
            else:
                page = await self.device_channels(device_id, cursor, kind=kind)
            for channel in page.items:
                yield channel
            if (cursor := page.next) is None:
                return

    async def channel(self, channel_id: str) -> Channel:
        """``channel_id`` is the plain id, or ``{device_id}~{channel_id}`` (:attr:`Channel.key`)."""
        return await self._model(Channel, "GET", f"/channels/{quote(channel_id)}")

    async def change_channel(self, channel_id: str, change: ChannelChange) -> Channel:
        return await self._model(Channel, "PATCH", f"/channels/{quote(channel_id)}", json=_changed(change))

    async def snapshot(self, channel_id: str, *, width: int | None = None) -> bytes:
        """A JPEG of the newest key frame. For a browser use :meth:`snapshot_path` with its session cookie."""
        params = {} if width is None else {"width": str(width)}
        return (await self._call("GET", self._below(self.snapshot_path(channel_id)), params=params)).content

    @staticmethod
    def snapshot_path(channel_id: str) -> str:
        return f"{API_PREFIX}/channels/{quote(channel_id)}/snapshot.jpg"

    # -- live --------------------------------------------------------

    async def open_live(
        self, channel_id: str, stream: StreamChoice = "main", *, as_h264: bool = False
    ) -> LiveSession:
        """Ask for a live picture; answers when the first key frame is there. Its ``stream`` is what plays."""
        wanted = {"stream": stream, "codec": "h264" if as_h264 else "any"}
        return await self._model(LiveSession, "POST", f"/channels/{quote(channel_id)}/live", json=wanted)

    async def sessions(self, cursor: str | None = None, limit: int = PAGE_LIMIT) -> Page[SessionStatistics]:
        return await self._model(Page[SessionStatistics], "GET", "/sessions", params=_paging(cursor, limit))

    async def session(self, session_id: str) -> SessionStatistics:
        return await self._model(SessionStatistics, "GET", f"/sessions/{quote(session_id)}")

    async def close_session(self, session_id: str) -> None:
        await self._call("DELETE", f"/sessions/{quote(session_id)}")

    # -- recordings --------------------------------------------------

    async def start_recording(self, channel_id: str) -> RecordingState:
        return await self._model(RecordingState, "PUT", f"/channels/{quote(channel_id)}/recording")

    async def stop_recording(self, channel_id: str) -> RecordingState:
        return await self._model(RecordingState, "DELETE", f"/channels/{quote(channel_id)}/recording")

    async def recordings(
        self,
        channel_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str | None = None,
        limit: int = PAGE_LIMIT,
    ) -> Page[RecordingItem]:
        """Segments that overlap ``[start, end)``, oldest first; both are aware, a missing one is open."""
        params = _paging(cursor, limit)
        if start is not None:
            params["start"] = start.isoformat()
        if end is not None:
            params["end"] = end.isoformat()
        path = f"/channels/{quote(channel_id)}/recordings"
        return await self._model(Page[RecordingItem], "GET", path, params=params)

    async def download(self, segment_id: str) -> bytes:
        """The whole file, in memory: for tests and small tools. A browser uses :meth:`recording_path`."""
        return (await self._call("GET", self._below(self.recording_path(segment_id)))).content

    @staticmethod
    def recording_path(segment_id: str) -> str:
        return f"{API_PREFIX}/recordings/{quote(segment_id)}.mp4"

    # -- conformance -------------------------------------------------

    async def start_conformance(self, device_id: str, order: ConformanceOrder) -> ConformanceRun:
        """Begin to examine a device."""
        path = f"/devices/{quote(device_id)}/conformance"
        return await self._model(ConformanceRun, "POST", path, json=_changed(order))

    async def conformance_run(self, device_id: str, run_id: str) -> ConformanceRun:
        path = f"/devices/{quote(device_id)}/conformance/{quote(run_id)}"
        return await self._model(ConformanceRun, "GET", path)

    async def cancel_conformance(self, device_id: str, run_id: str) -> None:
        await self._call("DELETE", f"/devices/{quote(device_id)}/conformance/{quote(run_id)}")

    async def conformance_report(self, device_id: str, run_id: str) -> bytes:
        """One HTML page."""
        path = f"/devices/{quote(device_id)}/conformance/{quote(run_id)}/report.html"
        return (await self._call("GET", path)).content

    # -- the platform ------------------------------------------------

    async def rates(self) -> Rates:
        return await self._model(Rates, "GET", "/rates")

    async def overview(self) -> Overview:
        return await self._model(Overview, "GET", "/overview")

    async def server(self) -> ServerInfo:
        return await self._model(ServerInfo, "GET", "/server")

    # -- plumbing ----------------------------------------------------

    @staticmethod
    def _below(path: str) -> str:
        return path.removeprefix(API_PREFIX)

    async def _model(
        self,
        model: type[ModelT],
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> ModelT:
        response = await self._call(method, path, params=params, json=json)
        try:
            return model.model_validate_json(response.content)
        except ValidationError as error:
            detail = (
                f"{method} {path} was answered with a body of another shape: {error.error_count()} faults."
            )
            raise ProblemError(_unexplained(response.status_code, "unexpected-answer", detail)) from error

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: object = None
    ) -> httpx.Response:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        try:
            response = await self._http.request(
                method, API_PREFIX + path, params=params, json=json, headers=headers
            )
        except httpx.TransportError as error:
            detail = f"{method} {path}: {str(error) or type(error).__name__}. Is the platform running?"
            raise ProblemError(_unexplained(503, "no-answer-from-platform", detail)) from error
        if response.is_success:
            return response
        raise ProblemError(_problem(response))


def _problem(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        detail = f"The server answered {response.status_code} without saying why."
        return _unexplained(response.status_code, "unexplained", detail)


def _unexplained(status: int, code: str, detail: str) -> Problem:
    return Problem(type="about:blank", title="The request failed", status=status, detail=detail, code=code)


def _paging(cursor: str | None, limit: int) -> dict[str, str]:
    return {"limit": str(limit)} if cursor is None else {"limit": str(limit), "cursor": cursor}


def _changed(change: BaseModel) -> dict[str, object]:
    return change.model_dump(exclude_unset=True, mode="json")
