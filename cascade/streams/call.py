"""One call between a superior and a loudspeaker: sound down, and up where the camera has a microphone.

```text
superior ══ AudioLink ══▶ AudioSession ══▶ camera          (and back, of a talk)
```
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from cascade.ports import Loudspeakers
from cascade.rights.permits import Permit
from cascade.shown.presented import PresentedChannel
from catalog.model import ChannelKey
from media.audio.link import AudioLink, LinkTerms
from media.audio.pacer import AudioLine
from media.audio.sources import PushedSource
from sipserver.devices.audio.errors import AudioBusy
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.session import AudioSession
from sipserver.devices.errors import DeviceError, InviteEnded, NoAnswer, UnknownChannel
from sipserver.gb.sdp import SessionDescription, Setup
from sipserver.sip.dialog import Dialog
from sipserver.sip.events import ServerKey
from sipserver.sip.flow import Flow
from sipserver.sip.message import SipRequest
from sipserver.transport.driver import IncomingRequest

OPEN_WAIT_S: Final = 10.0
"""How long a camera is given to listen."""
CLOSE_WAIT_S: Final = 5.0
SILENCE_S: Final = 30.0
"""A superior that sends nothing for so long is gone."""
PACKET_BYTES: Final = 172

ResultT = TypeVar("ResultT")

logger = logging.getLogger(__name__)


class Call:
    """What hangs on one call. ``end`` is harmless when repeated; ``close`` gives everything back."""

    def __init__(
        self, name: str, presented: str, flow: Flow, incoming: IncomingRequest | None = None
    ) -> None:
        self.name: Final = name
        self.presented = presented
        self.flow: Final = flow
        self.incoming: Final = incoming
        """The INVITE, where it was the superior's."""
        self.permit: Permit | None = None
        self.session: AudioSession | None = None
        self.link: AudioLink | None = None
        self.dialog: Dialog | None = None
        self.ssrc = ""
        self.task: asyncio.Task[None] | None = None
        self.over = asyncio.Event()
        self.acked = asyncio.Event()
        self.reason = ""
        self.awaits_ack = True
        self.transport = ""
        """``udp`` or ``tcp``."""
        self.is_joined = False
        """Sound goes through."""
        self.is_answered = False
        self.remote_bye = False
        self._speakers: Loudspeakers | None = None
        self._line: AudioLine | None = None

    @property
    def key(self) -> ServerKey | None:
        return None if self.incoming is None else self.incoming.key

    # ---------------------------------------------------------------- the camera

    async def reach(
        self, speakers: Loudspeakers, entry: PresentedChannel, modes: tuple[AudioMode, ...], name: str
    ) -> None:
        """Get the camera to listen, by the first way that works.

        Raises:
            DeviceError: why it does not.
        """
        failure: DeviceError | None = None
        for key in entry.paths:
            for mode in modes:
                try:
                    self.session = await _listening(speakers, key, mode, name, self.over)
                except AudioBusy:
                    raise
                except DeviceError as error:
                    failure = error
                else:
                    return
        raise failure or UnknownChannel(f"{self.presented} has no loudspeaker")

    # ---------------------------------------------------------------- the superior

    def open_link(self, speakers: Loudspeakers, terms: LinkTerms, offer: SessionDescription) -> AudioLink:
        """The link that goes with an offer of the superior, or with one of ours.

        Raises:
            NoPortFree
        """
        plane = speakers.plane
        self._speakers = speakers
        if not offer.is_tcp:
            self.link = plane.open_udp(terms)
        elif offer.setup is Setup.PASSIVE:
            self.link = plane.dial_tcp(terms)
        else:
            self.link = plane.listen_tcp(terms)
        self.link.on_broken = self.end
        self.transport = "tcp" if offer.is_tcp else "udp"
        return self.link

    def drop_link(self) -> None:
        """Another one takes its place."""
        if self._speakers is not None and self.link is not None:
            self.link.on_broken = self.link.on_heard = None
            self._speakers.plane.drop(self.link)
            self.link = None

    def join(self, *, both_ways: bool) -> None:
        """Let the sound through."""
        link, session, speakers = self.link, self.session, self._speakers
        if link is None or session is None or speakers is None:
            return
        self.is_joined = True
        link.on_heard = session.push
        if self.permit is not None:
            self.permit.measure = lambda: link.stats.packets_heard * PACKET_BYTES
        if both_ways:
            heard = PushedSource()
            self._line = line = speakers.plane.open_line(heard)
            line.attach(link)
            line.start()
            session.on_heard = heard.push

    async def run(self) -> None:
        """Until one side has had enough, or the superior has fallen silent."""
        link, session = self.link, self.session
        if link is None or session is None:
            return
        heard = -1
        while not self.over.is_set():
            if link.stats.packets_heard == heard:
                self.end(f"no sound for {SILENCE_S:g} s")
                return
            heard = link.stats.packets_heard
            await self._first(session.ended, SILENCE_S)
            if session.ended.is_set():
                self.end(f"the camera: {session.end_reason}")

    # ---------------------------------------------------------------- what is reported

    def acknowledged(self, _ack: SipRequest) -> None:
        self.acked.set()

    def abandoned(self, reason: str) -> None:
        if self.is_answered and not self.awaits_ack:
            return
        # A CANCEL that is in time has been answered with 487.
        self.is_answered = True
        self.end(reason)

    def end(self, reason: str) -> None:
        if not self.over.is_set():
            self.reason = reason
            self.over.set()

    async def close(self) -> None:
        """Let go of the link at once, and of the camera when it has heard its BYE."""
        if self._speakers is not None and self._line is not None:
            self._speakers.plane.close_line(self._line)
        self.drop_link()
        if self.session is not None:
            self.session.on_heard = None
            self.session.stop(self.reason or "the superior has had enough")
            with contextlib.suppress(TimeoutError):
                # A camera that does not answer its BYE is waited for by others.
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await self.session.ended.wait()

    async def unless_over(self, work: Coroutine[Any, Any, ResultT]) -> ResultT | None:
        """The result of some work; None when the call ended first, and the work was given up."""
        working, given_up = asyncio.ensure_future(work), asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait((working, given_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            given_up.cancel()
            if not working.done():
                working.cancel()
        if working.done():
            return working.result()
        await asyncio.gather(working, return_exceptions=True)
        return None

    async def _first(self, event: asyncio.Event, timeout_s: float) -> None:
        waits = [asyncio.ensure_future(each.wait()) for each in (self.over, event)]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def _listening(
    speakers: Loudspeakers, key: ChannelKey, mode: AudioMode, name: str, over: asyncio.Event
) -> AudioSession:
    """A session whose camera listens."""
    session = speakers.relay(key, name=name, mode=mode, holder=name)
    waits = [asyncio.ensure_future(each.wait()) for each in (session.opened, over)]
    try:
        await asyncio.wait(waits, timeout=OPEN_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if session.is_heard and not over.is_set():
            return session
    finally:
        for wait in waits:
            wait.cancel()
        if not session.is_heard or over.is_set():
            await session.close("nobody listens")
    if over.is_set():
        raise InviteEnded.about(key, "the superior gave up")
    error = session.targets[0].error
    raise error or NoAnswer.about(key, f"the camera did not listen within {OPEN_WAIT_S:g} s")
