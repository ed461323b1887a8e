"""Waiting for answers: one future per client transaction, and the INVITE that can be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipserver.sip.dialog import Dialog
from sipserver.sip.flow import Flow
from sipserver.sip.headers import Headers
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import NoAnswer


class InviteCall:
    """One INVITE on its way, from sending to its final response.

    Whoever opens it awaits ``final`` and then acknowledges a 2xx with ``ack``. A call that was cancelled, or
    whose waiting task was, leaves no session behind: a 2xx that crosses the CANCEL is acknowledged
    and ended with BYE by the driver (RFC 3261 section 9.1, 15).
    """

    def __init__(
        self,
        request: SipRequest,
        flow: Flow,
        *,
        cancel: Callable[[], None],
        acknowledge: Callable[[SipRequest], None],
        end_unwanted: Callable[[SipResponse, Flow], None],
    ) -> None:
        self.request = request
        self.flow = flow
        self.provisional: SipResponse | None = None
        self.is_cancelled = False
        self.is_acknowledged = False
        self._cancel = cancel
        self._acknowledge = acknowledge
        self._end_unwanted = end_unwanted
        self._final: asyncio.Future[tuple[SipResponse, Flow]] = asyncio.get_running_loop().create_future()

    @property
    def is_finished(self) -> bool:
        return self._final.done()

    async def final(self, timeout_s: float | None = None) -> SipResponse:
        """Wait for the final response.

        A cancelled wait, or one that runs out of time, cancels the call.

        Raises:
            NoAnswer: no final response in ``timeout_s``, or within 32 s.
            FlowClosed: the connection to the peer closed meanwhile.
        """
        try:
            async with asyncio.timeout(timeout_s):
                response, _ = await asyncio.shield(self._final)
        except TimeoutError:
            self.cancel()
            raise NoAnswer(
                f"no final response to INVITE within {timeout_s:g} s",
                heard_provisional=self.provisional is not None,
            ) from None
        except asyncio.CancelledError:
            self.cancel()
            raise
        return response

    def cancel(self) -> None:
        """Give the call up in any state; harmless when it is already over."""
        if self.is_cancelled or self.is_acknowledged:
            return
        self.is_cancelled = True
        if not self._final.done():
            self._cancel()
        elif not self._final.cancelled() and self._final.exception() is None:
            self._end_if_accepted(*self._final.result())

    def ack(self, ack: SipRequest) -> None:
        """Acknowledge the 2xx; the endpoint repeats it for each repeated 2xx."""
        self.is_acknowledged = True
        self._acknowledge(ack)

    def receive(self, response: SipResponse, flow: Flow) -> None:
        """Called by the driver for every response to this INVITE."""
        if response.status < 200:
            self.provisional = response
        elif not self._final.done():
            self._final.set_result((response, flow))
            if self.is_cancelled:
                self._end_if_accepted(response, flow)

    def fail(self, error: Exception) -> None:
        """Called by the driver when no final response can come any more."""
        if not self._final.done():
            self._final.set_exception(error)
            self._final.exception()  # nobody may be waiting any longer

    def _end_if_accepted(self, response: SipResponse, flow: Flow) -> None:
        if response.status < 300:
            self._end_unwanted(response, flow)


def dialog_of_answer(response: SipResponse) -> Dialog:
    """The dialog of a 2xx to an INVITE that is no longer remembered.

    All that ACK and BYE need stands in the answer itself; the INVITE is rebuilt from it.
    """
    headers = Headers()
    for name in ("From", "Call-ID", "CSeq"):
        headers.add(name, response.headers.get(name) or "")
    to = response.to
    headers.add("To", f"<{to.uri}>")
    headers.add("Contact", response.headers.get("From") or "")
    return Dialog.from_answer(SipRequest("INVITE", str(to.uri), headers, b""), response)
