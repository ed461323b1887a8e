"""Texts about subordinate platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "problem.unknown-subordinate": Text("没有这个下级平台", "No such subordinate platform"),
    "problem.subordinate-exists": Text("该下级平台已存在", "The subordinate platform is on file already"),
    "problem.unknown-temporary-recording": Text("没有这个临时录像", "No such temporary recording"),
    "problem.temporary-recording-refused": Text("无法建立临时录像", "The temporary recording cannot be"),
    "problem.temporary-recording-refused.advice": Text(
        "结束时间须在将来且不超过最长时限，或先结束其他临时录像。",
        "Its end has to lie ahead and within the longest time allowed, or end another one first.",
    ),
}
