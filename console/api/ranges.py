"""A file over HTTP with byte ranges (RFC 9110 section 14), also while it grows.

The size is read once and exactly that much is served, so a segment that is being written gives a whole
answer, and a file deleted in mid-download is still read to its end, because it stays open.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

CHUNK_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``first`` and ``last`` inclusive, as HTTP counts."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        return self.last - self.first + 1


class Unsatisfiable(ValueError):
    """The range begins behind the end of the file: 416."""


def parse_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The one range asked for; None = send all (no header, several ranges, or another unit: RFC 9110 14.2).

    Raises:
        Unsatisfiable: nothing of the range exists.
    """
    match = _RANGE.fullmatch((header or "").replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        suffix = int(match[2])
        if suffix == 0 or size_bytes == 0:
            raise Unsatisfiable
        return ByteRange(max(0, size_bytes - suffix), size_bytes - 1)
    first = int(match[1])
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    if match[2] and int(match[2]) < first:
        return None  # a malformed range is ignored
    if first >= size_bytes:
        raise Unsatisfiable
    return ByteRange(first, last)


async def file_response(
    request: Request, path: Path, media_type: str, filename: str, *, size_bytes: int | None = None
) -> Response:
    """Serve a file of ours.

    Args:
        path: chosen by us from the index, never built from the caller's text.
        filename: what a browser calls it when the person saves it.
        size_bytes: serve no more than this from its beginning, when the rest is not whole yet.

    Raises:
        FileNotFoundError: it is gone.
    """
    file = await asyncio.to_thread(path.open, "rb")
    try:
        status = os.fstat(file.fileno())
        size = status.st_size if size_bytes is None else min(size_bytes, status.st_size)
        etag = f'"{size:x}-{status.st_mtime_ns:x}"'
        headers = {
            "accept-ranges": "bytes",
            "etag": etag,
            "cache-control": "private, max-age=0, must-revalidate",
            "content-disposition": f'inline; filename="{filename}"',
        }
        try:
            wanted = parse_range(_range_header(request, etag), size)
        except Unsatisfiable:
            file.close()
            return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
        whole = ByteRange(0, size - 1)
        part = wanted or whole
        if wanted is not None:
            headers["content-range"] = f"bytes {part.first}-{part.last}/{size}"
        headers["content-length"] = str(part.size_bytes)
        code = 206 if wanted is not None else 200
        if request.method == "HEAD":
            file.close()
            return Response(status_code=code, headers=headers, media_type=media_type)
        return StreamingResponse(_read(file, part), status_code=code, headers=headers, media_type=media_type)
    except BaseException:
        file.close()
        raise


def _range_header(request: Request, etag: str) -> str | None:
    condition = request.headers.get("if-range")
    if condition is not None and condition != etag:
        return None
    return request.headers.get("range")


async def _read(file: BinaryIO, part: ByteRange) -> AsyncIterator[bytes]:
    left = part.size_bytes
    with file:
        await asyncio.to_thread(file.seek, part.first)
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
