"""Profiles as a JSON document, to carry from one platform to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sipserver.devices.errors import UnsuitableValue
from sipserver.devices.profiles.facets import Facet
from sipserver.devices.profiles.model import DeviceKind, Learned, ProfileRow
from sipserver.devices.profiles.tables import EVIDENCE_MAX_CHARS

FORMAT: Final = "tongshi-device-profiles"
VERSION: Final = 1
ROWS_MAX: Final = 100_000


def document_of(rows: Iterable[ProfileRow]) -> dict[str, Any]:
    """What is written to the file."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "profiles": [
            {
                **row.kind._asdict(),
                "facet": row.facet.value,
                "value": row.learned.value,
                "evidence": row.learned.evidence,
                "learned_time": row.learned.learned_time.isoformat(),
                "pinned": row.learned.is_pinned,
            }
            for row in rows
        ],
    }


def rows_of(document: Mapping[str, Any]) -> list[ProfileRow]:
    """Read such a document. Facets of a newer platform are passed over.

    Raises:
        UnsuitableValue: it is another kind of document, or one of its rows has a field that cannot be.
    """
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        raise UnsuitableValue(f"the document is not {FORMAT} version {VERSION}")
    rows = document.get("profiles")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or len(rows) > ROWS_MAX:
        raise UnsuitableValue(f"profiles is not a list of at most {ROWS_MAX} rows")
    known = set(Facet)
    return [_row(number, row) for number, row in enumerate(rows) if _facet(row) in known]


def _facet(row: object) -> str | None:
    facet = row.get("facet") if isinstance(row, Mapping) else None
    return facet if isinstance(facet, str) else None


def _row(number: int, row: Mapping[str, Any]) -> ProfileRow:
    texts = {
        name: row.get(name, "")
        for name in ("manufacturer", "model", "firmware", "facet", "value", "evidence", "learned_time")
    }
    for name, text in texts.items():
        if not isinstance(text, str):
            raise UnsuitableValue(f"row {number}: {name} is not a text")
    kind = DeviceKind.of(texts["manufacturer"], texts["model"], texts["firmware"])
    if kind is None:
        raise UnsuitableValue(f"row {number} names neither manufacturer nor model")
    try:
        learned_time = datetime.fromisoformat(texts["learned_time"])
    except ValueError:
        raise UnsuitableValue(f"row {number}: learned_time is not a time") from None
    if learned_time.tzinfo is None:
        raise UnsuitableValue(f"row {number}: learned_time has no offset")
    learned = Learned(
        texts["value"], texts["evidence"][:EVIDENCE_MAX_CHARS], learned_time, row.get("pinned") is True
    )
    return ProfileRow(kind, Facet(texts["facet"]), learned)
