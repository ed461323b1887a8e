"""uvicorn inside our own event loop: it takes no signals, no loop and no log of its own."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from config.tables import HttpSettings
from console.errors import StartFailed
from console.http_connection import bounded_protocol

START_TIMEOUT_S: Final = 30.0
BACKLOG: Final = 2_048
"""Connections that wait to be accepted; the kernel may have a lower bound (net.core.somaxconn)."""

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Says when it has started, and leaves the signals to the platform."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            # uvicorn ends the process when the application does not start; here the platform decides.
            self.should_exit = True
        else:
            self.has_started.set()


class HttpServer:
    """The platform's HTTP listener.

    Args:
        app: ASGI.
        sock: bound already, so that a port that is taken is known before anything is started.
    """

    def __init__(self, app: Any, sock: socket.socket, settings: HttpSettings) -> None:
        self._settings = settings
        self._socket = sock
        self._task: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=bounded_protocol(settings.request_deadline_s, settings.connections_max),
                ws="websockets-sansio",
                loop="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_graceful_shutdown=max(1, round(settings.close_timeout_s)),
                ws_max_size=1024 * 1024,
                backlog=BACKLOG,
            )
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and real port."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    async def open(self) -> None:
        """Accept requests.

        Raises:
            StartFailed: the application did not start.
        """
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")
        started = asyncio.create_task(self._server.has_started.wait())
        await asyncio.wait({self._task, started}, timeout=START_TIMEOUT_S, return_when="FIRST_COMPLETED")
        started.cancel()
        if self._task.done() or not self._server.has_started.is_set() or self._server.should_exit:
            try:
                await self.close()
            except OSError as error:
                raise StartFailed(f"the web pages did not start: {error}") from error
            raise StartFailed("the web pages did not start: the lines above say why")
        self._task.add_done_callback(self._ended)
        _log.info("http open on %s:%d", *self.address)

    async def close(self) -> None:
        """Finish running answers, close the rest after ``http.close_timeout_s``."""
        if self._task is not None:
            self._server.should_exit = True
            _, unfinished = await asyncio.wait({self._task}, timeout=self._settings.close_timeout_s + 2.0)
            if unfinished:
                self._server.force_exit = True
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._socket.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Nobody asked it to end: pages and API are gone while devices and recordings go on."""
        if not self._server.should_exit and not task.cancelled():
            _log.critical("the http listener has ended; restart the platform", exc_info=task.exception())


def bind_tcp(table: str, host: str, port: int) -> socket.socket:
    """A socket that listens already: bound ones may be bound twice. Or one line that says what to change.

    Who comes before the platform has started waits in the backlog.

    Raises:
        StartFailed
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise StartFailed(bind_advice(table, host, port, error)) from error
    return sock


def bind_advice(table: str, host: str, port: int, error: OSError) -> str:
    """What an operator does about a port that cannot be had."""
    match error.errno:
        case errno.EADDRINUSE:
            why = (
                f"another program has it (ss -ltnup 'sport = :{port}' names it); stop it or set {table}.port"
            )
        case errno.EACCES:
            why = f"ports below 1024 need a right of their own; set {table}.port to a higher one"
        case errno.EADDRNOTAVAIL:
            why = f"this machine has no such address; set {table}.host to one of its own, or 0.0.0.0"
        case _:
            why = error.strerror or str(error)
    return f"{table} cannot listen on {host}:{port}: {why}"
