"""Compares the index with the disk and verifies the ledger, for ``tongshi check``. Changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from catalog.columns import chunks
from storage.disk import disk_usage
from storage.errors import LedgerBroken, StorageViolation
from storage.files import SEGMENTS, SUFFIX, segment_file
from storage.index import SegmentIndex
from storage.ledger import DeletionLedger
from storage.model import ON_DISK, Segment, SegmentState
from storage.settings import StorageSettings

MAX_FINDINGS: Final = 1000
"""Findings of one kind that are listed; the rest is counted."""


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, or worth knowing. ``subject`` is a segment, a file or a room."""

    severity: Severity
    code: str
    subject: str
    detail: str


async def check(settings: StorageSettings, engine: AsyncEngine) -> list[Finding]:
    """Everything that is wrong with the store; empty means that index, disk and ledger agree."""
    if not await asyncio.to_thread(settings.path.is_dir):
        return [
            Finding(Severity.ERROR, "no_store", str(settings.path), "the recording directory does not exist")
        ]
    findings = list(_free_space(settings))
    findings += [
        finding async for finding in _bounded(_rows_against_files(settings.path, SegmentIndex(engine)))
    ]
    findings += [
        finding async for finding in _bounded(_files_against_rows(settings.path, SegmentIndex(engine)))
    ]
    findings += await _ledger(DeletionLedger(engine))
    return findings


def _free_space(settings: StorageSettings) -> list[Finding]:
    free, _ = disk_usage(settings.path)
    if free >= settings.free_floor_bytes:
        return []
    detail = f"{free:,} bytes free, the floor is {settings.free_floor_bytes:,}: nothing new is recorded"
    return [Finding(Severity.ERROR, "disk_full", str(settings.path), detail)]


async def _rows_against_files(root: Path, index: SegmentIndex) -> AsyncIterator[Finding]:
    after = ""
    while batch := await index.walk(ON_DISK, after):
        after = batch[-1].segment_id
        for finding in await asyncio.to_thread(_compare, root, batch):
            yield finding


def _compare(root: Path, batch: list[Segment]) -> list[Finding]:
    findings = []
    for segment in batch:
        try:
            size_bytes = segment_file(root, segment.path).stat().st_size
        except FileNotFoundError:
            findings.append(
                Finding(Severity.ERROR, "file_missing", segment.segment_id, f"{segment.path} does not exist")
            )
        except (StorageViolation, OSError) as error:
            findings.append(Finding(Severity.ERROR, "path_unusable", segment.segment_id, str(error)))
        else:
            findings += _compare_size(segment, size_bytes)
    return findings


def _compare_size(segment: Segment, size_bytes: int) -> list[Finding]:
    if segment.state is SegmentState.OPEN:
        detail = "is being written, or was left open by a crash: the next start closes it"
        return [Finding(Severity.INFO, "segment_open", segment.segment_id, detail)]
    if size_bytes == segment.size_bytes:
        return []
    detail = f"{size_bytes:,} bytes on disk, {segment.size_bytes:,} in the index"
    return [Finding(Severity.ERROR, "size_differs", segment.segment_id, detail)]


async def _files_against_rows(root: Path, index: SegmentIndex) -> AsyncIterator[Finding]:
    for directory in await asyncio.to_thread(lambda: sorted((root / SEGMENTS).glob("*/*"))):
        files = await asyncio.to_thread(lambda each=directory: sorted(each.glob("*")))  # type: ignore[misc]
        for chunk in chunks(files):
            known = await index.known(file.stem for file in chunk)
            for file in chunk:
                if file.suffix != SUFFIX:
                    yield Finding(Severity.INFO, "foreign_file", file.name, "is not a recording")
                elif file.stem not in known:
                    detail = "has no row in the index: the next start takes it up"
                    yield Finding(Severity.WARNING, "file_without_row", file.name, detail)


async def _ledger(ledger: DeletionLedger) -> list[Finding]:
    try:
        await ledger.verify()
    except LedgerBroken as error:
        return [Finding(Severity.ERROR, "ledger_broken", f"deletion {error.seq}", str(error))]
    return []


async def _bounded(findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """The first findings of each kind, and one line for how many more there are."""
    seen: dict[str, int] = {}
    severities: dict[str, Severity] = {}
    async for finding in findings:
        seen[finding.code] = seen.get(finding.code, 0) + 1
        severities[finding.code] = finding.severity
        if seen[finding.code] <= MAX_FINDINGS:
            yield finding
    for code, count in seen.items():
        if count > MAX_FINDINGS:
            yield Finding(severities[code], code, "more", f"{count - MAX_FINDINGS:,} more of this kind")
