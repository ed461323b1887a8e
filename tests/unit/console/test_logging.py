"""One line per record, repeats sampled, credentials blotted out."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from config.tables import LogSettings
from console.logging import JsonFormatter, LineFormatter, SampleRepeats, blot_out, set_up_logging


def _record(message: str, *args: object, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("room.part", level, __file__, 1, message, args, None)
    record.created = 1_770_000_000.123
    vars(record).update(extra)
    return record


def test_a_record_is_one_line_with_its_fields() -> None:
    line = LineFormatter().format(_record("registered %s", "x", device_id="3402", place="大门 1"))
    assert line.endswith('INFO room.part: registered x device_id=3402 place="大门 1"')
    assert line[:19] > "2026-02-0"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nINFO forged: line", "\x1b[2J", "a\u2028b"])
def test_a_peer_cannot_write_lines_of_its_own(text: str) -> None:
    for formatter in (LineFormatter(), JsonFormatter()):
        line = formatter.format(_record("from peer: %s", text, agent=text))
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line


def test_a_record_as_json() -> None:
    content = json.loads(JsonFormatter().format(_record("hello", device_id="3402", count=3)))
    assert content["message"] == "hello"
    assert content["logger"] == "room.part"
    assert (content["device_id"], content["count"]) == ("3402", 3)


def test_an_error_says_what_and_where_in_the_same_line() -> None:
    try:
        raise ValueError("bad\nvalue")
    except ValueError as error:
        record = _record("failed")
        record.exc_info = (ValueError, error, error.__traceback__)
    line = LineFormatter().format(record)
    assert 'error="ValueError: bad\\\\nvalue"' in line
    assert "test_logging.py" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer ***"),
        ("password=hunter2&x=1", "password=***&x=1"),
        ('response="0123456789abcdef", uri', 'response="***", uri'),
        ("GET /x?token=abc", "GET /x?token=***"),
        ("the password was wrong", "the password was wrong"),
        ("5 responses", "5 responses"),
    ],
)
def test_what_looks_like_a_credential_is_blotted_out(text: str, kept: str) -> None:
    assert blot_out(text) == kept


def test_repeated_warnings_are_sampled_and_counted() -> None:
    sample = SampleRepeats(window_s=60.0, samples=2)

    def passes(at: float, message: str = "dropped %d") -> tuple[bool, int]:
        record = _record(message, 1, level=logging.WARNING)
        record.created = at
        return sample.filter(record), getattr(record, "kept_back", 0)

    assert [passes(at)[0] for at in (0.0, 1.0, 2.0, 3.0, 59.0)] == [True, True, False, False, False]
    assert passes(10.0, "another")[0]
    assert passes(61.0) == (True, 3)
    assert passes(62.0) == (True, 0)


def test_other_levels_are_never_kept_back() -> None:
    sample = SampleRepeats(samples=1)
    assert all(sample.filter(_record("x", level=logging.ERROR)) for _ in range(10))


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_the_settings_decide_level_and_form(root_logger: logging.Logger) -> None:
    stream = io.StringIO()
    set_up_logging(LogSettings(level="warning", format="json"), stream)
    logging.getLogger("room").info("unseen")
    logging.getLogger("room").warning("seen")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["seen"]
