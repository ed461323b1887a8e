"""The numbers of alarms and what they mean (报警级别, 报警方式, 报警类型).

Source: GB/T 28181-2022 A.2.5.3 (2016: A.2.5 c, table in the Alarm notify); 11.1 of the protocol notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

DEVICE_ALARM: Final = 2
"""The method whose next alarm waits for ResetAlarm (Q50)."""
ALL_METHODS: Final = 0


class Words(NamedTuple):
    """One meaning in both languages."""

    english: str
    chinese: str


PRIORITIES: Final[Mapping[int, Words]] = {
    1: Words("first level (most serious)", "一级警情"),
    2: Words("second level", "二级警情"),
    3: Words("third level", "三级警情"),
    4: Words("fourth level", "四级警情"),
}

METHODS: Final[Mapping[int, Words]] = {
    1: Words("telephone alarm", "电话报警"),
    2: Words("device alarm", "设备报警"),
    3: Words("SMS alarm", "短信报警"),
    4: Words("GPS alarm", "GPS报警"),
    5: Words("video alarm", "视频报警"),
    6: Words("device fault alarm", "设备故障报警"),
    7: Words("other alarm", "其他报警"),
}

TYPES: Final[Mapping[tuple[int, int], Words]] = {
    (2, 1): Words("video loss", "视频丢失报警"),
    (2, 2): Words("tamper", "设备防拆报警"),
    (2, 3): Words("storage disk full", "存储设备磁盘满报警"),
    (2, 4): Words("over-temperature", "设备高温报警"),
    (2, 5): Words("under-temperature", "设备低温报警"),
    (5, 1): Words("manual video alarm", "人工视频报警"),
    (5, 2): Words("motion detection", "运动目标检测报警"),
    (5, 3): Words("left object", "遗留物检测报警"),
    (5, 4): Words("removed object", "物体移除检测报警"),
    (5, 5): Words("tripwire", "绊线检测报警"),
    (5, 6): Words("intrusion", "入侵检测报警"),
    (5, 7): Words("wrong-way movement", "逆行检测报警"),
    (5, 8): Words("loitering", "徘徊检测报警"),
    (5, 9): Words("flow counting", "流量统计报警"),
    (5, 10): Words("density", "密度检测报警"),
    (5, 11): Words("video abnormality", "视频异常检测报警"),
    (5, 12): Words("fast movement", "快速移动报警"),
    (5, 13): Words("picture occlusion", "图像遮挡报警"),
    (6, 1): Words("storage disk fault", "存储设备磁盘故障报警"),
    (6, 2): Words("storage fan fault", "存储设备风扇故障报警"),
}

# A device alarm (method 2) without a type comes from the alarm device itself.
_UNTYPED: Final[Mapping[int, Words]] = {DEVICE_ALARM: Words("alarm device alarm", "报警设备报警")}

EVENTS: Final[Mapping[int, Words]] = {
    1: Words("entering", "进入区域"),
    2: Words("leaving", "离开区域"),
}

_DIGIT: Final = re.compile(r"[0-7]")


def describe(method: int, alarm_type: int | None, event_type: int | None = None) -> Words:
    """What an alarm means, for people: the type where the table has one, else the method."""
    known = METHODS.get(method, Words("alarm of an unknown method", "未知方式报警"))
    if alarm_type is None or alarm_type == 0:
        return _UNTYPED.get(method, known)
    words = TYPES.get((method, alarm_type))
    if words is None:
        return Words(f"{known.english}, type {alarm_type}", f"{known.chinese}(类型{alarm_type})")
    event = EVENTS.get(event_type or 0)
    if event is None:
        return words
    return Words(f"{words.english}, {event.english}", f"{words.chinese}({event.chinese})")


def parse_methods(text: str) -> tuple[int, ...]:
    """The methods of a query or a reset, rising: ``1/2`` (2022) and ``12`` (2011) mean the same.

    0, nothing, and what cannot be read mean all: the empty tuple.
    """
    found = {int(digit) for digit in _DIGIT.findall(text[:64])}
    return () if ALL_METHODS in found else tuple(sorted(found))


def format_methods(methods: Iterable[int]) -> str:
    """``1/2``; all methods are ``0``."""
    chosen = sorted({method for method in methods if method in METHODS})
    return "/".join(map(str, chosen)) if chosen and len(chosen) < len(METHODS) else str(ALL_METHODS)
