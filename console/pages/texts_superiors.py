"""Texts about superior platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.pages.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "problem.unknown-superior": Text("没有这个上级平台", "No such superior platform"),
    "problem.superior-exists": Text("该上级平台已存在", "The superior platform is on file already"),
    "problem.superior-offline": Text("未注册到上级平台", "We are not registered with the superior platform"),
    "problem.superior-offline.advice": Text(
        "检查地址、编号和密码，以及上级是否已添加本平台。",
        "Check address, ids and password, and whether the superior knows this platform.",
    ),
    "problem.superior-silent": Text("上级平台没有应答", "The superior platform does not answer"),
    "problem.superior-refused": Text("上级平台拒绝了请求", "The superior platform refuses"),
}
