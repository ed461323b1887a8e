"""A run on the terminal, and where there is none."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from console.api.conformance_models import ConformanceCase, ConformanceRun, ConformanceStep
from console.conformance.model import Case, CaseResult, Side, Step, Verdict, Words
from console.conformance.printing import Printer

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def run_of(verdict: str, *details: str) -> ConformanceRun:
    steps = [
        ConformanceStep(text="ask", text_chinese="问", verdict="passed", detail=detail, begin=NOW, took_s=0.1)
        for detail in details
    ]
    case = ConformanceCase(
        case_id="live", title="Live", title_chinese="点播", proves="", mandatory=True, since="2.0",
        verdict=verdict, reason="so", took_s=0.1, messages=0, steps=steps,
    )  # fmt: skip
    return ConformanceRun(
        run_id="0" * 16, device_id="1", started_by="a", begin=NOW, end=None, broken_off="", failed=False,
        verdicts={}, cases=[case],
    )  # fmt: skip


def printer() -> tuple[Printer, io.StringIO]:
    out = io.StringIO()
    return Printer(Console(file=out, highlight=False, soft_wrap=True, width=80)), out


def test_each_step_is_printed_once_however_often_the_run_is_looked_at() -> None:
    printing, out = printer()
    for run in (
        run_of("waiting"),
        run_of("running", "a"),
        run_of("running", "a", "b"),
        *[run_of("passed", "a", "b")] * 3,
    ):
        printing.show_run(run)
    assert out.getvalue().splitlines() == [
        "live: Live",
        "    passed        ask - a",
        "    passed        ask - b",
        "  = PASSED: so",
    ]


def test_what_a_device_says_cannot_steer_the_terminal() -> None:
    printing, out = printer()
    printing.show_run(run_of("failed", "\x1b[2Jgone\r\n[bold]x[/bold]\x07"))
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert " [2Jgone  [bold]x[/bold] " in out.getvalue()


def test_operators_are_told_what_to_do_and_what_came() -> None:
    printing, out = printer()
    case = Case(
        "ptz-asked", Words("云台", "PTZ"), "", begun_by=Side.OPERATOR, instruction=Words("动", "Move it")
    )
    result = CaseResult(case)
    printing.tell(result, None)
    result.verdict = Verdict.FAILED
    printing.tell(result, Step(Words("校验", "checksum"), NOW, Verdict.FAILED, "FF"))
    result.reason = "FF"
    printing.tell(result, None)
    printing.verdicts({"failed": 1}, True, "")
    assert out.getvalue().splitlines() == [
        "waiting       ptz-asked: Move it",
        "ptz-asked: PTZ",
        "    failed        checksum - FF",
        "  = FAILED: FF",
        "1 failed",
    ]
