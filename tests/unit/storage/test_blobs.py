"""Uploaded files: whole or not there, within bounds, under names of ours."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.blobs import BlobStore
from storage.disk import DiskWatch
from storage.errors import BlobTooLarge, DiskFull, StorageViolation

NAME = "ab/" + "0" * 32 + "-1.jpg"


async def chunks(*parts: bytes, fails: Exception | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if fails is not None:
        raise fails


def files(root: Path) -> list[Path]:
    return [file for file in root.rglob("*") if file.is_file()]


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, DiskWatch(tmp_path, 0))


async def test_a_file_is_written_whole_and_found_again(store: BlobStore) -> None:
    blob = await store.receive(NAME, chunks(b"ab", b"", b"c"), 3)
    assert (blob.size_bytes, blob.sha256) == (3, hashlib.sha256(b"abc").hexdigest())
    assert store.path(NAME).read_bytes() == b"abc"
    assert store.path(NAME).stat().st_mode & 0o007 == 0
    assert await store.names() == [NAME]
    await store.delete(NAME)
    await store.delete(NAME)
    assert await store.names() == []


async def test_one_byte_more_than_allowed_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(BlobTooLarge):
        await store.receive(NAME, chunks(b"abc", b"d"), 3)
    assert files(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        await store.receive(NAME, chunks(b"abc", fails=ConnectionError()), 100)
    assert files(tmp_path) == []


async def test_a_full_disk_takes_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, DiskWatch(tmp_path, 1000, usage=lambda _root: (999, 10_000)))
    with pytest.raises(DiskFull):
        await store.receive(NAME, chunks(b"abc"), 100)
    assert files(tmp_path) == []


async def test_what_a_crash_left_half_written_goes_at_the_next_start(store: BlobStore) -> None:
    await store.receive(NAME, chunks(b"abc"), 3)
    store.path(NAME).with_suffix(".jpg.part").write_bytes(b"x")
    store.path(NAME).with_name("README").write_bytes(b"x")
    assert await store.names() == [NAME]
    assert not store.path(NAME).with_suffix(".jpg.part").exists()


@pytest.mark.parametrize("name", ["../x", "ab/../../x.jpg", "/etc/passwd", "ab/x.jpg", NAME + "\n", "ab\0/x"])
def test_names_that_are_not_ours_are_refused(store: BlobStore, name: str) -> None:
    with pytest.raises(StorageViolation):
        store.path(name)
