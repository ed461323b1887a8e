"""One HTTP connection with bounds: uvicorn by itself waits for ever, and reads a head of any size."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final, TypeAlias

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES: Final = 64 * 1024

TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n"
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\n"
_END: Final = b"connection: close\r\ncontent-length: 0\r\n\r\n"

DEADLINE: Final = "tongshi.deadline"
"""The ASGI extension by which a route that knows its caller gets more time for a large body."""

Protocol: TypeAlias = type[asyncio.Protocol]


def allow_longer(scope: MutableMapping[str, Any], seconds: float) -> None:
    """Let the rest of this request take so long from now on. Without our listener nothing is counted."""
    extension = scope.get("extensions", {}).get(DEADLINE)
    if extension is not None:
        extension["extend"](seconds)


def bounded_protocol(request_deadline_s: float, connections_max: int) -> Protocol:
    """The protocol class for uvicorn.

    Args:
        request_deadline_s: time for a whole request, head and body, from its first byte; the first one on a
            connection counts from the connection.
        connections_max: connections at once, WebSockets of the pages included; more are answered 503.
    """
    return type(
        "BoundedConnection",
        (_BoundedConnection,),
        {"request_deadline_s": request_deadline_s, "connections_max": connections_max},
    )


class _BoundedConnection(HttpToolsProtocol):
    """Counts the bytes of each head and the time of each request."""

    request_deadline_s: float
    connections_max: int

    def __init__(
        self, config: uvicorn.Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self._deadline: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._head_bytes = 0
        self._fed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        is_too_many = len(self.connections) >= self.connections_max
        super().connection_made(transport)
        if is_too_many:
            self._turn_away(TOO_MANY)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        # A field is reported when it is whole: one without an end shows in the bytes taken alone.
        if self._is_in_head and self._fed_bytes > MAX_HEAD_BYTES:
            self._turn_away(TOO_LARGE)
            return
        super().data_received(data)
        self._fed_bytes = self._fed_bytes + len(data) if self._is_in_head else 0

    def send_400_response(self, msg: str) -> None:
        self._disarm()
        if self._head_bytes > MAX_HEAD_BYTES:
            self._turn_away(TOO_LARGE)
        else:
            super().send_400_response(msg)

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {DEADLINE: {"extend": self._extend}}
        self._is_in_head = True
        self._head_bytes = self._fed_bytes = 0
        if self._deadline is None:
            self._arm()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            # Ends the parsing; uvicorn then calls send_400_response.
            raise ValueError(f"a request head of more than {MAX_HEAD_BYTES} bytes")

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(self.request_deadline_s, self._overdue)

    def _extend(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = self.loop.call_later(max(seconds, self.request_deadline_s), self._overdue)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        self._deadline = None
        # An answer under way must not get another one into its middle.
        is_between_answers = self._is_in_head and not self.pipeline and not self._is_answering()
        self._turn_away(TOO_LATE if is_between_answers else b"")

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _turn_away(self, status: bytes) -> None:
        self._disarm()
        if self.transport.is_closing():
            return
        if status:
            self.transport.write(status + _END)
        self.transport.close()
