"""Superiors that speak to cameras: announcements (语音广播), and talk both ways (语音对讲).

```text
Notify Broadcast ──▶ right ──▶ camera listens ──▶ Response OK ──▶ our INVITE ──▶ its sound ──▶ BYE
INVITE s=Talk    ──▶ right ──▶ camera listens ──▶ 200, ACK ──▶ sound both ways ──▶ BYE
```

Source: gb28181.md 6.11, 6.12, 8.6; GB-C107, GB-C115, GB-C116.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Final

from access.rights import Right
from cascade import refusals
from cascade.errors import CascadeError, SuperiorRefused, SuperiorSilent
from cascade.link import SuperiorLink
from cascade.ports import Calls, Loudspeakers
from cascade.rights.permits import Permit, Permits
from cascade.rights.trail import Asker, asker_of
from cascade.shown.catalogue import PresentedCatalogue
from cascade.streams.call import Call
from cascade.streams.relayed import names_of, usable_ssrc
from media.audio.errors import UnsupportedAudio
from media.audio.link import LinkTerms
from media.audio.packing import AudioFormat
from media.errors import MediaError
from sipserver.devices.audio import terms
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.errors import DeviceError
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp, MalformedText, SsrcExhausted
from sipserver.gb.manscdp import Document
from sipserver.gb.messages.broadcast import BroadcastNotify, BroadcastResponse
from sipserver.gb.sdp import Direction, SessionDescription, SessionKind, Setup
from sipserver.gb.ssrc import SsrcKind, SsrcPool, to_int
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError

MAX_CALLS: Final = 64
"""Of one superior, those included that are being set up."""
MAX_ENDED: Final = 1_000
INVITE_WAIT_S: Final = 10.0
ACK_WAIT_S: Final = 8.0
CONNECT_WAIT_S: Final = 8.0
BYE_TIMEOUT_S: Final = 5.0
TRANSPORT_REFUSALS: Final = frozenset({400, 415, 488, 500, 501, 606})
"""What is said to a transport that the other side cannot do."""

logger = logging.getLogger(__name__)


class SpeechDesk:
    """All calls of one superior."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        permits: Permits,
        speakers: Loudspeakers | None,
        calls: Calls,
        transport: SipTransport,
        ssrcs: SsrcPool,
        *,
        media_host: Callable[[Flow], str],
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._speakers = speakers
        self._table = calls
        self._transport = transport
        self._ssrcs = ssrcs
        self._media_host = media_host
        self._calls: list[Call] = []
        self._ended: deque[str] = deque(maxlen=MAX_ENDED)
        self.refused = 0

    @property
    def calls(self) -> list[Call]:
        return list(self._calls)

    # ---------------------------------------------------------------- what the superior sends

    def receive_notice(self, incoming: IncomingRequest, document: Document) -> None:
        """Answer a notice, and begin with what follows from it."""
        try:
            notice = BroadcastNotify.from_xml(document.element)
        except MalformedText as error:
            logger.info("superior %s announces, unreadable: %s", self._id, error)
            self._transport.respond(incoming, refusals.BAD_REQUEST)
            return
        self._transport.respond(incoming, 200)
        name = f"{notice.source_id} {notice.sn}"
        if any(call.name == name and call.presented == notice.target_id for call in self._calls):
            return  # the notice once more
        call = Call(name, str(notice.target_id), incoming.flow)
        self._begin(call, self._announce(call, notice, asker_of(incoming, self._id)))

    def receive_invite(self, incoming: IncomingRequest) -> bool:
        """Begin a talk; False when the INVITE is about something else."""
        request = incoming.request
        if request.to.tag is not None:
            if self._find(request) is None:
                return False
            self._refuse(incoming, refusals.NOT_ACCEPTABLE, "a call is not changed while it runs")
            return True
        try:
            offer = SessionDescription.parse(request.body)
        except MalformedSdp:
            return False
        if offer.kind != SessionKind.TALK or not terms.is_sound(offer) or self._speakers is None:
            return False
        call = Call(request.call_id, names_of(request, offer)[0], incoming.flow, incoming)
        if any(each.name == call.name for each in self._calls):
            self._refuse(incoming, refusals.LOOP, "the same INVITE by another way")
        else:
            self._table.add(incoming.key, call)
            self._begin(call, self._talk(call, incoming, offer))
        return True

    def receive_bye(self, incoming: IncomingRequest) -> bool:
        """End the call of this dialog; False when there is none, and never was."""
        call = self._find(incoming.request)
        if call is None or call.dialog is None:
            if incoming.request.call_id not in self._ended:
                return False
            self._transport.respond(incoming, 200)
            return True
        try:
            call.dialog.receive(incoming.request)
        except RemoteViolation as error:
            self._transport.respond(incoming, error.status)
            return True
        self._transport.respond(incoming, 200)
        call.remote_bye = True
        call.end("the superior said BYE")
        return True

    def end_all(self, reason: str) -> None:
        for call in self.calls:
            call.end(reason)

    async def close(self, reason: str) -> None:
        """End every call, and wait until both sides were told."""
        tasks = [call.task for call in self._calls if call.task is not None]
        self.end_all(reason)
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- announcements

    async def _announce(self, call: Call, notice: BroadcastNotify, asker: Asker) -> None:
        """Everything from the notice to BYE."""
        why = await self._reach(call, (call.presented,), asker, (AudioMode.AUTO,))
        response = BroadcastResponse(notice.sn, notice.target_id, ok=why is None)
        await self._link.send_document(response.to_xml())
        if why is not None:
            call.end(why[1])
            return
        over_tcp = self._link.superior.speech_tcp
        try:
            await self._ask(call, notice, over_tcp=over_tcp)
        except SuperiorRefused as error:
            if not over_tcp or error.status not in TRANSPORT_REFUSALS:
                raise
            logger.info("superior %s takes no sound over TCP: %s", self._id, error)
            call.drop_link()
            await self._ask(call, notice, over_tcp=False)
        await self._connect(call)
        call.join(both_ways=False)
        await call.run()

    async def _ask(self, call: Call, notice: BroadcastNotify, *, over_tcp: bool) -> None:
        """INVITE the superior for its sound.

        Raises:
            SuperiorSilent, SuperiorRefused, UnsupportedAudio, NoPortFree, SsrcExhausted
        """
        assert self._speakers is not None  # noqa: S101 - the camera was reached by it
        ssrc = self._take_ssrc(call)
        host = call.flow.remote[0]
        offer = terms.listening_offer(
            str(notice.target_id), self._media_host(call.flow), 0, ssrc, over_tcp=over_tcp
        )
        # Ours is the passive part, so it is we who listen: as for a peer that offers to connect.
        as_theirs = replace(offer, setup=Setup.ACTIVE) if over_tcp else offer
        link_terms = LinkTerms(AudioFormat(), to_int(ssrc), None, frozenset({host}))
        link = call.open_link(self._speakers, link_terms, as_theirs)
        response = await self._invite(call, notice, replace(offer, port=link.port))
        answer = SessionDescription.parse(response.body)
        _, audio_format = terms.choose(answer)
        number = to_int(sdp.expected_ssrc(offer, answer) or ssrc)
        link.change(
            LinkTerms(audio_format, number, terms.peer_address(answer, host), terms.peer_hosts(answer, host))
        )

    async def _invite(self, call: Call, notice: BroadcastNotify, offer: SessionDescription) -> SipResponse:
        superior = self._link.superior
        request = self._link.signalling.request("INVITE")
        request.uri = f"sip:{notice.source_id}@{superior.sip_domain}"
        request.headers.set("To", f"<{request.uri}>")
        request.headers.set("Subject", f"{notice.source_id}:{offer.ssrc},{notice.target_id}:{offer.ssrc}")
        request.headers.set("Content-Type", sdp.CONTENT_TYPE)
        request.body = offer.serialize()
        try:
            sent = self._transport.invite(request, call.flow)
            response = await call.unless_over(sent.final(INVITE_WAIT_S))
        except TransportError as error:
            raise SuperiorSilent(f"superior {self._id} was asked for its sound: {error}") from error
        if response is None:
            raise SuperiorSilent(f"superior {self._id} was asked for its sound, and then no more")
        if response.status >= 300:
            raise SuperiorRefused(
                f"superior {self._id} refuses its sound: {response.status} {response.reason}", response.status
            )
        call.dialog = Dialog.from_answer(request, response)
        sent.ack(call.dialog.make_ack())
        return response

    # ---------------------------------------------------------------- talk

    async def _talk(self, call: Call, incoming: IncomingRequest, offer: SessionDescription) -> None:
        """Everything from INVITE to BYE."""
        try:
            payload, audio_format = terms.choose(offer)
        except UnsupportedAudio as error:
            self._give_up(call, refusals.NOT_ACCEPTABLE, str(error))
            return
        # A way that brings the camera's sound back is tried first.
        names, asker = names_of(incoming.request, offer), asker_of(incoming, self._id)
        why = await self._reach(call, names, asker, (AudioMode.TALK, AudioMode.AUTO))
        if why is not None:
            self._give_up(call, *why)
            return
        assert self._speakers is not None  # noqa: S101 - the camera was reached by it
        plain = terms.with_setup(offer)
        host = call.flow.remote[0]
        ssrc = usable_ssrc(offer) or self._take_ssrc(call)
        link = call.open_link(
            self._speakers,
            LinkTerms(
                audio_format, to_int(ssrc), terms.peer_address(offer, host), terms.peer_hosts(offer, host)
            ),
            plain,
        )
        if call.over.is_set():
            return
        answer = terms.answer_to(plain, call.presented, self._media_host(call.flow), link.port, ssrc, payload)
        direction = Direction.SENDRECV if offer.direction in (None, Direction.SENDRECV) else answer.direction
        call.is_answered = True
        response = self._transport.respond(
            incoming,
            200,
            headers=[("Contact", self._link.signalling.contact)],
            body=replace(answer, kind=SessionKind.TALK, direction=direction).serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=self._transport.token(),
        )
        call.dialog = Dialog.from_request(incoming.request, response)
        call.awaits_ack = self._link.superior.awaits_ack
        if call.awaits_ack:
            await _either(call.acked, call.over, ACK_WAIT_S)
            if not call.acked.is_set():
                call.end("the superior never acknowledged our 200")
                return
        await self._connect(call)
        call.join(both_ways=True)
        await call.run()

    # ---------------------------------------------------------------- both

    @property
    def _id(self) -> str:
        return self._link.superior.superior_id

    def _find(self, request: SipRequest) -> Call | None:
        call_id = request.call_id
        for each in self._calls:
            if each.dialog is not None and each.dialog.call_id == call_id and each.dialog.matches(request):
                return each
        return None

    def _begin(self, call: Call, work: Coroutine[None, None, None]) -> None:
        self._calls.append(call)
        call.task = asyncio.get_running_loop().create_task(
            self._serve(call, work), name=f"call of {self._id}"
        )

    async def _serve(self, call: Call, work: Coroutine[None, None, None]) -> None:
        """Whatever happens, everything is given back."""
        try:
            await work
        except (CascadeError, DeviceError, MediaError, MalformedSdp, SsrcExhausted) as error:
            call.end(str(error))
            self._give_up(call, refusals.status_of(error), str(error))
        except Exception:
            logger.exception("a call of superior %s failed", self._id)
            self._give_up(call, refusals.FAILED, "an error of ours")
        finally:
            await self._tear_down(call)

    async def _reach(
        self, call: Call, names: tuple[str, ...], asker: Asker, modes: tuple[AudioMode, ...]
    ) -> tuple[int, str] | None:
        """Get the camera to listen; else the status, and why not."""
        if len(self._calls) > MAX_CALLS:
            return refusals.NO_CAPACITY, f"{MAX_CALLS} calls are open"
        shown = (await self._catalogue.tree()).channels
        call.presented = next((name for name in names if name in shown), names[0])
        entry = shown.get(call.presented)
        if entry is None or self._speakers is None:
            self._permits.refuse_unknown(Right.TALK, call.presented[:64], asker)
            return refusals.NOT_FOUND, f"{call.presented[:64]} is not presented"
        found = self._permits.hold(Right.TALK, entry, call.end, asker, guess="sub")
        if not isinstance(found, Permit):
            return refusals.status_of_decision(found), found.text
        call.permit = found
        self._permits.note("superior.talk", str(entry.paths[0]), asker)
        try:
            await call.reach(self._speakers, entry, modes, f"superior {self._id}")
        except DeviceError as error:
            logger.info("superior %s cannot speak to %s: %s", self._id, call.presented, error)
            return refusals.status_of(error), str(error)
        return None

    async def _connect(self, call: Call) -> None:
        """Be ready to hear; raises LinkFailed."""
        assert call.link is not None  # noqa: S101 - made before
        await call.unless_over(call.link.connect(CONNECT_WAIT_S))

    def _take_ssrc(self, call: Call) -> str:
        if not call.ssrc:
            call.ssrc = self._ssrcs.allocate(SsrcKind.LIVE, self._transport.clock())
        return call.ssrc

    async def _tear_down(self, call: Call) -> None:
        self._calls.remove(call)
        if call.key is not None:
            self._table.remove(call.key)
        if call.permit is not None:
            self._permits.release(call.permit)
        self._give_up(call, refusals.UNAVAILABLE_NOW, call.reason)
        ending = [call.close()]
        if call.dialog is not None:
            self._ended.append(call.dialog.call_id)
            if not call.remote_bye:
                ending.append(self._say_goodbye(call, call.dialog))
        for failure in await asyncio.gather(*ending, return_exceptions=True):
            if isinstance(failure, Exception):
                logger.error("a call of superior %s did not end cleanly", self._id, exc_info=failure)
        if call.ssrc:
            self._ssrcs.release(call.ssrc, self._transport.clock())
        logger.info(
            "superior %s no longer speaks to %s: %s", self._id, call.presented, call.reason or "refused"
        )

    async def _say_goodbye(self, call: Call, dialog: Dialog) -> None:
        try:
            await self._transport.request(dialog.make_request("BYE"), call.flow, timeout_s=BYE_TIMEOUT_S)
        except TransportError as error:
            logger.info("BYE to superior %s: %s", self._id, error)

    def _give_up(self, call: Call, status: int, why: str) -> None:
        call.end(why)
        if call.incoming is not None and not call.is_answered:
            call.is_answered = True
            self._refuse(call.incoming, status, why)

    def _refuse(self, incoming: IncomingRequest, status: int, why: str) -> None:
        self.refused += 1
        logger.info("superior %s is refused with %d: %s", self._id, status, why)
        self._transport.respond(incoming, status)


async def _either(first: asyncio.Event, second: asyncio.Event, timeout_s: float) -> None:
    waits = [asyncio.ensure_future(each.wait()) for each in (first, second)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
