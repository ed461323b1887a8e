"""The Prometheus text format: escaping, numbers, heads.

Source: Prometheus documentation, "Exposition formats", text-based format version 0.0.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from health.errors import MalformedMetric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter"]

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_VALUE_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a family."""

    value: float | None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name."""

    name: str
    kind: Kind
    help: str
    samples: tuple[Sample, ...]


def escape_label(text: str) -> str:
    """Text as it may stand between the quotes of a label. Lone surrogates become question marks."""
    return text.translate(_VALUE_ESCAPES).encode("utf-8", "replace").decode()


def write_labels(labels: Mapping[str, str]) -> str:
    """``{a="1",b="2"}``, or nothing when there are none."""
    if not labels:
        return ""
    for name in labels:
        if not _LABEL.fullmatch(name) or name.startswith("__"):
            raise MalformedMetric(f"{name!r} is not a label name")
    return "{" + ",".join(f'{name}="{escape_label(value)}"' for name, value in labels.items()) + "}"


def write_number(value: float) -> str:
    """Shortest text that reads back as the same number; whole numbers without a point."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(float(value))


def is_known(value: float | None) -> bool:
    """Whether there is a number to show. Unknown is absent, not NaN, so that ``absent()`` can alert."""
    return value is not None and math.isfinite(value)


def write_head(name: str, kind: Kind, help_text: str) -> str:
    """The two comment lines before a family."""
    if not _NAME.fullmatch(name):
        raise MalformedMetric(f"{name!r} is not a metric name")
    if (kind == "counter") is not name.endswith("_total"):
        raise MalformedMetric(f"{name!r}: counters, and only counters, end in _total")
    return f"# HELP {name} {help_text.translate(_HELP_ESCAPES)}\n# TYPE {name} {kind}\n"


def write_families(families: Iterable[Family]) -> str:
    """Families with at least one known value, in the order given."""
    parts: list[str] = []
    for family in families:
        lines = [
            f"{family.name}{write_labels(sample.labels)} {write_number(sample.value)}\n"
            for sample in family.samples
            if sample.value is not None and is_known(sample.value)
        ]
        if lines:
            parts.append(write_head(family.name, family.kind, family.help))
            parts.extend(lines)
    return "".join(parts)
