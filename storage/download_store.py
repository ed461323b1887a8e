"""Downloads and their parts in the database: one named function per query."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import for_writing
from catalog.model import ChannelKey
from storage.download_model import UNFINISHED, Download, DownloadPart, DownloadState
from storage.download_tables import download_parts, downloads

_CHANGING: Final = ("state", "covered_s", "attempts", "detail", "finished_time")


class DownloadStore:
    """The tables ``downloads`` and ``download_parts``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reading = engine
        self._writing = for_writing(engine)

    async def add(self, download: Download) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(insert(downloads).values(**_row(download)))

    async def save(self, download: Download, parts: Iterable[DownloadPart] = ()) -> None:
        """Note how far it is, together with the parts that are new."""
        row = _row(download)
        changes = {name: row[name] for name in _CHANGING}
        new = [asdict(part) for part in parts]
        async with self._writing.begin() as connection:
            own = downloads.c.download_id == download.download_id
            await connection.execute(update(downloads).where(own).values(**changes))
            if new:
                await connection.execute(insert(download_parts), new)

    async def get(self, download_id: str) -> Download | None:
        query = select(downloads).where(downloads.c.download_id == download_id)
        async with self._reading.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _download(row)

    async def unfinished(self) -> list[Download]:
        """Those that a former run left, oldest first."""
        states = [state.value for state in UNFINISHED]
        query = select(downloads).where(downloads.c.state.in_(states)).order_by(downloads.c.requested_time)
        async with self._reading.connect() as connection:
            return [_download(row) for row in await connection.execute(query)]

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[Download]:
        """Newest first, below ``after`` (requested_time, download_id)."""
        columns = downloads.c
        query = select(downloads).order_by(columns.requested_time.desc(), columns.download_id.desc())
        if after is not None:
            time, download_id = after
            query = query.where(
                (columns.requested_time < time)
                | ((columns.requested_time == time) & (columns.download_id < download_id))
            )
        async with self._reading.connect() as connection:
            return [_download(row) for row in await connection.execute(query.limit(limit))]

    async def finished_before(self, instant: datetime, limit: int) -> list[Download]:
        query = select(downloads).where(downloads.c.finished_time < instant).limit(limit)
        async with self._reading.connect() as connection:
            return [_download(row) for row in await connection.execute(query)]

    async def parts(self, download_ids: Iterable[str]) -> list[DownloadPart]:
        """In the order in which they play."""
        query = (
            select(download_parts)
            .where(download_parts.c.download_id.in_(list(download_ids)))
            .order_by(download_parts.c.offset_s, download_parts.c.part_id)
        )
        async with self._reading.connect() as connection:
            return [DownloadPart(**row._mapping) for row in await connection.execute(query)]

    async def remove(self, download_id: str) -> None:
        async with self._writing.begin() as connection:
            await connection.execute(
                delete(download_parts).where(download_parts.c.download_id == download_id)
            )
            await connection.execute(delete(downloads).where(downloads.c.download_id == download_id))


def _row(download: Download) -> dict[str, Any]:
    row = {name: getattr(download, name) for name in Download.__slots__ if name != "key"}
    return row | {
        "device_id": download.key.device_id,
        "channel_id": download.key.channel_id,
        "state": download.state.value,
    }


def _download(row: Row[Any]) -> Download:
    values = dict(row._mapping)
    key = ChannelKey(values.pop("device_id"), values.pop("channel_id"))
    return Download(key=key, **values | {"state": DownloadState(values["state"])})
