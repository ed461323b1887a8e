"""Who waits for which answer: a future per request, a call per INVITE."""

from __future__ import annotations

import asyncio

from sipserver.sip.events import ClientKey, ResponseReceived
from sipserver.sip.message import SipResponse
from sipserver.transport.calls import InviteCall


class AnswerDesk:
    """Client transactions of the endpoint, and the tasks behind them."""

    def __init__(self) -> None:
        self._waiting: dict[ClientKey, asyncio.Future[SipResponse]] = {}
        self._calls: dict[ClientKey, InviteCall] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._calls)

    def expect(self, key: ClientKey) -> asyncio.Future[SipResponse]:
        future: asyncio.Future[SipResponse] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        return future

    def forget(self, key: ClientKey) -> None:
        """Nobody waits any longer; a later answer is dropped."""
        self._waiting.pop(key, None)

    def add_call(self, key: ClientKey, call: InviteCall) -> None:
        self._calls[key] = call

    def answered(self, event: ResponseReceived) -> None:
        is_final = event.response.status >= 200
        call = self._calls.get(event.key)
        if call is not None:
            if is_final:
                del self._calls[event.key]
            call.receive(event.response, event.flow)
        elif is_final:
            future = self._waiting.pop(event.key, None)
            if future is not None and not future.done():
                future.set_result(event.response)

    def failed(self, key: ClientKey, error: Exception) -> None:
        """No answer can come any more."""
        call = self._calls.pop(key, None)
        if call is not None:
            call.fail(error)
        future = self._waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(error)
            future.exception()  # nobody may be waiting any longer

    def fail_all(self, error: Exception) -> None:
        for key in (*self._waiting, *self._calls):
            self.failed(key, error)
