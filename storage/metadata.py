"""What every file says of itself, so that the index can be rebuilt from the files (R-18).

The media room puts the bytes into the uuid box of each file, after the wall clock of its start.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from catalog.columns import from_us
from catalog.model import RetentionClass
from storage.errors import SegmentUnreadable

USER_TYPE: Final = b"tongshi-segment\x01"
"""The extended type of the box: 16 bytes."""

WALL_START_BYTES: Final = 8
"""After the type: wall clock of the first picture, microseconds since 1970 UTC, signed, big endian."""

MAX_START_US: Final = 253_402_300_800_000_000
"""The year 10000."""


@dataclass(frozen=True, slots=True)
class SegmentMetadata:
    """Whose footage it is, and the promise under which it was recorded."""

    device_id: str
    channel_id: str
    recorder_id: str
    retention_class: RetentionClass

    def serialize(self) -> bytes:
        fields = {
            "v": 1,
            "device_id": self.device_id,
            "channel_id": self.channel_id,
            "recorder_id": self.recorder_id,
            "retention_class": self.retention_class.value,
        }
        return json.dumps(fields, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the bytes of ``serialize``.

        Raises:
            SegmentUnreadable: they are something else.
        """
        try:
            fields = json.loads(data)
            texts = [fields[name] for name in ("device_id", "channel_id", "recorder_id", "retention_class")]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise SegmentUnreadable("the metadata box does not hold our metadata", 0) from None
        if not all(isinstance(text, str) and text for text in texts):
            raise SegmentUnreadable("the metadata box holds empty fields", 0)
        known = {each.value for each in RetentionClass}
        # A class of a newer version is kept as long as the longest one known here.
        retention = RetentionClass(texts[3]) if texts[3] in known else RetentionClass.KEY
        return cls(texts[0], texts[1], texts[2], retention)


def parse_user_boxes(boxes: tuple[bytes, ...]) -> tuple[datetime, SegmentMetadata]:
    """The wall clock of a file's first picture, and its metadata.

    Args:
        boxes: payloads of its uuid boxes, each beginning with the extended type.

    Raises:
        SegmentUnreadable: none of them is ours.
    """
    for box in boxes:
        if not box.startswith(USER_TYPE):
            continue
        body = box[len(USER_TYPE) :]
        start_us = int.from_bytes(body[:WALL_START_BYTES], "big", signed=True)
        if not 0 < start_us < MAX_START_US:
            raise SegmentUnreadable(f"the metadata box begins at {start_us} µs", 0)
        return from_us(start_us), SegmentMetadata.parse(body[WALL_START_BYTES:])
    raise SegmentUnreadable("no metadata box of ours", 0)
