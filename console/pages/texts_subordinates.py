"""Texts about subordinate platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "problem.unknown-subordinate": Text("没有这个下级平台", "No such subordinate platform"),
    "problem.subordinate-exists": Text("该下级平台已存在", "The subordinate platform is on file already"),
}
