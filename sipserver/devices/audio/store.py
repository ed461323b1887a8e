"""Clips and schedules as they are kept: in the database, or in memory where there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time
from typing import Any, Protocol

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from catalog.model import ChannelKey
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.audio.tables import audio_clips, audio_schedules
from sipserver.devices.audio.timetable import Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """A clip without its sound."""

    clip_id: str
    name: str
    duration_s: float
    created_by: str
    created_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is announced where and when."""

    schedule_id: str
    name: str
    clip_id: str
    targets: tuple[ChannelKey, ...]
    timetable: Timetable
    mode: AudioMode = AudioMode.AUTO
    repeats: int = 1
    is_enabled: bool = True
    created_by: str = ""
    last_time: datetime | None = None
    last_result: str = ""
    considered_time: datetime | None = None
    """Its times up to then were played, or given up; None: not known."""


class AudioStore(Protocol):
    """What outlives the process."""

    async def list_clips(self) -> list[ClipInfo]: ...
    async def load_clip(self, clip_id: str) -> bytes | None: ...
    async def add_clip(self, clip: ClipInfo, alaw: bytes) -> None: ...
    async def remove_clip(self, clip_id: str) -> None: ...
    async def list_schedules(self) -> list[Schedule]: ...
    async def put_schedule(self, schedule: Schedule) -> None: ...
    async def remove_schedule(self, schedule_id: str) -> None: ...
    async def save_progress(self, schedule: Schedule) -> None:
        """What came of it last, and up to when its times were considered."""


class SqlAudioStore:
    """The tables ``audio_clips`` and ``audio_schedules``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def list_clips(self) -> list[ClipInfo]:
        columns = [column for column in audio_clips.c if column.name != "alaw"]
        query = select(*columns).order_by(audio_clips.c.created_time, audio_clips.c.clip_id)
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [ClipInfo(**row) for row in rows]

    async def load_clip(self, clip_id: str) -> bytes | None:
        query = select(audio_clips.c.alaw).where(audio_clips.c.clip_id == clip_id)
        async with self._reading.connect() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def add_clip(self, clip: ClipInfo, alaw: bytes) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(insert(audio_clips).values(**asdict(clip), alaw=alaw))

    async def remove_clip(self, clip_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(delete(audio_clips).where(audio_clips.c.clip_id == clip_id))

    async def list_schedules(self) -> list[Schedule]:
        query = select(audio_schedules).order_by(audio_schedules.c.name, audio_schedules.c.schedule_id)
        async with self._reading.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_schedule(row) for row in rows]

    async def put_schedule(self, schedule: Schedule) -> None:
        table = audio_schedules
        async with self._writing.begin() as connection:
            await connection.execute(delete(table).where(table.c.schedule_id == schedule.schedule_id))
            await connection.execute(insert(table).values(**_row(schedule)))

    async def remove_schedule(self, schedule_id: str) -> None:
        table = audio_schedules
        async with self._writing.begin() as connection:
            await connection.execute(delete(table).where(table.c.schedule_id == schedule_id))

    async def save_progress(self, schedule: Schedule) -> None:
        change = update(audio_schedules).where(audio_schedules.c.schedule_id == schedule.schedule_id)
        async with self._writing.begin() as connection:
            await connection.execute(
                change.values(
                    last_time=schedule.last_time,
                    last_result=schedule.last_result,
                    considered_time=schedule.considered_time,
                )
            )


class MemoryAudioStore:
    """The twin without a database: forgets with the process."""

    def __init__(self) -> None:
        self._clips: dict[str, tuple[ClipInfo, bytes]] = {}
        self._schedules: dict[str, Schedule] = {}

    async def list_clips(self) -> list[ClipInfo]:
        return sorted(
            (clip for clip, _ in self._clips.values()), key=lambda clip: (clip.created_time, clip.clip_id)
        )

    async def load_clip(self, clip_id: str) -> bytes | None:
        found = self._clips.get(clip_id)
        return None if found is None else found[1]

    async def add_clip(self, clip: ClipInfo, alaw: bytes) -> None:
        self._clips[clip.clip_id] = (clip, alaw)

    async def remove_clip(self, clip_id: str) -> None:
        self._clips.pop(clip_id, None)

    async def list_schedules(self) -> list[Schedule]:
        return sorted(self._schedules.values(), key=lambda each: (each.name, each.schedule_id))

    async def put_schedule(self, schedule: Schedule) -> None:
        self._schedules[schedule.schedule_id] = schedule

    async def remove_schedule(self, schedule_id: str) -> None:
        self._schedules.pop(schedule_id, None)

    async def save_progress(self, schedule: Schedule) -> None:
        if (known := self._schedules.get(schedule.schedule_id)) is not None:
            self._schedules[schedule.schedule_id] = replace(
                known,
                last_time=schedule.last_time,
                last_result=schedule.last_result,
                considered_time=schedule.considered_time,
            )


def _row(schedule: Schedule) -> dict[str, Any]:
    timetable = schedule.timetable
    return {
        "schedule_id": schedule.schedule_id,
        "name": schedule.name,
        "clip_id": schedule.clip_id,
        "targets": "\n".join(str(key) for key in schedule.targets),
        "mode": schedule.mode.value,
        "repeats": schedule.repeats,
        "times": ",".join(each.isoformat("seconds") for each in timetable.times),
        "weekdays": ",".join(map(str, timetable.weekdays)),
        "first_date": timetable.first_date.isoformat() if timetable.first_date else "",
        "last_date": timetable.last_date.isoformat() if timetable.last_date else "",
        "is_enabled": schedule.is_enabled,
        "created_by": schedule.created_by,
        "last_time": schedule.last_time,
        "last_result": schedule.last_result,
        "considered_time": schedule.considered_time,
    }


def _schedule(row: RowMapping) -> Schedule:
    return Schedule(
        schedule_id=row["schedule_id"],
        name=row["name"],
        clip_id=row["clip_id"],
        targets=tuple(ChannelKey.parse(line) for line in row["targets"].split("\n") if line),
        timetable=Timetable(
            tuple(time.fromisoformat(text) for text in row["times"].split(",")),
            tuple(int(text) for text in row["weekdays"].split(",")),
            date.fromisoformat(row["first_date"]) if row["first_date"] else None,
            date.fromisoformat(row["last_date"]) if row["last_date"] else None,
        ),
        mode=AudioMode(row["mode"]),
        repeats=row["repeats"],
        is_enabled=row["is_enabled"],
        created_by=row["created_by"],
        last_time=row["last_time"],
        last_result=row["last_result"],
        considered_time=row["considered_time"],
    )
