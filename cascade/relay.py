"""Live pictures that go up to one superior: its INVITE, our source, RTP until somebody says BYE (B2BUA).

```text
INVITE ──▶ channel, limits ──▶ picture held ──▶ 200 with our port ──▶ ACK ──▶ RTP ──▶ BYE of either side
```

Source: gb28181.md 8.4, 8.5; GB-C131, GB-C132.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from access.rights import Right, StreamChoice
from cascade import refusals
from cascade.catalogue import PresentedCatalogue
from cascade.link import SuperiorLink
from cascade.permits import Permit, Permits
from cascade.ports import Calls, HeldPicture, LivePictures
from cascade.presented import PresentedChannel
from cascade.trail import asker_of
from media.errors import MediaError
from media.outputs.rtp import RtpSender, SenderRequest
from media.session import MediaTransport
from sipserver.devices.errors import DeviceError
from sipserver.devices.stream_request import LiveStream
from sipserver.gb import sdp
from sipserver.gb.errors import MalformedSdp, SsrcExhausted
from sipserver.gb.sdp import SessionDescription, SessionKind, Setup
from sipserver.gb.ssrc import SsrcPool, to_int
from sipserver.sip.dialog import Dialog
from sipserver.sip.errors import RemoteViolation
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest, SipTransport
from sipserver.transport.errors import TransportError

MAX_STREAMS: Final = 1_000
"""Of one superior, those included that are being set up."""
BYE_TIMEOUT_S: Final = 5.0

logger = logging.getLogger(__name__)


class RelayedStream:
    """One INVITE of a superior and all that hangs on it. ``end`` is harmless when repeated."""

    def __init__(self, incoming: IncomingRequest, offer: SessionDescription, presented: str) -> None:
        self.incoming: Final = incoming
        self.offer: Final = offer
        self.presented: Final = presented
        self.subject: Final = _subject_key(incoming.request)
        self.ssrc = ""
        self.allocated = False
        self.permit: Permit | None = None
        self.held: HeldPicture | None = None
        self.sender: RtpSender | None = None
        self.dialog: Dialog | None = None
        self.task: asyncio.Task[None] | None = None
        self.over = asyncio.Event()
        self.reason = ""
        self.is_answered = False
        """A final answer went out."""
        self.remote_bye = False

    @property
    def key(self) -> ServerKey:
        return self.incoming.key

    @property
    def flow(self) -> Flow:
        return self.incoming.flow

    def acknowledged(self, _ack: SipRequest) -> None:
        """Media starts with the ACK (gb28181.md 8.5)."""
        if self.sender is not None:
            self.sender.start()

    def abandoned(self, reason: str) -> None:
        # A CANCEL that is in time has been answered with 487.
        self.is_answered = True
        self.end(reason)

    def end(self, reason: str) -> None:
        if not self.over.is_set():
            self.reason = reason
            self.over.set()


class RelayDesk:
    """All streams to one superior."""

    def __init__(
        self,
        link: SuperiorLink,
        catalogue: PresentedCatalogue,
        permits: Permits,
        pictures: LivePictures,
        calls: Calls,
        transport: SipTransport,
        ssrcs: SsrcPool,
        *,
        media_host: Callable[[Flow], str],
    ) -> None:
        self._link = link
        self._catalogue = catalogue
        self._permits = permits
        self._pictures = pictures
        self._calls = calls
        self._transport = transport
        self._ssrcs = ssrcs
        self._media_host = media_host
        self._streams: dict[ServerKey, RelayedStream] = {}
        self.refused = 0

    @property
    def streams(self) -> list[RelayedStream]:
        return list(self._streams.values())

    # ---------------------------------------------------------------- what the superior sends

    def receive_invite(self, incoming: IncomingRequest) -> None:
        """Begin to serve an INVITE, or refuse it at once."""
        try:
            offer = SessionDescription.parse(incoming.request.body)
        except MalformedSdp as error:
            self._refuse(incoming, refusals.NOT_ACCEPTABLE, str(error))
            return
        if offer.kind != SessionKind.PLAY or offer.media != "video":
            self._refuse(incoming, refusals.NOT_ACCEPTABLE, f"s={offer.kind} of {offer.media} is not relayed")
            return
        if len(self._streams) >= MAX_STREAMS:
            self._refuse(incoming, refusals.NO_CAPACITY, f"{MAX_STREAMS} streams are open")
            return
        stream = RelayedStream(incoming, offer, _asked_for(incoming.request))
        for former in self.streams:
            # GB/T 28181-2022 annex K: the same key in the Subject replaces the stream that runs.
            if stream.subject and former.subject == stream.subject:
                former.end("the superior asked again")
        self._streams[stream.key] = stream
        self._calls.add(stream.key, stream)
        stream.task = asyncio.get_running_loop().create_task(
            self._serve(stream), name=f"relay to {self._link.superior.superior_id}"
        )

    def receive_bye(self, incoming: IncomingRequest) -> bool:
        """End the stream of this dialog; False when there is none."""
        stream = self._find(incoming.request)
        if stream is None or stream.dialog is None:
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

    def end_all(self, reason: str) -> None:
        for stream in self.streams:
            stream.end(reason)

    async def close(self, reason: str) -> None:
        """End every stream and wait until the superior was told."""
        tasks = [stream.task for stream in self.streams if stream.task is not None]
        self.end_all(reason)
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---------------------------------------------------------------- inside

    def _find(self, request: SipRequest) -> RelayedStream | None:
        return next(
            (each for each in self.streams if each.dialog is not None and each.dialog.matches(request)), None
        )

    async def _serve(self, stream: RelayedStream) -> None:
        """From INVITE to BYE; whatever happens, everything is given back."""
        try:
            if await self._set_up(stream):
                await self._run(stream)
        except Exception:
            logger.exception("a stream to superior %s failed", self._link.superior.superior_id)
        finally:
            await self._tear_down(stream)

    async def _set_up(self, stream: RelayedStream) -> bool:
        entry = (await self._catalogue.tree()).channels.get(stream.presented)
        if entry is None:
            self._give_up(stream, refusals.NOT_FOUND, f"{stream.presented} is not presented")
            return False
        if not self._is_permitted(stream, entry):
            return False
        try:
            held = await self._hold(stream, entry)
            if held is None:
                return False
            stream.held = held
            stream.ssrc = self._ssrc_for(stream)
            stream.sender = held.session.attach_sender(self._sender_request(stream))
        except (DeviceError, MediaError, SsrcExhausted) as error:
            self._give_up(stream, refusals.status_of(error), str(error))
            return False
        if stream.over.is_set():
            return False
        sender = stream.sender
        if stream.permit is not None:
            stream.permit.measure = lambda: sender.stats().payload_bytes
        sender.on_closed = lambda end: stream.end(f"the sender ended: {end}")
        self._answer(stream, sender.local_port)
        return True

    def _is_permitted(self, stream: RelayedStream, entry: PresentedChannel) -> bool:
        asker = asker_of(stream.incoming, self._link.superior.superior_id)
        is_sub = self._wanted(stream) is LiveStream.SUB
        found = self._permits.hold(Right.LIVE, entry, stream.end, asker, guess="sub" if is_sub else "main")
        if isinstance(found, Permit):
            stream.permit = found
            self._permits.note("superior.live", str(entry.paths[0]), asker)
            return True
        self._give_up(stream, refusals.status_of_decision(found), found.text)
        return False

    def _wanted(self, stream: RelayedStream) -> LiveStream:
        """Which of the camera's streams: as the superior asks, unless its limits choose."""
        match self._permits.limits.stream:
            case StreamChoice.MAIN:
                return LiveStream.MAIN
            case StreamChoice.SUB:
                return LiveStream.SUB
            case _:
                return LiveStream.SUB if stream.offer.stream_number else LiveStream.MAIN

    async def _hold(self, stream: RelayedStream, entry: PresentedChannel) -> HeldPicture | None:
        """The picture by the first way that works; None when the superior gave up meanwhile."""
        wanted = self._wanted(stream)
        error: DeviceError | None = None
        tag = f"superior {self._link.superior.superior_id}"
        for key in entry.paths:
            holding = asyncio.ensure_future(self._pictures.hold(key, "relay", tag=tag, stream=wanted))
            given_up = asyncio.ensure_future(stream.over.wait())
            try:
                await asyncio.wait((holding, given_up), return_when=asyncio.FIRST_COMPLETED)
            finally:
                given_up.cancel()
            if not holding.done():
                holding.cancel()
                return None
            try:
                return holding.result()
            except DeviceError as failure:
                error = failure
        if error is not None:
            raise error
        return None

    def _ssrc_for(self, stream: RelayedStream) -> str:
        """The superior's, where it gave one that means something; else of our own domain (GB-C132)."""
        asked = stream.offer.ssrc
        if asked is not None and asked.strip("0"):
            return asked
        stream.allocated = True
        return self._ssrcs.allocate("live", self._transport.clock())

    def _sender_request(self, stream: RelayedStream) -> SenderRequest:
        offer = stream.offer
        kind = MediaTransport.UDP
        if offer.is_tcp:
            is_ours = (offer.setup or Setup.PASSIVE) is Setup.PASSIVE
            kind = MediaTransport.TCP_ACTIVE if is_ours else MediaTransport.TCP_PASSIVE
        return SenderRequest(
            transport=kind,
            ssrc=to_int(stream.ssrc) & 0xFFFFFFFF,
            host=offer.host or stream.flow.remote[0],
            port=0 if kind is MediaTransport.TCP_PASSIVE else offer.port,
            label=f"{self._link.superior.superior_id} {stream.presented}",
        )

    def _answer(self, stream: RelayedStream, port: int) -> None:
        host = self._media_host(stream.flow)
        answer = sdp.make_answer(stream.offer, stream.presented, host, port, ssrc=stream.ssrc)
        stream.is_answered = True
        response = self._transport.respond(
            stream.incoming,
            200,
            headers=[("Contact", self._link.signalling.contact)],
            body=replace(answer, stream_number=stream.offer.stream_number).serialize(),
            content_type=sdp.CONTENT_TYPE,
            to_tag=self._transport.token(),
        )
        stream.dialog = Dialog.from_request(stream.incoming.request, response)

    async def _run(self, stream: RelayedStream) -> None:
        """Until one side has had enough."""
        held = stream.held
        assert held is not None  # noqa: S101 - _set_up has made it
        waits = [asyncio.ensure_future(each.wait()) for each in (stream.over, held.lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        stream.end(held.lost_reason or "the picture ended")

    async def _tear_down(self, stream: RelayedStream) -> None:
        if not stream.is_answered:
            self._give_up(stream, refusals.UNAVAILABLE_NOW, stream.reason)
        self._calls.remove(stream.key)
        self._streams.pop(stream.key, None)
        if stream.permit is not None:
            self._permits.release(stream.permit)
        if stream.sender is not None and stream.sender.end is None:
            stream.sender.on_closed = None
            stream.sender.close(stream.reason)
        if stream.held is not None:
            await stream.held.release()
        if stream.allocated:
            self._ssrcs.release(stream.ssrc, self._transport.clock())
        if stream.dialog is not None and not stream.remote_bye:
            await self._say_goodbye(stream, stream.dialog)
        logger.info(
            "%s to superior %s ended: %s",
            stream.presented,
            self._link.superior.superior_id,
            stream.reason or "refused",
        )

    async def _say_goodbye(self, stream: RelayedStream, dialog: Dialog) -> None:
        try:
            bye = dialog.make_request("BYE")
            await self._transport.request(bye, stream.flow, timeout_s=BYE_TIMEOUT_S)
        except TransportError as error:
            logger.info("BYE to superior %s: %s", self._link.superior.superior_id, error)

    def _give_up(self, stream: RelayedStream, status: int, why: str) -> None:
        stream.end(why)
        if not stream.is_answered:
            stream.is_answered = True
            self._refuse(stream.incoming, status, why)

    def _refuse(self, incoming: IncomingRequest, status: int, why: str) -> None:
        self.refused += 1
        logger.info("superior %s is refused with %d: %s", self._link.superior.superior_id, status, why)
        self._transport.respond(incoming, status)


def _asked_for(request: SipRequest) -> str:
    """Which channel: by the Request-URI, else by To."""
    user = request.uri.removeprefix("sip:").partition("@")[0]
    return user if user == request.to.uri.user or not request.to.uri.user else request.to.uri.user


def _subject_key(request: SipRequest) -> str:
    """Sender and its sequence, without the receiver's half."""
    return request.headers.get("Subject").partition(",")[0].strip()
