"""Pictures that go up to one superior, live and recorded: INVITE, our source, RTP until BYE (B2BUA).

```text
INVITE ──▶ channel, limits ──▶ source ──▶ 200 with our port ──▶ ACK ──▶ RTP ──▶ [INFO] ──▶ [121] ──▶ BYE
```

Source: gb28181.md 6.8, 6.9, 8.4, 8.5; GB-C108, GB-C110, GB-C131, GB-C132.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from access.rights import Right, StreamChoice
from cascade import refusals
from cascade.link import SuperiorLink
from cascade.ports import Calls
from cascade.rights.permits import Permit, Permits
from cascade.rights.trail import asker_of
from cascade.shown.catalogue import PresentedCatalogue
from cascade.shown.presented import PresentedChannel
from cascade.streams.course import Course
from cascade.streams.relayed import RelayedStream, Unacceptable, check, late_offer, usable_ssrc
from cascade.streams.source_desk import SourceDesk
from cascade.streams.sources import StreamSource, Wanted
from media.errors import MediaError
from sipserver.devices.errors import DeviceError
from sipserver.gb import sdp
from sipserver.gb.editions import Edition
from sipserver.gb.errors import MalformedSdp, SsrcExhausted
from sipserver.gb.route_path import ROUTE_PATH, InviteRoute, Path, print_path
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.gb.ssrc import SsrcKind, SsrcPool
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError
from storage.errors import StorageError

MAX_STREAMS: Final = 1_000
"""Of one superior, those included that are being set up."""
MAX_ENDED: Final = 1_000
RIGHTS: Final = {
    SessionKind.PLAY: Right.LIVE,
    SessionKind.PLAYBACK: Right.PLAYBACK,
    SessionKind.DOWNLOAD: Right.DOWNLOAD,
}
BYE_TIMEOUT_S: Final = 5.0

logger = logging.getLogger(__name__)


class RelayDesk:
    """All streams of pictures to one superior."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        permits: Permits,
        sources: SourceDesk,
        calls: Calls,
        transport: SipTransport,
        ssrcs: SsrcPool,
        *,
        media_host: Callable[[Flow], str],
        platform_id: str = "",
    ) -> None:
        self._platform_id = platform_id
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._sources = sources
        self._calls = calls
        self._transport = transport
        self._ssrcs = ssrcs
        self._media_host = media_host
        self._streams: dict[ServerKey, RelayedStream] = {}
        self._ended: deque[str] = deque(maxlen=MAX_ENDED)
        """Call-IDs: a BYE that is said again is answered again."""
        self._course = Course(link, transport)
        self.refused = 0

    @property
    def streams(self) -> list[RelayedStream]:
        return list(self._streams.values())

    # ---------------------------------------------------------------- what the superior sends

    def receive_invite(self, incoming: IncomingRequest) -> None:
        """Begin to serve an INVITE, or refuse it at once."""
        request = incoming.request
        if request.to.tag is not None:
            status = refusals.NOT_ACCEPTABLE if self._find(request) else refusals.NO_DIALOG
            self._refuse(incoming, status, "a session is not changed while it runs")
            return
        route = InviteRoute.of(request)
        if route.is_ring(self._own_ids) or any(each.is_same_invite(request) for each in self.streams):
            self._refuse(incoming, refusals.LOOP, "it came round, or the same INVITE comes by another way")
            return
        try:
            offer = SessionDescription.parse(request.body) if request.body else late_offer(self._id)
            check(offer)
        except (MalformedSdp, Unacceptable) as error:
            self._refuse(incoming, refusals.NOT_ACCEPTABLE, str(error))
            return
        if len(self._streams) >= MAX_STREAMS:
            self._refuse(incoming, refusals.NO_CAPACITY, f"{MAX_STREAMS} streams are open")
            return
        stream = RelayedStream(incoming, offer, route.passed_by(self._own_ids))
        for former in self.streams:
            # GB/T 28181-2022 annex K: the same key in the Subject replaces the stream that runs.
            if stream.subject[1] and former.subject == stream.subject:
                former.end("the superior asked again")
        self._streams[stream.key] = stream
        self._calls.add(stream.key, stream)
        stream.task = asyncio.get_running_loop().create_task(self._serve(stream), name=f"relay to {self._id}")

    def receive_bye(self, incoming: IncomingRequest) -> bool:
        """End the stream of this dialog; False when there is none, and never was."""
        stream = self._find(incoming.request)
        if stream is None or stream.dialog is None:
            if incoming.request.call_id in self._ended:
                self._transport.respond(incoming, 200)
                return True
            return False
        try:
            stream.dialog.receive(incoming.request)
        except RemoteViolation as error:
            self._transport.respond(incoming, error.status)
            return True
        self._transport.respond(incoming, 200)
        stream.remote_bye = True
        stream.end("the superior said BYE")
        return True

    def receive_info(self, incoming: IncomingRequest) -> bool:
        """Obey a control inside the dialog of a stream; False when there is no such dialog."""
        stream = self._find(incoming.request)
        if stream is None or stream.dialog is None:
            return False
        self._course.receive_control(stream, stream.dialog, incoming)
        return True

    def end_all(self, reason: str) -> None:
        for stream in self.streams:
            stream.end(reason)

    async def close(self, reason: str) -> None:
        """End every stream and wait until the superior was told."""
        tasks = [stream.task for stream in self.streams if stream.task is not None]
        self.end_all(reason)
        await asyncio.gather(*tasks, self._course.close(), return_exceptions=True)

    # ---------------------------------------------------------------- from INVITE to 200

    @property
    def _id(self) -> str:
        return self._link.superior.superior_id

    @property
    def _own_ids(self) -> tuple[str, str]:
        """As this superior knows us, and as all others may."""
        return self._link.superior.own_id, self._platform_id

    def _find(self, request: SipRequest) -> RelayedStream | None:
        call_id = request.call_id
        for each in self._streams.values():
            if each.dialog is not None and each.dialog.call_id == call_id and each.dialog.matches(request):
                return each
        return None

    async def _serve(self, stream: RelayedStream) -> None:
        """From INVITE to BYE; whatever happens, everything is given back."""
        try:
            if await self._set_up(stream):
                await self._course.run(stream)
        except Exception:
            logger.exception("a stream to superior %s failed", self._id)
        finally:
            await self._tear_down(stream)

    async def _set_up(self, stream: RelayedStream) -> bool:
        shown = (await self._catalogue.tree()).channels
        stream.presented = next((name for name in stream.names if name in shown), stream.presented)
        entry = shown.get(stream.presented)
        if entry is None:
            asker = asker_of(stream.incoming, self._id)
            self._permits.refuse_unknown(RIGHTS[stream.kind], stream.presented[:64], asker)
            self._give_up(stream, refusals.NOT_FOUND, f"{stream.presented[:64]} is not presented")
            return False
        if not self._is_permitted(stream, entry):
            return False
        try:
            source = stream.source = await self._open(stream, entry)
            if source is None:
                return False
            stream.ssrc = self._ssrc_for(stream)
            stream.sender = source.session.attach_sender(
                stream.sender_request(f"{self._id} {stream.presented}")
            )
        except (DeviceError, StorageError, MediaError, SsrcExhausted) as error:
            self._give_up(stream, refusals.status_of(error), str(error), refusals.route_of(error))
            return False
        if stream.over.is_set():
            return False
        sender = stream.sender
        if stream.permit is not None:
            stream.permit.measure = lambda: sender.stats().payload_bytes
        sender.on_started = source.ready
        sender.on_closed = stream.sender_closed
        self._answer(stream, source, sender.local_port)
        if not self._link.superior.awaits_ack:
            stream.awaits_ack = False
            stream.start()
        return True

    def _is_permitted(self, stream: RelayedStream, entry: PresentedChannel) -> bool:
        action, asker = RIGHTS[stream.kind], asker_of(stream.incoming, self._id)
        guess = "sub" if self._wanted(stream).stream_number else "main"
        found = self._permits.hold(action, entry, stream.end, asker, guess=guess)
        if isinstance(found, Permit):
            stream.permit = found
            self._permits.note(f"superior.{action}", str(entry.paths[0]), asker)
            return True
        self._give_up(stream, refusals.status_of_decision(found), found.text)
        return False

    def _wanted(self, stream: RelayedStream) -> Wanted:
        """What is asked for; which of the camera's live streams it is, its limits may choose."""
        wanted = stream.wanted(stream.presented)
        if stream.kind is not SessionKind.PLAY:
            return wanted
        match self._permits.limits.stream:
            case StreamChoice.MAIN:
                return replace(wanted, stream_number=None)
            case StreamChoice.SUB:
                return replace(wanted, stream_number=1)
            case _:
                return wanted

    async def _open(self, stream: RelayedStream, entry: PresentedChannel) -> StreamSource | None:
        """The source; None when the superior gave up meanwhile."""
        opening = asyncio.ensure_future(self._sources.open(self._wanted(stream), entry))
        given_up = asyncio.ensure_future(stream.over.wait())
        try:
            await asyncio.wait((opening, given_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            given_up.cancel()
        if opening.done():
            return opening.result()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        return None

    def _ssrc_for(self, stream: RelayedStream) -> str:
        """The superior's, where it gave one that means something; else of our own domain (GB-C132)."""
        asked = usable_ssrc(stream.offer)
        if asked is not None and self._link.superior.takes_ssrc:
            return asked
        kind = SsrcKind.LIVE if stream.kind is SessionKind.PLAY else SsrcKind.HISTORY
        ssrc = self._ssrcs.allocate(kind, self._transport.clock())
        stream.allocated = True
        return ssrc

    def _answer(self, stream: RelayedStream, source: StreamSource, port: int) -> None:
        is_download = stream.kind is SessionKind.DOWNLOAD
        answer = sdp.make_answer(
            stream.offer,
            stream.presented,
            self._media_host(stream.flow),
            port,
            ssrc=stream.ssrc,
            payload=stream.payload,
            file_size=source.file_size if is_download else None,
        )
        stream.is_answered = True
        response = self._transport.respond(
            stream.incoming,
            200,
            headers=[("Contact", self._link.signalling.contact), *self._route_header(source.route_path)],
            body=replace(answer, stream_number=stream.offer.stream_number).serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=self._transport.token(),
        )
        stream.dialog = Dialog.from_request(stream.incoming.request, response)

    # ---------------------------------------------------------------- the end

    async def _tear_down(self, stream: RelayedStream) -> None:
        if not stream.is_answered:
            self._give_up(stream, refusals.UNAVAILABLE_NOW, stream.reason)
        if stream.farewell is not None:
            stream.farewell.cancel()
        self._calls.remove(stream.key)
        self._streams.pop(stream.key, None)
        if stream.permit is not None:
            self._permits.release(stream.permit)
        if stream.sender is not None and stream.sender.end is None:
            stream.sender.on_closed = stream.sender.on_started = None
            stream.sender.close(stream.reason)
        if stream.allocated:
            self._ssrcs.release(stream.ssrc, self._transport.clock())
        ending = [stream.source.release()] if stream.source is not None else []
        if stream.dialog is not None:
            self._ended.append(stream.dialog.call_id)
            if not stream.remote_bye:
                ending.append(self._say_goodbye(stream, stream.dialog))
        for failure in await asyncio.gather(*ending, return_exceptions=True):
            if isinstance(failure, Exception):
                logger.error("a stream to superior %s did not end cleanly", self._id, exc_info=failure)
        logger.info(
            "%s of %s to superior %s ended: %s",
            stream.kind,
            stream.presented,
            self._id,
            stream.reason or "refused",
        )

    async def _say_goodbye(self, stream: RelayedStream, dialog: Dialog) -> None:
        try:
            bye = dialog.make_request("BYE")
            await self._transport.request(bye, stream.flow, timeout_s=BYE_TIMEOUT_S)
        except TransportError as error:
            logger.info("BYE to superior %s: %s", self._id, error)

    def _give_up(self, stream: RelayedStream, status: int, why: str, below: Path = ()) -> None:
        stream.end(why)
        if not stream.is_answered:
            stream.is_answered = True
            self._refuse(stream.incoming, status, why, below)

    def _refuse(self, incoming: IncomingRequest, status: int, why: str, below: Path = ()) -> None:
        self.refused += 1
        logger.info("superior %s is refused with %d: %s", self._id, status, why)
        self._transport.respond(incoming, status, headers=self._route_header(below))

    def _route_header(self, below: Path) -> list[tuple[str, str]]:
        """The way that was taken, with ourselves in front (GB-C136); editions before 2022 do not have it."""
        superior = self._link.superior
        if superior.edition is not Edition.V3_0:
            return []
        return [(ROUTE_PATH, print_path((superior.own_id, *below)))]
