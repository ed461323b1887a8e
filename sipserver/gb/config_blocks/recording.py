"""What a device records by itself, and which alarms it reports, 2022.

Source: GB/T 28181-2022 A.2.3.2.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Le, MaxLen

from sipserver.gb.config_blocks.block import Block, Items, Tag

DAYS_MAX: Final = 7
SEGMENTS_MAX: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSegment(Block):
    """A part of a day, local time of the device."""

    start_hour: Annotated[int | None, Tag("StartHour", required=True), Ge(0), Le(23)] = None
    start_minute: Annotated[int | None, Tag("StartMin", required=True), Ge(0), Le(59)] = None
    start_second: Annotated[int | None, Tag("StartSec", required=True), Ge(0), Le(59)] = None
    stop_hour: Annotated[int | None, Tag("StopHour", required=True), Ge(0), Le(24)] = None
    stop_minute: Annotated[int | None, Tag("StopMin", required=True), Ge(0), Le(59)] = None
    stop_second: Annotated[int | None, Tag("StopSec", required=True), Ge(0), Le(59)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySchedule(Block):
    """One day of the week; Monday is 1."""

    week_day: Annotated[int | None, Tag("WeekDayNum", required=True), Ge(1), Le(7)] = None
    segments: Annotated[
        tuple[TimeSegment, ...], Items("TimeSegment", count="TimeSegmentSumNum"), MaxLen(SEGMENTS_MAX)
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRecordPlan(Block):
    """When the device records (录像计划)."""

    enabled: Annotated[bool | None, Tag("RecordEnable", required=True)] = None
    schedule: Annotated[
        tuple[DaySchedule, ...], Items("RecordSchedule", count="RecordScheduleSumNum"), MaxLen(DAYS_MAX)
    ] = ()
    stream_number: Annotated[int | None, Tag("StreamNumber", required=True), Ge(0), Le(15)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoAlarmRecord(Block):
    """Recording on an alarm (报警录像)."""

    enabled: Annotated[bool | None, Tag("RecordEnable", required=True)] = None
    after_s: Annotated[int | None, Tag("RecordTime"), Ge(0), Le(86_400)] = None
    before_s: Annotated[int | None, Tag("PreRecordTime"), Ge(0), Le(3600)] = None
    stream_number: Annotated[int | None, Tag("StreamNumber", required=True), Ge(0), Le(15)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmReport(Block):
    """Which of its own detections the device reports (报警上报开关)."""

    motion_detection: Annotated[bool | None, Tag("MotionDetection", required=True)] = None
    field_detection: Annotated[bool | None, Tag("FieldDetection", required=True)] = None
