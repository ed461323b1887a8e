"""One picture that is asked for: INVITE, ACK, what comes, control by INFO, BYE of either side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from sipserver.gb import mansrtsp, sdp
from sipserver.gb.errors import MalformedSdp
from sipserver.gb.ids import GbId
from sipserver.gb.sdp import SessionDescription, SessionKind
from sipserver.gb.ssrc import to_int
from sipserver.simulator.superior.desk import Heard, SimulatedSuperior
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.media_way import MediaWay, WayName
from sipserver.simulator.superior.received import ReceivedPicture
from sipserver.simulator.superior.subordinate import Subordinate
from sipserver.sip.dialog import Dialog
from sipserver.sip.message import SipRequest, SipResponse
from sipserver.transport.errors import TransportError

INVITE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. ``start`` and ``stop`` are Unix seconds, 0 for live."""

    channel: GbId
    kind: SessionKind = SessionKind.PLAY
    way: WayName = WayName.UDP
    start: int = 0
    stop: int = 0
    download_speed: int | None = None
    stream_number: int | None = None
    save: Path | None = None
    asked_id: str = ""
    """Another id in To than the channel's, for a superior that misbehaves."""
    subject: str = ""
    """Empty: a new one."""


class PictureSession:
    """Used as ``async with``: whatever happens, BYE is said and everything given back."""

    def __init__(self, desk: SimulatedSuperior, below: Subordinate, wanted: Wanted) -> None:
        self.wanted: Final = wanted
        self.dialog: Dialog | None = None
        self.status = 0
        self.reason = ""
        self.answer: SessionDescription | None = None
        self.ssrc = ""
        self.subject = wanted.subject or _subject_of(
            wanted.channel, desk.settings.superior_id, desk.next_sn()
        )
        self.ended = asyncio.Event()
        self.ended_by = ""
        self.end_of_file = False
        self.has_bye = False
        """Somebody said BYE."""
        self._desk = desk
        self._below = below
        self._file: BinaryIO | None = None if wanted.save is None else _create(wanted.save)
        self.picture: Final = ReceivedPicture(desk.transport.clock, self._file)
        self._way = MediaWay(wanted.way, desk.media_host(below), self.picture.take)
        self._controls = mansrtsp.Controls()
        self._listening = desk.listening(self._is_end_of_file)

    async def __aenter__(self) -> Self:
        await self._way.open()
        self._desk.bye_handlers.append(self._bye)
        self._listening.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.dialog is not None and not self.has_bye:
                await self.bye()
        finally:
            await self._way.close()
            if self.ssrc:
                self._desk.ssrcs.release(self.ssrc, self._desk.transport.clock())
            self._desk.bye_handlers.remove(self._bye)
            self._listening.__exit__(None, None, None)
            self.picture.finish()
            if self._file is not None:
                self._file.close()

    # ---------------------------------------------------------------- signalling

    async def invite(self, *, acknowledge: bool = True, timeout_s: float = INVITE_TIMEOUT_S) -> None:
        """Ask, and acknowledge a 200.

        Raises:
            StepFailed: refused, no answer, or an answer that cannot be read.
        """
        desk, below = self._desk, self._below
        request = desk.request(
            "INVITE",
            below,
            self.wanted.channel,
            to_user=self.wanted.asked_id,
            body=self._offer().serialize(),
            content_type=sdp.CONTENT_TYPE,
        )
        request.headers.set("Subject", self.subject)
        try:
            call = desk.transport.invite(request, below.flow)
            response = await call.final(timeout_s)
        except TransportError as error:
            raise StepFailed(f"INVITE: {error}") from error
        self.status, self.reason = response.status, response.reason
        if response.status >= 300:
            raise StepFailed(f"the INVITE was answered with {response.status} {response.reason}")
        self.dialog = Dialog.from_answer(request, response)
        if acknowledge:
            call.ack(self.dialog.make_ack())
        self._read_answer(response)

    async def bye(self) -> SipResponse:
        """End it from here. Raises StepFailed: no answer."""
        dialog = self.dialog
        if dialog is None:
            raise StepFailed("there is nothing to end")
        self.has_bye = True
        self._ended("we said BYE")
        return await self._desk.send(dialog.make_request("BYE"), self._below)

    async def control(self, control: mansrtsp.Control) -> mansrtsp.Answer | None:
        """INFO with MANSRTSP; the answer's body, where there is one.

        Raises:
            StepFailed: no answer, or a refusal.
        """
        dialog = self.dialog
        if dialog is None:
            raise StepFailed("there is nothing to control")
        info = dialog.make_request("INFO", body=control.serialize(), content_type=mansrtsp.CONTENT_TYPE)
        response = await self._desk.send(info, self._below)
        if response.status >= 300:
            raise StepFailed(f"INFO {control.method} was answered with {response.status} {response.reason}")
        if not response.body:
            return None
        answer = mansrtsp.Answer.parse(response.body)
        if answer.status >= 300:
            raise StepFailed(f"INFO {control.method} was answered with MANSRTSP {answer.status}")
        return answer

    @property
    def controls(self) -> mansrtsp.Controls:
        """Makes requests for ``control``."""
        return self._controls

    @property
    def expected_ssrc(self) -> int:
        """What the packets should carry: y= of the answer, else ours."""
        given = self.answer.ssrc if self.answer is not None else None
        return to_int(given if given and given.strip("0") else self.ssrc) & 0xFFFFFFFF

    # ---------------------------------------------------------------- waiting

    async def pictures(self, count: int, timeout_s: float) -> None:
        """Until so many pictures came.

        Raises:
            StepFailed: they did not come in time.
        """
        await self._desk.until(lambda: self.picture.pictures >= count or self.ended.is_set(), timeout_s)
        if self.picture.pictures < count:
            over = f"; {self.ended_by}" if self.ended_by else ""
            raise StepFailed(
                f"{self.picture.pictures} pictures in {self.picture.packets} packets within"
                f" {timeout_s:g} s{over}"
            )

    async def wait_end(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    # ---------------------------------------------------------------- inside

    def _offer(self) -> SessionDescription:
        wanted, desk = self.wanted, self._desk
        is_live = wanted.kind is SessionKind.PLAY
        self.ssrc = desk.ssrcs.allocate("live" if is_live else "history", desk.transport.clock())
        return sdp.make_offer(
            desk.settings.superior_id,
            desk.media_host(self._below),
            self._way.port,
            self.ssrc,
            setup=wanted.way.setup,
            kind=wanted.kind,
            uri=None if is_live else f"{wanted.channel}:0",
            start=wanted.start,
            stop=wanted.stop,
            download_speed=wanted.download_speed,
            stream_number=wanted.stream_number,
        )

    def _read_answer(self, response: SipResponse) -> None:
        try:
            self.answer = SessionDescription.parse(response.body)
        except MalformedSdp as error:
            raise StepFailed(f"the answer's description cannot be read: {error}") from error
        host = self.answer.host or self._below.flow.remote[0]
        self._way.answered(host, self.answer.port)

    def _bye(self, request: SipRequest) -> bool:
        if self.dialog is None or not self.dialog.matches(request):
            return False
        self.has_bye = True
        self._ended("the subordinate said BYE")
        return True

    def _is_end_of_file(self, heard: Heard) -> bool:
        if heard.document.cmd_type != "MediaStatus" or self.dialog is None:
            return False
        if heard.call_id != self.dialog.call_id and heard.document.device_id != self.wanted.channel:
            return False
        # BYE is ours to say then (gb28181.md 8.5).
        self.end_of_file = True
        self._ended("the recording has ended")
        return True

    def _ended(self, by: str) -> None:
        self.ended_by = self.ended_by or by
        self.ended.set()


def _subject_of(channel: str, superior_id: str, serial: str) -> str:
    return f"{channel}:{serial},{superior_id}:{serial}"


def _create(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise StepFailed(f"pictures cannot be written to {path}: {error}") from error
