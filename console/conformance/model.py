"""What a conformance run is made of: cases, their steps, verdicts, and the messages as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.editions import Edition

MESSAGES_MAX: Final = 60
"""Of one case; beyond them the first and the last are shown."""
TEXT_MAX_CHARS: Final = 6_000
"""Of one message."""
STEPS_MAX: Final = 200


class Words(NamedTuple):
    """One text in both languages."""

    chinese: str
    english: str

    def __str__(self) -> str:
        return self.english


class Verdict(StrEnum):
    """How a step or a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_SUPPORTED = "not supported"  # refused in the proper way, or of another edition
    SKIPPED = "skipped"  # could not be tried; the reason says why
    NOT_SEEN = "not seen"  # waited for the operator of the other side, in vain
    REMARK = "remark"  # of steps alone: allowed, and worth knowing
    RUNNING = "running"
    WAITING = "waiting"  # for the operator of the other side

    @property
    def is_end(self) -> bool:
        return self not in {Verdict.RUNNING, Verdict.WAITING}


VERDICTS: Final = {
    Verdict.PASSED: Words("通过", "passed"),
    Verdict.FAILED: Words("不通过", "failed"),
    Verdict.NOT_SUPPORTED: Words("不支持", "not supported"),
    Verdict.SKIPPED: Words("跳过", "skipped"),
    Verdict.NOT_SEEN: Words("未触发", "not seen"),
    Verdict.REMARK: Words("备注", "remark"),
    Verdict.RUNNING: Words("进行中", "running"),
    Verdict.WAITING: Words("等待操作", "waiting"),
}


class Side(StrEnum):
    """Who begins a case."""

    PLATFORM = "platform"
    DEVICE = "device"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the tables in ``cases.py``.

    ``proves`` names statements of the checklist and clauses of the standard. ``needs`` names the option
    without which the case is not run, because it does harm. ``instruction`` says what an operator has to do.
    """

    case_id: str
    title: Words
    proves: str
    is_mandatory: bool = True
    since: Edition = Edition.V1_0
    begun_by: Side = Side.PLATFORM
    needs: str = ""
    instruction: Words | None = None
    timeout_s: float = 60.0


@dataclass(slots=True)
class Step:
    """One thing that was done or looked at."""

    words: Words
    began_time: datetime
    verdict: Verdict = Verdict.RUNNING
    detail: str = ""
    took_s: float = 0.0


@dataclass(slots=True)
class CaseResult:
    """One case of one run."""

    case: Case
    verdict: Verdict = Verdict.WAITING
    reason: str = ""
    began_time: datetime | None = None
    took_s: float = 0.0
    steps: list[Step] = field(default_factory=list)
    messages: tuple[LadderStep, ...] = ()
    messages_left_out: int = 0

    def keep(self, messages: Iterable[LadderStep]) -> None:
        """Take messages as evidence: so many, and so much of each, that a report stays readable."""
        found = list(messages)
        if len(found) > MESSAGES_MAX:
            half = MESSAGES_MAX // 2
            self.messages_left_out = len(found) - 2 * half
            found = found[:half] + found[-half:]
        self.messages = tuple(_shortened(message) for message in found)


class Fact(NamedTuple):
    """One line of the cover."""

    name: Words
    value: str


@dataclass(slots=True)
class Report:
    """A whole run, finished or not."""

    title: Words
    subject: str
    """The id of the device, or the address of the server, that is judged."""
    began_time: datetime
    ours: Words = Words("平台", "this platform")  # noqa: RUF009 - a tuple
    """Who is on our side of the messages."""
    facts: list[Fact] = field(default_factory=list)
    results: list[CaseResult] = field(default_factory=list)
    ended_time: datetime | None = None
    broken_off: str = ""
    """Why it ended before its time; empty otherwise."""

    def count(self, verdict: Verdict) -> int:
        return sum(result.verdict is verdict for result in self.results)

    @property
    def has_failed(self) -> bool:
        """Whether something mandatory failed, or the run did not come to its end."""
        return bool(self.broken_off) or any(
            result.verdict is Verdict.FAILED and result.case.is_mandatory for result in self.results
        )


def _shortened(message: LadderStep) -> LadderStep:
    if len(message.text) <= TEXT_MAX_CHARS:
        return message
    more = len(message.text) - TEXT_MAX_CHARS
    return replace(message, text=f"{message.text[:TEXT_MAX_CHARS]}\n... {more} characters more")
