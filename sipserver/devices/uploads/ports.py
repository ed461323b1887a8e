"""What this package needs from the rooms that own files and addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StoredBlob(Protocol):
    """A file as it was written."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


class Files(Protocol):
    """Keeps files under names of ours; each is there whole or not at all."""

    async def receive(self, name: str, chunks: AsyncIterator[bytes], limit_bytes: int) -> StoredBlob: ...
    async def delete(self, name: str) -> None: ...
    async def names(self) -> list[str]: ...
    def path(self, name: str) -> Path: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """Handed in by who builds the platform, before this room is opened."""

    files: Files
    http_port: int
