"""The list of steps: what there is, how it is written, and what is wrong with it.

In a TOML file::

    [superior]
    id = "34000000002000000001"
    listen = "0.0.0.0:5060"

    [[step]]
    do = "live"
    transport = "tcp-active"
    seconds = 5

or in one line: ``live transport=tcp-active seconds=5``.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from sipserver.simulator.superior.errors import BadSteps

MAX_STEPS: Final = 1_000
MAX_FILE_BYTES: Final = 1_000_000
COMMON_NAME: Final = "do"
_TRUE: Final = frozenset({"true", "yes", "1", "on"})
_FALSE: Final = frozenset({"false", "no", "0", "off"})

Value: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a step can be told; its type is that of the default."""

    name: str
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    least: float = 0.0
    most: float = 1e9

    def read(self, given: object) -> Value:
        """Check a value of a file or of the command line.

        Raises:
            ValueError: it is not of the type, not one of the choices, or out of range.
        """
        default = self.default
        if isinstance(default, bool):
            return self._flag(given)
        if isinstance(default, str):
            return self._text(given)
        return self._number(given)

    def _flag(self, given: object) -> bool:
        if isinstance(given, bool):
            return given
        word = str(given).lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("is true or false")
        return word in _TRUE

    def _text(self, given: object) -> str:
        if isinstance(given, (dict, list)):
            raise ValueError("is a text")
        text = str(given)
        if self.choices and text not in self.choices:
            raise ValueError(f"is one of {', '.join(self.choices)}")
        return text

    def _number(self, given: object) -> int | float:
        is_whole = isinstance(self.default, int)
        what = "a whole number" if is_whole else "a number"
        if isinstance(given, (bool, dict, list)) or (is_whole and isinstance(given, float)):
            raise ValueError(f"is {what}")
        try:
            number = int(str(given)) if is_whole else float(str(given))
        except ValueError:
            raise ValueError(f"is {what}") from None
        if not self.least <= number <= self.most:
            raise ValueError(f"is between {self.least:g} and {self.most:g}")
        return number


@dataclass(frozen=True, slots=True)
class StepKind:
    """What can be done: its name, and what it can be told."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()

    def parameter(self, name: str) -> Parameter | None:
        return next((each for each in self.parameters if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One step with all its parameters, the defaults filled in."""

    kind: StepKind
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.kind.name

    def text(self, name: str) -> str:
        return str(self.values[name])

    def number(self, name: str) -> float:
        return float(self.values[name])

    def whole(self, name: str) -> int:
        return int(self.values[name])

    def flag(self, name: str) -> bool:
        return bool(self.values[name])

    def __str__(self) -> str:
        told = [
            f"{each.name}={self.values[each.name]}"
            for each in self.kind.parameters
            if self.values[each.name] != each.default
        ]
        return " ".join((self.name, *told))


@dataclass(frozen=True, slots=True)
class StepsFile:
    """What a file says: settings of the superior as they stand there, and steps."""

    superior: Mapping[str, Value]
    steps: tuple[Step, ...]


def make_step(kinds: Mapping[str, StepKind], name: str, given: Mapping[str, object], where: str) -> Step:
    """A step of a kind, checked.

    Raises:
        BadSteps: no such step, no such parameter, or no such value.
    """
    kind = kinds.get(name)
    if kind is None:
        raise BadSteps(f"{where}: there is no step {name!r}; there are {', '.join(kinds)}")
    values: dict[str, Value] = {each.name: each.default for each in kind.parameters}
    for key, value in given.items():
        parameter = kind.parameter(key)
        if parameter is None:
            known = ", ".join(values) or "none"
            raise BadSteps(f"{where}: {name} has no parameter {key!r}; it has {known}")
        try:
            values[key] = parameter.read(value)
        except ValueError as error:
            raise BadSteps(f"{where}: {name}: {key} {error}, not {value!r}") from None
    return Step(kind, values)


def parse_line(kinds: Mapping[str, StepKind], line: str) -> Step:
    """A step as it is written on the command line: ``name key=value key=value``.

    Raises:
        BadSteps: it is not of that form.
    """
    where = f"step {line!r}"
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadSteps(f"{where}: {error}") from None
    if not words:
        raise BadSteps(f"{where}: it names nothing to do")
    given: dict[str, object] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise BadSteps(f"{where}: {word!r} is not of the form name=value")
        given[key] = value
    return make_step(kinds, words[0], given, where)


def parse_file(kinds: Mapping[str, StepKind], text: str, where: str) -> StepsFile:
    """The text of a steps file.

    Raises:
        BadSteps: not TOML, or something in it is not understood.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSteps(f"{where}: {error}") from None
    unknown = sorted(set(table) - {"superior", "step"})
    if unknown:
        raise BadSteps(f"{where}: {unknown[0]!r} is neither [superior] nor [[step]]")
    superior, steps = table.get("superior", {}), table.get("step", [])
    if not isinstance(superior, dict) or not all(isinstance(each, Value) for each in superior.values()):
        raise BadSteps(f"{where}: [superior] is a table of texts and numbers")
    if not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
        raise BadSteps(f"{where}: steps are written as [[step]]")
    if len(steps) > MAX_STEPS:
        raise BadSteps(f"{where}: {len(steps)} steps; there may be {MAX_STEPS}")
    return StepsFile(superior, _steps(kinds, steps, where))


def load_file(kinds: Mapping[str, StepKind], path: Path) -> StepsFile:
    """A steps file from disk.

    Raises:
        BadSteps: it cannot be read, or something in it is not understood.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadSteps(f"{path}: more than {MAX_FILE_BYTES} bytes")
        return parse_file(kinds, data.decode("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSteps(f"{path}: {error}") from None


def listing(kinds: Mapping[str, StepKind]) -> str:
    """All steps with their parameters, for people."""
    lines: list[str] = []
    for kind in kinds.values():
        lines.append(f"{kind.name:<20} {kind.help}")
        for each in kind.parameters:
            default = f"{each.default}".lower() if isinstance(each.default, bool) else f"{each.default}"
            choices = f" ({', '.join(each.choices)})" if each.choices else ""
            lines.append(f"    {each.name + '=' + default:<22} {each.help}{choices}")
    return "\n".join(lines)


def _steps(
    kinds: Mapping[str, StepKind], entries: Sequence[Mapping[str, object]], where: str
) -> tuple[Step, ...]:
    found: list[Step] = []
    for number, entry in enumerate(entries, 1):
        name = entry.get(COMMON_NAME)
        if not isinstance(name, str):
            raise BadSteps(f"{where}: step {number}: do = ... is missing")
        given = {key: value for key, value in entry.items() if key != COMMON_NAME}
        found.append(make_step(kinds, name, given, f"{where}: step {number}"))
    return tuple(found)
