"""The tables of alarms. Section 11.1 of the protocol notes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipserver.gb.alarm_tables import METHODS, TYPES, describe, format_methods, parse_methods


@pytest.mark.parametrize(
    ("method", "alarm_type", "event", "english", "chinese"),
    [
        (2, None, None, "alarm device alarm", "报警设备报警"),
        (2, 0, None, "alarm device alarm", "报警设备报警"),
        (2, 1, None, "video loss", "视频丢失报警"),
        (5, 6, 1, "intrusion, entering", "入侵检测报警(进入区域)"),
        (5, 6, 2, "intrusion, leaving", "入侵检测报警(离开区域)"),
        (5, 6, 9, "intrusion", "入侵检测报警"),
        (5, 13, None, "picture occlusion", "图像遮挡报警"),
        (5, 99, None, "video alarm, type 99", "视频报警(类型99)"),
        (6, 2, None, "storage fan fault", "存储设备风扇故障报警"),
        (1, None, None, "telephone alarm", "电话报警"),
        (0, None, None, "alarm of an unknown method", "未知方式报警"),
    ],
)
def test_method_and_type_have_a_text(
    method: int, alarm_type: int | None, event: int | None, english: str, chinese: str
) -> None:
    """GB-C077."""
    assert describe(method, alarm_type, event) == (english, chinese)


def test_every_type_belongs_to_a_method() -> None:
    assert set(METHODS) == set(range(1, 8))
    assert {method for method, _ in TYPES} <= set(METHODS)


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("0", ()),
        ("", ()),
        ("1/2", (1, 2)),
        ("12", (1, 2)),
        ("5", (5,)),
        ("2 / 1", (1, 2)),
        ("all", ()),
        ("120", ()),
    ],
)
def test_combined_methods_are_read_in_both_forms(text: str, methods: tuple[int, ...]) -> None:
    assert parse_methods(text) == methods


@given(st.sets(st.integers(1, 7), max_size=6))
def test_methods_that_are_written_are_read_again(methods: set[int]) -> None:
    assert set(parse_methods(format_methods(methods))) == methods


def test_all_methods_are_written_as_zero() -> None:
    assert (format_methods(()), format_methods(range(1, 8))) == ("0", "0")


@given(st.text(max_size=80))
def test_any_text_names_methods_of_the_table(text: str) -> None:
    assert set(parse_methods(text)) <= set(METHODS)
