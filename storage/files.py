"""Files of the store: named by id, found by a path relative to its root."""

import re
from pathlib import Path, PurePosixPath
from typing import Final

from storage.errors import StorageViolation

SUFFIX: Final = ".mp4"
SEGMENTS: Final = "segments"

_RECORDER_ID: Final = re.compile(r"[0-9a-f]{8,64}")


def recorder_directory(root: Path, recorder_id: str) -> Path:
    """Where the files of one recorder run lie: two hexadecimal digits keep directories small."""
    if not _RECORDER_ID.fullmatch(recorder_id):
        raise StorageViolation(f"recorder id {recorder_id!r} is not hexadecimal")
    return root / SEGMENTS / recorder_id[:2] / recorder_id


def relative_path(root: Path, file: Path) -> str:
    """The form in which the index keeps a path: it survives a move of the whole store."""
    try:
        return file.absolute().relative_to(root.absolute()).as_posix()
    except ValueError:
        raise StorageViolation(f"{file} lies outside of the store {root}") from None


def segment_file(root: Path, relative: str) -> Path:
    """The file behind a path of the index.

    Raises:
        StorageViolation: the path leaves the store, by ``..``, by being absolute or through a link.
    """
    parts = PurePosixPath(relative)
    if parts.is_absolute() or ".." in parts.parts or parts.suffix != SUFFIX or "\0" in relative:
        raise StorageViolation(f"path {relative!r} of the index is not one of ours")
    base = root.resolve()
    file = (base / parts).resolve()
    if not file.is_relative_to(base):
        raise StorageViolation(f"path {relative!r} of the index leads out of the store")
    return file
