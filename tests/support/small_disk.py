"""A small file system of its own, to be filled up."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk_at(path: Path, size_bytes: int) -> Iterator[Path]:
    """Mount it on a new folder; whoever uses it has to be gone at the end of the block."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount the small file system that fills up")
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(path)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)
