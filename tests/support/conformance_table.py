"""Keeps the column "proven by" of docs/conformance.md true: ``python tests/support/conformance_table.py``.

A test proves a statement when it names it, as in GB-C058. Statements and remarks are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = ROOT / "docs" / "conformance.md"
SUITES: Final = (
    ("tests", "test_*.py"),
    ("media/native/wire/tests", "*.rs"),
)
NAMED: Final = re.compile(r"GB-(C\d{3})((?:(?:,| and|, and| to)? ?(?:GB-)?C\d{3})*)")
ROW: Final = re.compile(r"^\| (C\d{3}) \| (.*?) \| (.*?) \| (.*?) \|$")


@dataclass(frozen=True, slots=True)
class Row:
    """One statement of the checklist."""

    number: str
    statement: str
    proven_by: str
    remark: str

    def __str__(self) -> str:
        return f"| {self.number} | {self.statement} | {self.proven_by} | {self.remark} |"


def rows(text: str) -> Iterator[Row]:
    """The statements of a table."""
    for line in text.splitlines():
        if (match := ROW.match(line)) is not None:
            yield Row(*match.groups())


def proofs(root: Path = ROOT) -> Mapping[str, list[str]]:
    """The test files that name each statement."""
    found: dict[str, list[str]] = {}
    for folder, pattern in SUITES:
        for path in sorted((root / folder).rglob(pattern)):
            name = path.relative_to(root).as_posix().removeprefix("tests/")
            for number in sorted(set(_numbers(path.read_text("utf-8")))):
                found.setdefault(number, []).append(name)
    return found


def with_tests(text: str, tests: Mapping[str, list[str]]) -> str:
    """The document with the column filled in anew."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if (match := ROW.match(line)) is not None:
            row = Row(*match.groups())
            names = "<br>".join(f"`{name}`" for name in tests.get(row.number, ()))
            lines[index] = str(replace(row, proven_by=names or "-"))
    return "\n".join(lines) + "\n"


def _numbers(text: str) -> Iterator[str]:
    for match in NAMED.finditer(text):
        first, rest = match.groups()
        named = [first, *re.findall(r"C\d{3}", rest)]
        if " to " in rest and len(named) == 2:
            low, high = (int(each[1:]) for each in named)
            named = [f"C{number:03d}" for number in range(low, high + 1)]
        yield from named


if __name__ == "__main__":
    TABLE.write_text(with_tests(TABLE.read_text("utf-8"), proofs()), "utf-8")
