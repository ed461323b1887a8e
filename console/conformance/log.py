"""The notebook of one case: what was done, when, how it went, and how that ends the case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from console.conformance.model import STEPS_MAX, CaseResult, Step, Verdict, Words
from media.errors import MediaError
from sipserver.devices.audio.errors import AudioBusy, TooManySessions
from sipserver.devices.errors import (
    ControlHeld,
    DeviceError,
    KnownRefusal,
    NoCapacity,
    NotInEdition,
    Refused,
    TooManySubscriptions,
    TransfersBusy,
)
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.errors import MalformedText
from sipserver.sip.errors import SipError
from sipserver.transport.errors import TransportError

# Not the device's fault: ours, or somebody else's who uses the device now.
OF_OTHERS: Final = (ControlHeld, NoCapacity, TransfersBusy, AudioBusy, TooManySessions, TooManySubscriptions)
FAULTS: Final = (DeviceError, MediaError, MalformedText, SipError, TransportError, TimeoutError)
DETAIL_MAX_CHARS: Final = 600


class CaseEnded(Exception):
    """The case can say no more: ``verdict`` and the text say why."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


def failed(reason: str) -> CaseEnded:
    return CaseEnded(Verdict.FAILED, reason)


def not_supported(reason: str) -> CaseEnded:
    return CaseEnded(Verdict.NOT_SUPPORTED, reason)


def skipped(reason: str) -> CaseEnded:
    return CaseEnded(Verdict.SKIPPED, reason)


class CaseLog:
    """Writes into a result; ``tell`` hears of each step when it has ended."""

    def __init__(self, result: CaseResult, tell: Callable[[CaseResult, Step], None]) -> None:
        self.result: Final = result
        self._tell = tell
        self._began_at = monotonic()
        result.began_time = datetime.now(UTC)
        result.verdict = Verdict.RUNNING
        self._evidence: list[LadderStep] | None = None

    @property
    def began_time(self) -> datetime:
        assert self.result.began_time is not None  # noqa: S101 - set when this was made
        return self.result.began_time

    @property
    def evidence(self) -> list[LadderStep] | None:
        """Messages that the case chose itself; None: all of its time."""
        return self._evidence

    @contextmanager
    def step(self, chinese: str, english: str) -> Iterator[Step]:
        """Do something; what goes wrong inside ends the step and the case.

        The detail of the step that is handed out is what was found.
        """
        step = Step(Words(chinese, english), datetime.now(UTC))
        began_at = monotonic()
        verdict = Verdict.PASSED
        try:
            yield step
        except CaseEnded as ended:
            verdict, step.detail = ended.verdict, str(ended)
            raise
        except FAULTS as error:
            judged = self.judge(error)
            verdict, step.detail = judged.verdict, str(judged)
            raise judged from error
        except asyncio.CancelledError:
            verdict, step.detail = Verdict.FAILED, step.detail or "not finished in time"
            raise
        except Exception as error:
            verdict, step.detail = Verdict.SKIPPED, f"internal failure: {type(error).__name__}"
            raise
        finally:
            step.took_s = monotonic() - began_at
            step.verdict = verdict
            self._add(step)

    def check(self, is_so: bool, chinese: str, english: str, detail: str = "") -> bool:
        """A claim about the device; when it does not hold, the case goes on and has failed."""
        self._note(Verdict.PASSED if is_so else Verdict.FAILED, chinese, english, detail)
        return is_so

    def remark(self, chinese: str, english: str, detail: str = "") -> None:
        """Something that counts neither for nor against it."""
        self._note(Verdict.REMARK, chinese, english, detail)

    def attach(self, messages: Iterable[LadderStep]) -> None:
        """These messages are the evidence, instead of all that were exchanged meanwhile."""
        self._evidence = [*(self._evidence or ()), *messages]

    def judge(self, error: Exception) -> CaseEnded:
        """What an error of the platform's rooms says about the device.

        A proper refusal of something optional is "not supported"; silence and nonsense are failures.
        """
        text = str(error) or ("not in time" if isinstance(error, TimeoutError) else type(error).__name__)
        if isinstance(error, NotInEdition):
            return not_supported(text)
        if isinstance(error, OF_OTHERS):
            return skipped(text)
        if isinstance(error, Refused | KnownRefusal) and not self.result.case.is_mandatory:
            return not_supported(text)
        return failed(text)

    def end(self, ended: CaseEnded | None) -> None:
        """Form the verdict: a failed step counts more than how the case ended."""
        result = self.result
        result.took_s = monotonic() - self._began_at
        failures = [step for step in result.steps if step.verdict is Verdict.FAILED]
        if failures:
            first = failures[0]
            result.verdict = Verdict.FAILED
            result.reason = first.detail or first.words.english
        elif ended is not None:
            result.verdict, result.reason = ended.verdict, str(ended)
        else:
            result.verdict = Verdict.PASSED

    def _note(self, verdict: Verdict, chinese: str, english: str, detail: str) -> None:
        self._add(Step(Words(chinese, english), datetime.now(UTC), verdict, detail))

    def _add(self, step: Step) -> None:
        step.detail = step.detail[:DETAIL_MAX_CHARS]
        if len(self.result.steps) < STEPS_MAX:
            self.result.steps.append(step)
            self._tell(self.result, step)
