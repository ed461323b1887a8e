"""Facts of the data plane become values with aware times."""

import datetime as dt
from pathlib import Path

from media.facts import (
    RECORDER_FACTS,
    AudioInfo,
    RecorderDetached,
    RecorderFailed,
    RecorderGap,
    SegmentClosed,
    SegmentGrown,
    SegmentOpened,
    StreamInfo,
    time_of_us,
)

INFO = {"codec": "H264", "width": 64, "height": 48, "audio": None, "mime": "video/mp4"}
STATE = {
    "segment_id": "ab-000001",
    "size_bytes": 10,
    "duration_s": 1.5,
    "start_wall_us": 1_700_000_000_000_001,
    "end_wall_us": 1_700_000_001_500_001,
    "first_pts_90k": 3,
    "last_pts_90k": 135_003,
    "info": INFO | {"audio": {"codec": "AAC", "sample_rate": 16_000, "channels": 1}},
}
START = dt.datetime(2023, 11, 14, 22, 13, 20, 1, dt.UTC)
END = START + dt.timedelta(seconds=1.5)


def test_wall_times_are_exact_to_the_microsecond() -> None:
    assert time_of_us(1_700_000_000_000_001) == START


def test_a_description_is_read_with_and_without_sound() -> None:
    assert StreamInfo.from_native(INFO) == StreamInfo("H264", 64, 48, None, "video/mp4")
    assert StreamInfo.from_native(STATE["info"]).audio == AudioInfo("AAC", 16_000, 1)  # type: ignore[arg-type]


def test_each_fact_of_a_recorder_is_read() -> None:
    opened = {
        "recorder_id": "r",
        "segment_id": "ab-000001",
        "path": "/x/y.mp4",
        "start_wall_us": STATE["start_wall_us"],
    }
    assert RECORDER_FACTS["segment_opened"](opened) == SegmentOpened(
        "r", "ab-000001", Path("/x/y.mp4"), START
    )
    grown = RECORDER_FACTS["segment_grown"]({"recorder_id": "r", "state": STATE})
    assert grown == SegmentGrown("r", "ab-000001", 10, 1.5, START, END)
    closed = RECORDER_FACTS["segment_closed"]({"recorder_id": "r", "state": STATE, "reason": "full"})
    assert closed == SegmentClosed(
        "r", "ab-000001", 10, 1.5, START, END, 3, 135_003, "H264", "AAC", 64, 48, "full"
    )
    failed = {"recorder_id": "r", "errno": 28, "message": "full"}
    assert RECORDER_FACTS["recorder_failed"](failed) == RecorderFailed("r", 28, "full")
    gap = {
        "recorder_id": "r",
        "dropped_pictures": 4,
        "start_wall_us": STATE["start_wall_us"],
        "end_wall_us": STATE["end_wall_us"],
        "reason": "disk too slow",
    }
    assert RECORDER_FACTS["recorder_gap"](gap) == RecorderGap("r", 4, START, END, "disk too slow")
    assert RECORDER_FACTS["recorder_detached"]({"recorder_id": "r"}) == RecorderDetached("r")
