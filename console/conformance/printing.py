"""A run on the terminal: each step on a line as it happens; plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

from console.api.conformance_models import ConformanceRun
from console.conformance.model import VERDICTS, CaseResult, Side, Step, Verdict

STYLES: Final = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.NOT_SUPPORTED: "dim",
    Verdict.SKIPPED: "dim",
    Verdict.NOT_SEEN: "yellow",
    Verdict.REMARK: "yellow",
    Verdict.RUNNING: "cyan",
    Verdict.WAITING: "cyan",
}
WIDTH: Final = 14


class Printer:
    """Remembers what was printed, so that a run that is looked at again and again is told once."""

    def __init__(self, console: Console | None = None) -> None:
        self._console: Final = console or Console(highlight=False, soft_wrap=True)
        self._begun: set[str] = set()
        self._steps: dict[str, int] = {}
        self._ended: set[str] = set()

    def heading(self, text: str) -> None:
        self._console.print(Text(printable(text), style="bold"))

    def show_run(self, run: ConformanceRun) -> None:
        """What is new in a run of the API."""
        for case in run.cases:
            verdict = Verdict(case.verdict)
            if verdict is Verdict.WAITING:
                continue
            self._begin(case.case_id, case.title)
            told = self._steps.get(case.case_id, 0)
            for step in case.steps[told:]:
                self._line(Verdict(step.verdict), step.text, step.detail)
            self._steps[case.case_id] = len(case.steps)
            if verdict.is_end:
                self._end(case.case_id, verdict, case.reason)

    def tell(self, result: CaseResult, step: Step | None) -> None:
        """What a run in this process says."""
        case = result.case
        if step is not None:
            self._begin(case.case_id, case.title.english)
            self._line(step.verdict, step.words.english, step.detail)
        elif result.verdict is Verdict.WAITING and case.begun_by is Side.OPERATOR:
            text = case.instruction.english if case.instruction else case.title.english
            self._line(Verdict.WAITING, f"{case.case_id}: {text}", "", indent="")
        elif result.verdict.is_end:
            self._begin(case.case_id, case.title.english)
            self._end(case.case_id, result.verdict, result.reason)

    def verdicts(self, counted: Mapping[str, int], has_failed: bool, broken_off: str) -> None:
        """The last line."""
        text = ", ".join(f"{count} {name}" for name, count in counted.items())
        if broken_off:
            text += f"; broken off: {broken_off}"
        self._console.print(Text(printable(text), style="bold red" if has_failed else "bold green"))

    # ---------------------------------------------------------------- inside

    def _begin(self, case_id: str, title: str) -> None:
        if case_id not in self._begun:
            self._begun.add(case_id)
            self._console.print(Text(printable(f"{case_id}: {title}"), style="bold"))

    def _end(self, case_id: str, verdict: Verdict, reason: str) -> None:
        if case_id in self._ended:
            return
        self._ended.add(case_id)
        words = VERDICTS[verdict]
        text = f"  = {words.english.upper()}" + (f": {reason}" if reason else "")
        self._console.print(Text(printable(text), style=STYLES[verdict]))

    def _line(self, verdict: Verdict, text: str, detail: str, indent: str = "    ") -> None:
        line = Text(indent)
        line.append(f"{verdict.value:<{WIDTH}}", style=STYLES[verdict])
        line.append(printable(text))
        if detail:
            line.append(printable(f" - {detail}"), style="dim")
        self._console.print(line)


def printable(text: str) -> str:
    """Without what a device could do to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
