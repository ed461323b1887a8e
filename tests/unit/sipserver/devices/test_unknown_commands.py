"""What is not used here is counted each time and said once. GB-C080."""

from __future__ import annotations

import logging

import pytest

from sipserver.devices import unknown_commands
from sipserver.devices.stats import DeviceStats
from sipserver.devices.unknown_commands import NAMES_MAX, UnknownCommands
from sipserver.gb.manscdp import Document, parse_document

FIRST, SECOND = "34020000001180000005", "34020000001180000006"


def odd(cmd_type: str = "Weather", root: str = "Notify") -> Document:
    return parse_document(f"<{root}><CmdType>{cmd_type}</CmdType><SN>1</SN></{root}>".encode())


def test_one_line_for_each_device_and_command(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    stats = DeviceStats()
    unknown = UnknownCommands(stats)
    for _ in range(3):
        unknown.note(FIRST, odd())
        unknown.note(FIRST, odd("Tide"))
        unknown.note(FIRST, odd(root="Query"))
        unknown.note(SECOND, odd())
    assert stats.unknown_commands == 12
    assert len(caplog.messages) == 4
    assert f"device {SECOND} sent Notify 'Weather', which is not used here" in caplog.messages


def test_names_that_are_made_up_fill_neither_log_nor_memory(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    stats = DeviceStats()
    unknown = UnknownCommands(stats)
    for number in range(10 * NAMES_MAX):
        unknown.note(FIRST, odd(f"Odd{number}" + "x" * 100))
    assert stats.unknown_commands == 10 * NAMES_MAX
    assert len(caplog.messages) == NAMES_MAX
    assert max(map(len, caplog.messages)) < 200
    monkeypatch.setattr(unknown_commands, "DEVICES_MAX", 2)
    for device_id in (FIRST, SECOND, "34020000001180000007"):
        unknown.note(device_id, odd())
    assert len(unknown._said) == 2
