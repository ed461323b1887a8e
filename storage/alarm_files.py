"""Clips and pictures of alarms as rows: what was asked for, and what became of it.

A file is found by its id alone: the id is random and ours, so no path is stored and none can lead astray.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks, for_writing, upsert
from catalog.model import ChannelKey
from storage.errors import AlarmFileNotFound
from storage.tables import alarm_files

DIRECTORY: Final = "alarms"
FILE_ID: Final = re.compile(r"[0-9a-f]{32}")


class FileKind(StrEnum):
    """What is kept."""

    CLIP = "clip"
    PICTURE = "picture"


class FileState(StrEnum):
    """The life of a file: waiting, then ready or failed; a ready one is deleted when its time is over."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


SUFFIXES: Final = {FileKind.CLIP: ".mp4", FileKind.PICTURE: ".jpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFile:
    """A clip or picture of an alarm. The times are of our clock: first wanted, then what the file holds."""

    file_id: str
    alarm_id: str
    device_id: str
    channel_id: str
    kind: FileKind
    state: FileState
    start_time: datetime
    end_time: datetime
    size_bytes: int = 0
    keep_until: datetime
    detail: str = ""

    @property
    def key(self) -> ChannelKey:
        return ChannelKey(self.device_id, self.channel_id)


_COLUMNS: Final = (
    "alarm_id",
    "device_id",
    "channel_id",
    "start_time",
    "end_time",
    "size_bytes",
    "keep_until",
    "detail",
)


def path_of(root: Path, kind: FileKind, file_id: str) -> Path:
    """Where a file lies; two hexadecimal digits keep directories small.

    Raises:
        AlarmFileNotFound: the id is none of ours.
    """
    if not FILE_ID.fullmatch(file_id):
        raise AlarmFileNotFound(file_id)
    return root / DIRECTORY / file_id[:2] / f"{file_id}{SUFFIXES[kind]}"


class AlarmFileStore:
    """The table ``alarm_files``; one function per query."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)
        self._dialect = engine.dialect.name

    async def save(self, file: AlarmFile) -> None:
        """Add a file or bring it up to date."""
        values: dict[str, Any] = {name: getattr(file, name) for name in _COLUMNS}
        values |= {"file_id": file.file_id, "kind": file.kind.value, "state": file.state.value}
        statement = upsert(
            self._dialect,
            alarm_files,
            key=["file_id"],
            update=["state", "start_time", "end_time", "size_bytes", "keep_until", "detail"],
        )
        async with self._writing.begin() as connection:
            await connection.execute(statement, [values])

    async def get(self, file_ids: Collection[str]) -> dict[str, AlarmFile]:
        """Those of the files that are known."""
        found: dict[str, AlarmFile] = {}
        async with self._reading.connect() as connection:
            for chunk in chunks(file_ids):
                query = select(alarm_files).where(alarm_files.c.file_id.in_(chunk))
                for row in (await connection.execute(query)).mappings():
                    found[row["file_id"]] = _file(row)
        return found

    async def waiting(self) -> list[AlarmFile]:
        """What a former run left unfinished."""
        return await self._where(alarm_files.c.state == FileState.WAITING.value)

    async def expired(self, now: datetime, limit: int) -> list[AlarmFile]:
        """Files whose time is over, the oldest first."""
        query = (
            select(alarm_files)
            .where(alarm_files.c.state == FileState.READY.value, alarm_files.c.keep_until <= now)
            .order_by(alarm_files.c.keep_until)
            .limit(limit)
        )
        async with self._reading.connect() as connection:
            return [_file(row) for row in (await connection.execute(query)).mappings()]

    async def forget_gone(self, before: datetime, limit: int) -> int:
        """Drop rows of files that failed or were deleted, and whose time was over before ``before``."""
        states = [FileState.FAILED.value, FileState.DELETED.value]
        gone = (
            select(alarm_files.c.file_id)
            .where(alarm_files.c.state.in_(states), alarm_files.c.keep_until < before)
            .limit(limit)
        )
        async with self._writing.begin() as connection:
            found = (await connection.execute(gone)).scalars().all()
            for chunk in chunks(found):
                await connection.execute(delete(alarm_files).where(alarm_files.c.file_id.in_(chunk)))
        return len(found)

    async def _where(self, condition: Any) -> list[AlarmFile]:
        async with self._reading.connect() as connection:
            rows = (await connection.execute(select(alarm_files).where(condition))).mappings().all()
        return [_file(row) for row in rows]


def _file(row: RowMapping) -> AlarmFile:
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return AlarmFile(
        **values, file_id=row["file_id"], kind=FileKind(row["kind"]), state=FileState(row["state"])
    )
