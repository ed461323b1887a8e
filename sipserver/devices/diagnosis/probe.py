"""One probe: the questions in order, until one answer explains the missing picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from catalog.model import ChannelKey
from sipserver.devices.diagnosis import reception
from sipserver.devices.diagnosis.findings import Diagnosis, Finding, Outcome, ProbeStep
from sipserver.devices.diagnosis.reasons import REASONS, Reason, reason_of
from sipserver.devices.errors import DeviceError, NoAnswer, Refused
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.invites import Invites
from sipserver.devices.media_verdicts import unreachable
from sipserver.devices.ports import DeviceCatalog
from sipserver.devices.presence import Presence
from sipserver.devices.signalling import Signalling
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.devices.tracing.trace import Trace
from sipserver.transport.addresses import is_own_address

OBSERVE_S: Final = 2.0
"""How long a stream is looked at once its picture is there."""
REGISTERS_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeParts:
    """The parts of this room that a probe asks."""

    signalling: Signalling
    presence: Presence
    catalog: DeviceCatalog
    invites: Invites
    trace: Trace
    ask_status: Callable[[str], Awaitable[None]]
    clock: Callable[[], float]
    wall: Callable[[], datetime]


class Probe:
    """The state of one run. ``run`` may be called once."""

    def __init__(self, device_id: str, channel_id: str | None, parts: ProbeParts) -> None:
        self._device_id = device_id
        self._channel_id = channel_id
        self._parts = parts
        self._clock = parts.clock
        self._begin_time = parts.wall()
        self._began_at = self._asked_at = parts.clock()
        self._steps: list[ProbeStep] = []
        self._warnings: list[Finding] = []
        self._call_id = ""

    async def run(self) -> Diagnosis:
        """Ask until something explains it, or the picture is there."""
        verdict = await self._find()
        return Diagnosis(
            device_id=self._device_id,
            channel_id=self._channel_id,
            verdict=verdict or Finding(Reason.OK, ()),
            warnings=tuple(self._warnings),
            steps=tuple(self._steps),
            call_id=self._call_id,
            begin_time=self._begin_time,
            took_s=self._clock() - self._began_at,
        )

    async def _find(self) -> Finding | None:
        if (finding := await self._registered()) is not None:
            return finding
        if (finding := await self._answers()) is not None and self._channel_id is None:
            return finding
        self._addresses()
        if self._channel_id is None:
            return None
        key = ChannelKey(self._device_id, self._channel_id)
        if (missing := await self._listed(key)) is not None:
            return missing
        picture = await self._picture(key)
        # The silence of the device to everything says more than that to one INVITE.
        return finding if picture is not None and picture.reason is Reason.NO_ANSWER and finding else picture

    # ---------------------------------------------------------------- questions

    async def _registered(self) -> Finding | None:
        """Is it online, and if not: did it try, and with what answer?"""
        entry = self._parts.presence.table.get(self._device_id)
        if entry is not None and entry.is_online and entry.flow is not None:
            host, port = entry.flow.remote
            self._step("registered", Outcome.PASSED, f"online from {host}:{port} over {entry.flow.transport}")
            return None
        evidence = []
        if entry is not None:
            evidence.append(f"offline: {entry.offline_reason or 'not heard since our start'}")
            evidence.append(f"last heard {self._clock() - entry.last_heard_at:.0f} s ago")
        steps = await self._parts.trace.steps(device_id=self._device_id)
        tried = _refused_registration(steps[-REGISTERS_LOOKED_AT:])
        if tried is not None:
            finding = Finding(Reason.WRONG_CREDENTIALS, (*evidence, tried))
        elif entry is None or entry.registered_at is None:
            finding = Finding(Reason.NEVER_REGISTERED, (*evidence, "no REGISTER of it is in the trace"))
        else:
            finding = Finding(Reason.OFFLINE, tuple(evidence))
        self._failed("registered", finding)
        return finding

    async def _answers(self) -> Finding | None:
        """Does a request of ours find its way to it? A refusal is an answer, too."""
        try:
            await self._parts.ask_status(self._device_id)
        except Refused as error:
            self._step("answers", Outcome.PASSED, f"answers, with {error.status}")
        except NoAnswer as error:
            finding = Finding(Reason.NO_SIP_ANSWER, (str(error),))
            self._failed("answers", finding)
            return finding
        except DeviceError as error:
            finding = Finding(reason_of(error), (str(error),))
            self._failed("answers", finding)
            return finding
        else:
            self._step("answers", Outcome.PASSED, "answers a status query")
        return None

    def _addresses(self) -> None:
        """Which address would we name for media, and is it ours?"""
        entry = self._parts.presence.table.get(self._device_id)
        if entry is None or entry.flow is None:
            self._step("addresses", Outcome.SKIPPED, "offline meanwhile")
            return
        host = self._parts.signalling.media_host(entry.flow)
        device = entry.flow.remote[0]
        text = f"media is asked for to {host}; the device is at {device}"
        if not is_own_address(host):
            text += f"; {host} is no address of this machine: NAT must pass media.rtp_ports on to it"
            self._step("addresses", Outcome.WARNED, text)
        else:
            self._step("addresses", Outcome.PASSED, text)

    async def _listed(self, key: ChannelKey) -> Finding | None:
        channel = await self._parts.catalog.get_channel(key)
        if channel is None:
            finding = Finding(Reason.UNKNOWN_CHANNEL, (f"not in the catalogue of {key.device_id}",))
            self._failed("listed", finding)
            return finding
        if channel.status_online is False:
            warning = Finding(Reason.CHANNEL_OFF, ("its catalogue says Status OFF",))
            self._warnings.append(warning)
            self._step("listed", Outcome.WARNED, warning.evidence[0])
        else:
            self._step("listed", Outcome.PASSED, "in the catalogue")
        return None

    async def _picture(self, key: ChannelKey) -> Finding | None:
        """Ask for the stream like any viewer, and look at what comes."""
        try:
            hold = await self._parts.invites.hold(key, "diagnosis", tag="diagnosis")
        except DeviceError as error:
            return self._without_picture(error)
        try:
            return await self._look(hold)
        finally:
            await hold.release()

    async def _look(self, hold: StreamHold) -> Finding | None:
        evidence = hold.evidence
        self._call_id = evidence.call_id
        self._step("invited", Outcome.PASSED, _invited(evidence))
        await asyncio.sleep(OBSERVE_S)
        try:
            stats = hold.session.stats()
        except DeviceError as error:
            finding = Finding(Reason.ENDED, (str(error),))
            self._failed("picture", finding)
            return finding
        text = f"{stats.codec} {stats.width}x{stats.height}, {stats.fps:.0f} pictures a second"
        self._step("picture", Outcome.PASSED, text)
        found = reception.warnings(stats, evidence)
        self._warnings += found
        outcome = Outcome.WARNED if found else Outcome.PASSED
        self._step("quality", outcome, reception.summary(stats))
        return None

    def _without_picture(self, error: DeviceError) -> Finding:
        evidence = error.evidence
        lines = [str(error)]
        if evidence is not None:
            self._call_id = evidence.call_id
            lines += _lines(evidence)
        finding = Finding(reason_of(error), tuple(lines))
        is_answered = evidence is not None and evidence.status is not None and evidence.status < 300
        if evidence is not None and is_answered:
            self._step("invited", Outcome.PASSED, _invited(evidence))
        self._failed("picture" if is_answered else "invited", finding)
        return finding

    # ---------------------------------------------------------------- notes

    def _failed(self, name: str, finding: Finding) -> None:
        self._step(name, Outcome.FAILED, REASONS[finding.reason].title)

    def _step(self, name: str, outcome: Outcome, text: str) -> None:
        now = self._clock()
        self._steps.append(ProbeStep(name, outcome, text, now - self._asked_at))
        self._asked_at = now


def _refused_registration(steps: list[LadderStep]) -> str | None:
    """The last REGISTER with credentials that was answered with 401 or 403, if no later one was accepted."""
    for step in reversed(steps):
        if step.method != "REGISTER" or step.status is None:
            continue
        if step.status < 300:
            return None
        if step.status not in (401, 403):
            continue
        asked = next((each for each in steps if _asks(each, step)), None)
        if asked is not None and "\nauthorization:" in asked.text.lower():
            return f"REGISTER with credentials from {asked.remote} was answered {step.what}"
    return None


def _asks(step: LadderStep, answer: LadderStep) -> bool:
    return step.what == "REGISTER" and (step.call_id, step.cseq) == (answer.call_id, answer.cseq)


def _invited(evidence: InviteEvidence) -> str:
    host = evidence.answer.host if evidence.answer is not None else "an unreadable address"
    return f"answered {evidence.status}; media over {evidence.transport} from {host or 'no address'}"


def _lines(evidence: InviteEvidence) -> list[str]:
    """What was said and what came, for a ticket."""
    lines = []
    offer, answer, media = evidence.offer, evidence.answer, evidence.media
    if offer is not None:
        lines.append(
            f"offered: {offer.protocol} to {offer.host}:{offer.port}, y={offer.ssrc},"
            f" setup={offer.setup or '-'}"
        )
    if evidence.heard_provisional:
        lines.append("a provisional answer came")
    if evidence.status is not None:
        lines.append(f"final answer: {evidence.status}")
    if answer is not None:
        lines.append(
            f"answered: {answer.protocol} from {answer.host}:{answer.port}, {answer.payload.name},"
            f" y={answer.ssrc or '-'}, setup={answer.setup or '-'}, f={answer.format or '-'}"
        )
    if media is not None:
        lines.append(f"received: {reception.summary(media)}")
        if media.stranger or media.malformed or media.wrong_ssrc:
            lines.append(
                f"not taken: {media.stranger} from strangers, {media.malformed} that are no RTP,"
                f" {media.wrong_ssrc} with another SSRC"
            )
    if evidence.instead_of is not None:
        lines.append(f"tried over {evidence.instead_of} before, in vain")
    if (why := unreachable(evidence)) is not None:
        lines.append(why)
    return lines
