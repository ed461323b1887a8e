"""Warnings in a flood."""

from __future__ import annotations

import logging

import pytest

from sipserver.transport.sampled_log import MAX_KEYS, SampledLog


def test_a_flood_is_one_line_and_the_next_line_has_its_number(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    log = SampledLog(logging.getLogger("test"), interval_s=10.0, clock=lambda: now[0])
    for number in range(1000):
        log.warning("dropped %d", number)
    log.warning("another text")
    now[0] = 110.0
    log.warning("dropped %d", 1000)
    assert [record.getMessage() for record in caplog.records] == [
        "dropped 0",
        "another text",
        "dropped 1000 (and 999 more like it)",
    ]


def test_the_table_of_texts_is_bounded() -> None:
    log = SampledLog(logging.getLogger("test"))
    for number in range(MAX_KEYS * 3):
        log.warning(f"text {number}")
    assert log.texts <= MAX_KEYS
