"""Whole files from outside: stills that devices upload, firmware for them.

A file is written beside its place, synced, and only then given its name, so that what has a name is whole.
Names are ours alone; what a device or a person calls a file stands in a table.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from storage.disk import DiskWatch
from storage.errors import BlobTooLarge, StorageViolation

DIRECTORY: Final = "uploads"
PART: Final = ".part"
_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(?:-[0-9]{1,3})?\.(?:jpg|bin)")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file as it was written."""

    size_bytes: int
    sha256: str


class BlobStore:
    """Keeps files below ``root``/uploads, as long as the disk has room."""

    def __init__(self, root: Path, disk: DiskWatch) -> None:
        self._root = root / DIRECTORY
        self._disk = disk

    async def receive(self, name: str, chunks: AsyncIterator[bytes], limit_bytes: int) -> Blob:
        """Write a file; nothing is left of one that does not become whole.

        Raises:
            BlobTooLarge: it has more bytes than the limit.
            DiskFull: free space is below the floor.
            OSError: it cannot be written.
        """
        file = self.path(name)
        await asyncio.to_thread(self._require_room)
        part = file.with_name(file.name + PART)
        out = await asyncio.to_thread(_create, part)
        digest = hashlib.sha256()
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise BlobTooLarge(limit_bytes)
                await asyncio.to_thread(_append, out, chunk, digest)
            await asyncio.to_thread(_finish, out, part, file)
        except BaseException:
            out.close()
            part.unlink(missing_ok=True)
            raise
        return Blob(size, digest.hexdigest())

    async def delete(self, name: str) -> None:
        """Delete a file; one that is gone already is no error."""
        await asyncio.to_thread(self.path(name).unlink, missing_ok=True)

    async def names(self) -> list[str]:
        """All whole files; what a former run left half written is deleted."""
        return await asyncio.to_thread(self._scan)

    def path(self, name: str) -> Path:
        """Where a file lies.

        Raises:
            StorageViolation: no name of ours.
        """
        if not _NAME.fullmatch(name):
            raise StorageViolation(f"{name[:80]!r} is no name of an uploaded file")
        return self._root / name

    def _require_room(self) -> None:
        self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._disk.require_room()

    def _scan(self) -> list[str]:
        names = []
        for file in sorted(self._root.glob("??/*")):
            if file.name.endswith(PART):
                file.unlink(missing_ok=True)
            elif _NAME.fullmatch(name := file.relative_to(self._root).as_posix()):
                names.append(name)
        return names


def _create(part: Path) -> BinaryIO:
    part.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "wb")


def _append(out: BinaryIO, chunk: bytes, digest: "hashlib._Hash") -> None:
    out.write(chunk)
    digest.update(chunk)


def _finish(out: BinaryIO, part: Path, file: Path) -> None:
    out.flush()
    os.fsync(out.fileno())
    out.close()
    part.rename(file)
