"""Steps and verdicts of one case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from console.conformance.log import CaseLog, failed, not_supported, skipped
from console.conformance.model import Case, CaseResult, Report, Step, Verdict, Words
from console.conformance.run import close, leave_out, run_case
from sipserver.devices.errors import ControlHeld, DeviceError, NoAnswer, NotInEdition, Refused
from sipserver.devices.tracing.ladder import LadderStep


def result_of(*, is_mandatory: bool = True, timeout_s: float = 5.0) -> CaseResult:
    return CaseResult(Case("x", Words("甲", "x"), "", is_mandatory=is_mandatory, timeout_s=timeout_s))


async def no_messages(since: datetime) -> list[LadderStep]:
    return []


async def run(result: CaseResult, act: Callable[[CaseLog], Awaitable[None]]) -> list[Step | None]:
    told: list[Step | None] = []
    await run_case(result, act, no_messages, lambda _, step: told.append(step))
    return told


def raising(error: Exception) -> Callable[[CaseLog], Awaitable[None]]:
    async def act(log: CaseLog) -> None:
        with log.step("问", "ask"):
            raise error

    return act


REFUSED = Refused("device answered 488", status=488)
HELD = ControlHeld("somebody has it", holder="a", priority=50, remaining_s=3.0)


@pytest.mark.parametrize(
    ("error", "is_mandatory", "verdict"),
    [
        (REFUSED, True, Verdict.FAILED),
        (REFUSED, False, Verdict.NOT_SUPPORTED),
        (NoAnswer("silent"), True, Verdict.FAILED),
        (NoAnswer("silent"), False, Verdict.FAILED),
        (NotInEdition("of 3.0"), True, Verdict.NOT_SUPPORTED),
        (HELD, True, Verdict.SKIPPED),
        (TimeoutError(), False, Verdict.FAILED),
        (failed("so"), False, Verdict.FAILED),
        (not_supported("so"), True, Verdict.NOT_SUPPORTED),
        (skipped("so"), True, Verdict.SKIPPED),
        (KeyError("a mistake of ours"), True, Verdict.SKIPPED),
    ],
)
async def test_what_an_error_says_about_the_device(
    error: Exception, is_mandatory: bool, verdict: Verdict
) -> None:
    result = result_of(is_mandatory=is_mandatory)
    told = await run(result, raising(error))
    assert result.verdict is verdict
    assert result.reason
    assert [step.verdict for step in result.steps] == [verdict]
    assert told == [*result.steps, None]


async def test_a_failed_check_goes_on_and_fails_the_case() -> None:
    async def act(log: CaseLog) -> None:
        log.check(False, "甲", "the answer has y=")
        log.remark("乙", "worth knowing")
        with log.step("丙", "go on") as step:
            step.detail = "done"
        raise skipped("the rest was not possible")

    result = result_of()
    await run(result, act)
    assert (result.verdict, result.reason) == (Verdict.FAILED, "the answer has y=")
    assert [step.verdict for step in result.steps] == [Verdict.FAILED, Verdict.REMARK, Verdict.PASSED]


async def test_a_case_has_a_deadline() -> None:
    async def act(log: CaseLog) -> None:
        with log.step("等", "wait for ever"):
            await asyncio.Event().wait()

    result = result_of(timeout_s=0.01)
    await run(result, act)
    assert (result.verdict, result.reason) == (Verdict.FAILED, "not finished in time")


async def test_cancellation_passes_through_and_is_noted() -> None:
    entered = asyncio.Event()

    async def act(log: CaseLog) -> None:
        entered.set()
        await asyncio.Event().wait()

    result = result_of()
    running = asyncio.create_task(run(result, act))
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (result.verdict, result.reason) == (Verdict.FAILED, "the run was broken off")


async def test_only_mandatory_failures_fail_a_run() -> None:
    optional, mandatory = result_of(is_mandatory=False), result_of()
    report = Report(Words("甲", "x"), "s", datetime.now().astimezone(), results=[optional, mandatory])
    await run(optional, raising(NoAnswer("silent")))
    leave_out(mandatory, Verdict.SKIPPED, "offline", lambda *_: None)
    close(report)
    assert not report.has_failed
    mandatory.verdict = Verdict.FAILED
    assert report.has_failed


def test_what_did_not_come_to_its_turn_is_skipped() -> None:
    waiting = result_of()
    report = Report(Words("甲", "x"), "s", datetime.now().astimezone(), results=[waiting])
    close(report, "Ctrl-C")
    assert (waiting.verdict, waiting.reason, report.has_failed) == (Verdict.SKIPPED, "Ctrl-C", True)


def test_every_device_error_is_judged() -> None:
    log = CaseLog(result_of(), lambda *_: None)
    for kind in DeviceError.__subclasses__():
        if kind not in (Refused, ControlHeld):
            assert log.judge(kind("text")).verdict.is_end
