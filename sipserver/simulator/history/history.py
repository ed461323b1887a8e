"""Recordings of a simulated device: RecordInfo, playback and download, their control and their end."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sipserver.gb import manscdp
from sipserver.gb.editions import Edition, Feature, allows
from sipserver.gb.errors import MalformedMansrtsp
from sipserver.gb.gb_time import from_unix
from sipserver.gb.manscdp import Document, Element
from sipserver.gb.mansrtsp import CONTENT_TYPE, MANSRTSP, RTSP, Answer, Control, Method, NptRange
from sipserver.gb.messages.media_status import MediaStatus
from sipserver.gb.messages.record_info import RecordItem, RecordQuery, record_fragments
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.simulator.channel import Channel
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.history.recordings import RecordedSpan, item_of, spans_between
from sipserver.simulator.history.sender import HistorySender
from sipserver.simulator.history.source import KEYFRAMES_ALONE_FROM, HistorySource
from sipserver.simulator.invites import ServedInvite
from sipserver.simulator.sender import RtpSender
from sipserver.sip.errors import LocalViolation
from sipserver.transport.driver import IncomingRequest
from sipserver.transport.errors import TransportError

LONGEST_S: Final = 7 * 86_400

logger = logging.getLogger(__name__)


class History:
    """The recorder of a device."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._tasks: set[asyncio.Task[None]] = set()
        self.controls: list[Control] = []
        """What INFO asked for, oldest first."""
        parts.commands["Query", "RecordInfo"] = self._answer_query
        parts.request_handlers.setdefault("INFO", []).append(self._receive_info)
        parts.invites.kinds[SessionKind.PLAYBACK] = self
        parts.invites.kinds[SessionKind.DOWNLOAD] = self

    async def open(self) -> None:
        """Nothing to prepare: pictures are made when they are asked for."""

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- RecordInfo

    def _answer_query(self, document: Document) -> list[Element]:
        query = RecordQuery.from_xml(document.element)
        behaviour, settings = self._parts.behaviour, self._parts.settings
        if behaviour.ignores_record_query:
            return []
        items = self._items(query)
        if behaviour.record_cap:
            items = items[: behaviour.record_cap]
        fragments = record_fragments(
            query.sn, query.device_id, items, settings.record_fragment_size, settings.name
        )
        if behaviour.loses_record_fragment and len(fragments) > 1:
            del fragments[len(fragments) // 2]
        if behaviour.shuffles_records:
            fragments = [fragment for fragment in reversed(fragments) for _ in range(2)]
        return [fragment.to_xml() for fragment in fragments]

    def _items(self, query: RecordQuery) -> list[RecordItem]:
        channel, behaviour = self._parts.channels.get(query.device_id), self._parts.behaviour
        if channel is None or (behaviour.record_needs_type and not query.record_type):
            return []
        if behaviour.record_refuses_type and query.record_type:
            return []
        location = self._parts.settings.device_id if query.indistinct else ""
        found = []
        for span in self._spans(query.start, query.end):
            if query.record_type in ("", "all", span.record_type):
                item = item_of(channel.channel_id, span, channel.pictures.bitrate_kbps)
                found.append(item if not location else _located(item, location))
        return found

    def _spans(self, start: datetime, end: datetime) -> list[RecordedSpan]:
        settings = self._parts.settings
        return spans_between(settings.recordings, settings.recorded_days, start, end, datetime.now(UTC))

    # ---------------------------------------------------------------- streams

    def refusal(self, channel: Channel, offer: SessionDescription) -> int:
        """The status that refuses an offer, 0 when it can be served."""
        start, end = self._asked(offer)
        if not timedelta(0) < end - start <= timedelta(seconds=LONGEST_S):
            return 488
        return 0 if self._spans(start, end) else 404

    def file_size(self, offer: SessionDescription) -> int | None:
        """For ``a=filesize``."""
        stated = self._parts.behaviour.stated_size_bytes
        return stated if stated and offer.kind == SessionKind.DOWNLOAD else None

    async def open_sender(self, served: ServedInvite, connected: socket.socket) -> RtpSender:
        behaviour, offer = self._parts.behaviour, served.offer
        start, end = self._asked(offer)
        source = HistorySource(
            served.channel.pictures,
            self._spans(start, end),
            start,
            end,
            served.media.transport,
            behaviour.with_map,
            behaviour.early_playback_s,
        )
        served.source = source
        speed = float(max(offer.download_speed or 1, 1)) if offer.kind == SessionKind.DOWNLOAD else 1.0
        return HistorySender(
            source,
            served.ssrc,
            served.media.transport,
            connected=connected,
            speed=speed,
            on_end=lambda: self._ended(served),
        )

    def _asked(self, offer: SessionDescription) -> tuple[datetime, datetime]:
        """The interval of t=, as this device understands it."""
        shift = self._parts.behaviour.time_shift_s
        return from_unix(offer.start - shift), from_unix(offer.stop - shift)

    # ---------------------------------------------------------------- the end

    def _ended(self, served: ServedInvite) -> None:
        if self._parts.behaviour.bye_at_end:
            self._parts.invites.say_goodbye(served)
        elif not self._parts.behaviour.hides_end:
            self._spawn(self._tell_end(served))

    async def _tell_end(self, served: ServedInvite) -> None:
        """MediaStatus 121, in the dialog as the standard says, or outside of it (Q68)."""
        parts, signalling = self._parts, self._parts.signalling
        sender_id = served.channel.channel_id
        try:
            if parts.behaviour.end_outside_dialog:
                status = MediaStatus(signalling.next_sn(), sender_id)
                await signalling.send_message(status.to_xml())
                return
            body = manscdp.serialize_document(
                MediaStatus(signalling.next_sn(), sender_id).to_xml(), parts.settings.charset
            )
            request = served.dialog.make_request("MESSAGE", body=body, content_type=manscdp.CONTENT_TYPE)
            await signalling.transport.request(
                request, served.flow, timeout_s=parts.settings.answer_timeout_s
            )
        except (TransportError, LocalViolation) as error:
            logger.info("%s: the end could not be told: %s", sender_id, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---------------------------------------------------------------- control

    def _receive_info(self, incoming: IncomingRequest) -> bool:
        served = self._parts.invites.find(incoming.request)
        if served is None or not isinstance(served.sender, HistorySender):
            self._respond(incoming, 481)
            return True
        try:
            control = Control.parse(incoming.request.body)
        except MalformedMansrtsp as error:
            logger.info("INFO that cannot be read: %s", error)
            self._respond(incoming, 400)
            return True
        status = self._refusal_of(control)
        if status == 0:
            self.controls.append(control)
            self._obey(served.sender, control)
        self._respond(incoming, status or 200, control, served.sender)
        return True

    def _refusal_of(self, control: Control) -> int:
        behaviour = self._parts.behaviour
        expected = MANSRTSP if behaviour.old_start_line else RTSP
        if control.start_line != expected and (behaviour.old_start_line or control.start_line != MANSRTSP):
            return 400
        if control.scale is not None:
            may_reverse = allows(self._parts.settings.edition, Feature.NEGATIVE_SCALE)
            if (behaviour.refuses_scale and control.scale != 1.0) or (control.scale < 0 and not may_reverse):
                return 400
        moves = control.npt is not None and control.npt.start_s is not None
        return 400 if behaviour.refuses_seek and moves else 0

    def _obey(self, sender: HistorySender, control: Control) -> None:
        if control.method is not Method.PLAY:
            sender.is_paused = True
            return
        if control.npt is not None and control.npt.start_s is not None:
            sender.history.seek(control.npt.start_s)
        if control.scale is not None and not self._parts.behaviour.ignores_scale:
            scale = max(control.scale, -1.0) if control.scale < 0 else control.scale
            sender.history.change_speed(scale)
            sender.change_speed(scale)
            if abs(scale) >= KEYFRAMES_ALONE_FROM:
                sender.show_keyframes()
        sender.resume()

    def _respond(
        self,
        incoming: IncomingRequest,
        status: int,
        control: Control | None = None,
        sender: HistorySender | None = None,
    ) -> None:
        """With a body from devices of 2022, without one from the rest."""
        transport = self._parts.signalling.transport
        if control is None or sender is None or status != 200 or self._parts.settings.edition < Edition.V3_0:
            transport.respond(incoming, status)
            return
        answer = Answer(200, control.cseq, npt=NptRange(max(sender.history.at_s, 0.0)))
        transport.respond(incoming, 200, body=answer.serialize(), content_type=CONTENT_TYPE)


def _located(item: RecordItem, location: str) -> RecordItem:
    return replace(item, location=location)
