"""What happens to a stream between our 200 and its BYE: controls, and the end of what was asked for.

Source: gb28181.md 6.8, 6.9, 8.5; GB-C108, GB-C110, GB-C131.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from cascade import refusals
from cascade.link import SuperiorLink
from cascade.streams.relayed import RelayedStream
from cascade.streams.sources import ControlRefused, StreamSource
from sipserver.gb import manscdp
from sipserver.gb.errors import MalformedMansrtsp
from sipserver.gb.ids import GbId
from sipserver.gb.mansrtsp import Control, Method
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError

MAX_CONTROLS: Final = 16
"""INFOs of one stream that are not answered yet; more are refused with 503."""
TELL_TIMEOUT_S: Final = 5.0
END_BYE_WAIT_S: Final = 30.0
"""After MediaStatus 121 the superior says BYE; if not, we do."""
TEARDOWN_BYE_WAIT_S: Final = 5.0
SOURCE_END_WAIT_S: Final = 5.0
DRAIN_MAX_S: Final = 10.0
DRAIN_LOOK_S: Final = 0.25
"""A little more than the age that figures of a sender may have."""

logger = logging.getLogger(__name__)


class Course:
    """The course of all streams to one superior."""

    def __init__(self, link: SuperiorLink, transport: SipTransport) -> None:
        self._link = link
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for the controls that are being obeyed; their streams have ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def receive_control(self, stream: RelayedStream, dialog: Dialog, incoming: IncomingRequest) -> None:
        """Begin to obey an INFO inside a dialog, or refuse it at once."""
        try:
            dialog.receive(incoming.request)
            control = Control.parse(incoming.request.body)
        except RemoteViolation as error:
            self._transport.respond(incoming, error.status)
            return
        except MalformedMansrtsp as error:
            logger.info("superior %s controls a stream, unreadable: %s", self._id, error)
            self._transport.respond(incoming, refusals.BAD_REQUEST)
            return
        if stream.controls >= MAX_CONTROLS or stream.over.is_set():
            self._transport.respond(
                incoming, refusals.NO_DIALOG if stream.over.is_set() else refusals.NO_CAPACITY
            )
            return
        stream.controls += 1
        task = asyncio.get_running_loop().create_task(
            self._obey(stream, incoming, control), name=f"control of {self._id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _id(self) -> str:
        return self._link.superior.superior_id

    async def run(self, stream: RelayedStream) -> None:
        """Until one side has had enough, or everything was sent."""
        source = stream.source
        assert source is not None  # noqa: S101 - _set_up has made it
        while not stream.over.is_set():
            await _first(stream.over, source.over, stream.sender_gone)
            if stream.over.is_set():
                return
            if not source.over.is_set():
                await _first(stream.over, source.over, timeout_s=SOURCE_END_WAIT_S)
            if not (source.over.is_set() and source.is_complete):
                stream.end(source.reason or "the source ended")
            elif not await self._tell_end(stream, source):
                return

    async def _tell_end(self, stream: RelayedStream, source: StreamSource) -> bool:
        """MediaStatus 121 behind the last packet, then BYE; True when a control led back (GB-C110)."""
        await self._drain(stream)
        stream.moved.clear()
        if stream.over.is_set() or stream.dialog is None or not source.over.is_set():
            return not stream.over.is_set()
        superior = self._link.superior
        status = MediaStatus(self._link.signalling.next_sn(), GbId(stream.presented))
        body = manscdp.serialize_document(status.to_xml(), superior.charset)
        request = stream.dialog.make_request("MESSAGE", body=body, content_type=manscdp.CONTENT_TYPE)
        try:
            response = await self._transport.request(
                request, stream.flow, timeout_s=TELL_TIMEOUT_S, abandon=True
            )
            if response.status == refusals.NO_DIALOG:
                stream.end("the superior has forgotten it")
        except TransportError as error:
            logger.info("superior %s was not told the end: %s", self._id, error)
        await _first(stream.over, stream.moved, timeout_s=END_BYE_WAIT_S)
        if stream.moved.is_set() and not stream.over.is_set():
            return True
        stream.end(source.reason)
        return False

    async def _drain(self, stream: RelayedStream) -> None:
        """Until what was handed to the sender has left it."""
        deadline, before = self._transport.clock() + DRAIN_MAX_S, -1
        while stream.sender is not None and stream.sender.end is None and not stream.over.is_set():
            stats = stream.sender.stats()
            if (stats.queued_bytes == 0 and stats.packets == before) or self._transport.clock() > deadline:
                return
            before = stats.packets
            await _first(stream.over, stream.sender_gone, timeout_s=DRAIN_LOOK_S)

    async def _obey(self, stream: RelayedStream, incoming: IncomingRequest, control: Control) -> None:
        """One control after the other, each answered."""
        source = stream.source
        try:
            async with stream.obeying:
                if source is None or stream.over.is_set():
                    self._transport.respond(incoming, refusals.NO_DIALOG)
                    return
                answer = await source.control(control, incoming.request.body)
            self._transport.respond(
                incoming, answer.status, body=answer.body, content_type=answer.content_type
            )
            if answer.status < 300:
                self._obeyed(stream, source, control)
        except ControlRefused as error:
            logger.info("superior %s is refused a control: %s", self._id, error)
            self._transport.respond(incoming, error.status)
        except Exception:
            logger.exception("a control of superior %s failed", self._id)
            self._transport.respond(incoming, refusals.FAILED)
        finally:
            stream.controls -= 1

    def _obeyed(self, stream: RelayedStream, source: StreamSource, control: Control) -> None:
        if control.method is Method.TEARDOWN and stream.farewell is None:
            # BYE follows; one that never does must not keep the stream (gb28181.md 6.8).
            stream.farewell = asyncio.get_running_loop().call_later(
                TEARDOWN_BYE_WAIT_S, stream.end, "the superior tore it down"
            )
        elif not source.over.is_set():
            stream.moved.set()


async def _first(*events: asyncio.Event, timeout_s: float | None = None) -> None:
    """Wait until one of them is set, or time is over."""
    waits = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
