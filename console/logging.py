"""How the process writes its log: one line per record on standard error, fields as ``key=value`` or as JSON.

Three rules are kept here, whatever a room does: a record is one line, a warning that repeats is sampled and
counted, and what looks like a credential is blotted out.
"""

import json
import logging
import re
import sys
import traceback
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final, TextIO

from config.tables import LogSettings

SAMPLE_WINDOW_S: Final = 60.0
SAMPLES_PER_WINDOW: Final = 5
SAMPLED_TEXTS_MAX: Final = 2048
FRAMES_SHOWN: Final = 8

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CREDENTIALS: Final = re.compile(
    r"""(?ix) ( bearer\s+ | \b(?:password|passwd|secret|token|signature|sig|response|nonce)\s*[=:]\s*["']? )
        [^\s"',&;]+ """
)
# Libraries that say at "info" what is of no use to an operator.
_QUIET: Final = ("uvicorn", "httpx", "httpcore", "alembic", "engineio", "socketio", "aiosqlite", "asyncio")


def set_up_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Make the root logger write as the settings say; earlier handlers of the root logger are removed."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else LineFormatter())
    handler.addFilter(SampleRepeats())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # The API's own handler has logged it, with the request's method and path.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: not record.getMessage().startswith("Exception in ASGI application")
    )
    logging.captureWarnings(capture=True)


class SampleRepeats(logging.Filter):
    """Lets the first few of equal warnings pass in each minute, and then says how many it kept back.

    Equal means: same logger, same text before its values are filled in.
    """

    def __init__(self, window_s: float = SAMPLE_WINDOW_S, samples: int = SAMPLES_PER_WINDOW) -> None:
        super().__init__()
        self._window_s = window_s
        self._samples = samples
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        key = (record.name, str(record.msg))
        since, count = self._seen.pop(key, (record.created, 0))
        kept_back = count - self._samples
        if record.created - since >= self._window_s:
            since, count = record.created, 0
            if kept_back > 0:
                record.kept_back = kept_back
        self._seen[key] = (since, count + 1)
        if len(self._seen) > SAMPLED_TEXTS_MAX:
            self._seen.popitem(last=False)
        return count < self._samples


class LineFormatter(logging.Formatter):
    """``2026-01-31T08:00:00.123+08:00 INFO sipserver.devices: registered device_id=3402...``"""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        return f"{_instant(record)} {record.levelname} {record.name}: {_text(record)}{fields}"


class JsonFormatter(logging.Formatter):
    """One JSON object per line, for a log collector."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(record),
        }
        content.update({key: value for key, value in _fields(record).items() if key not in content})
        return _one_line(json.dumps(content, ensure_ascii=False, default=str))


def blot_out(text: str) -> str:
    """Replace what looks like a credential."""
    return _CREDENTIALS.sub(r"\1***", text)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def _text(record: logging.LogRecord) -> str:
    return _one_line(blot_out(record.getMessage()))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {
        key: blot_out(value) if isinstance(value, str) else value
        for key, value in vars(record).items()
        if key not in _STANDARD
    }
    if record.exc_info and (error := record.exc_info[1]) is not None:
        fields["error"] = _one_line(blot_out(f"{type(error).__name__}: {error}"))
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
        fields["at"] = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return fields


def _quoted(value: object) -> str:
    text = _one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r'[\s"=]', text) else text


def _one_line(text: str) -> str:
    # A peer chooses parts of many messages: it must not be able to write log lines of its own.
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
