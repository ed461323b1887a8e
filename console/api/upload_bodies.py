"""The files in the body of an upload, whatever form the device chose: raw, or multipart with any field."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from starlette.requests import Request

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

from console.api.problems import INVALID, ApiProblem
from storage.errors import BlobTooLarge

PARTS_MAX: Final = 20
PART_HEADERS_MAX: Final = 20
NAME_KEYS: Final = ("filename", "fileName", "FileName", "file_name", "name", "file", "SnapShotFileID")
"""Where devices put the name of a file into the query."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """``name`` is what the device says, empty when it says nothing."""

    name: str
    data: bytes


async def read_files(request: Request, path_name: str, limit_bytes: int) -> list[UploadedFile]:
    """All files of a request.

    Args:
        path_name: what stands in the path behind the address that the device was given.
        limit_bytes: of the whole body.

    Raises:
        BlobTooLarge, ApiProblem
    """
    body = await _body(request.stream(), limit_bytes)
    kind, boundary = _boundary(request.headers.get("content-type", ""))
    if kind == "multipart":
        files = _parts(body, boundary)
    else:
        files = [UploadedFile(_parameter(request.headers.get("content-disposition", ""), "filename"), body)]
    outer = path_name or next((name for key in NAME_KEYS if (name := request.query_params.get(key))), "")
    found = [UploadedFile(each.name or outer, each.data) for each in files if each.data]
    if not found:
        raise ApiProblem(INVALID, "The body holds no file")
    return found


async def _body(stream: AsyncIterator[bytes], limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > limit_bytes:
            raise BlobTooLarge(limit_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def _boundary(content_type: str) -> tuple[str, bytes]:
    message = Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "multipart":
        return "raw", b""
    boundary = message.get_boundary("")
    if not boundary:
        raise ApiProblem(INVALID, "The multipart body names no boundary")
    return "multipart", boundary.encode("latin-1", "replace")


def _parts(body: bytes, boundary: bytes) -> list[UploadedFile]:
    collector = _Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ApiProblem(INVALID, f"The multipart body is damaged: {str(error)[:120]}") from error
    # Text fields beside the file are not files; a file has a name or is not text.
    return [each for each in collector.files if each.name or each.data.startswith(b"\xff\xd8")]


class _Collector:
    """What the parser of python-multipart calls back."""

    def __init__(self) -> None:
        self.files: list[UploadedFile] = []
        self._headers: dict[str, str] = {}
        self._field = self._value = b""
        self._data: list[bytes] = []

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_part_data": self._on_data,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.files) >= PARTS_MAX:
            raise ValueError(f"more than {PARTS_MAX} parts")
        self._headers, self._data = {}, []

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if len(self._headers) < PART_HEADERS_MAX:
            self._headers[_text(self._field).strip().lower()] = _text(self._value)
        self._field = self._value = b""

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _end(self) -> None:
        name = _parameter(self._headers.get("content-disposition", ""), "filename")
        self.files.append(UploadedFile(name, b"".join(self._data)))


def _parameter(header: str, key: str) -> str:
    """A parameter of a header field; quoted, plain, or in the form of RFC 2231."""
    if not header:
        return ""
    message = Message()
    message["content-disposition"] = header.replace("\r", " ").replace("\n", " ")
    value = message.get_param(key, "", header="content-disposition")
    if isinstance(value, tuple):
        charset, _, text = value
        try:
            return text.encode("latin-1", "replace").decode(charset or "utf-8", "replace")
        except LookupError:
            return text
    return str(value)


def _text(data: bytes) -> str:
    """Chinese devices write file names in either charset."""
    for codec in ("utf-8", "gb18030"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
