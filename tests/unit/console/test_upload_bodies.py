"""Files in bodies of every form that devices use. GB-C072."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from console.api.problems import ApiProblem
from console.api.upload_bodies import PARTS_MAX, UploadedFile, read_files
from storage.errors import BlobTooLarge

JPEG = b"\xff\xd8picture\xff\xd9"


def request(body: bytes, headers: dict[str, str] | None = None, query: str = "", step: int = 7) -> Request:
    pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/u/x",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("utf-8")) for name, value in (headers or {}).items()],
    }
    return Request(scope, receive)


def form(*parts: tuple[str, bytes], boundary: str = "b0und") -> tuple[bytes, dict[str, str]]:
    lines = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
    body = b"".join(lines) + f"--{boundary}--\r\n".encode()
    return body, {"content-type": f'multipart/form-data; boundary="{boundary}"'}


@pytest.mark.parametrize(
    ("headers", "query", "path_name", "name"),
    [
        ({}, "", "", ""),
        ({"content-type": "image/jpeg"}, "", "a.jpg", "a.jpg"),
        ({"content-type": "application/octet-stream"}, "filename=b.jpg", "", "b.jpg"),
        ({}, "fileName=c.jpg&x=1", "", "c.jpg"),
        ({"content-disposition": 'attachment; filename="d.jpg"'}, "filename=b.jpg", "a.jpg", "d.jpg"),
        ({"content-disposition": "attachment; filename=e.jpg"}, "", "", "e.jpg"),
        ({"content-disposition": "attachment; filename*=UTF-8''%E4%B8%9C.jpg"}, "", "", "东.jpg"),
        ({"content-type": "nonsense"}, "", "", ""),
    ],
)
async def test_a_raw_body_is_one_file(headers: dict[str, str], query: str, path_name: str, name: str) -> None:
    """GB-C072."""
    assert await read_files(request(JPEG, headers, query), path_name, 100) == [UploadedFile(name, JPEG)]


async def test_forms_with_any_field_name() -> None:
    """GB-C072: text fields beside the file are passed over; a file needs no name."""
    body, headers = form(
        ('Content-Disposition: form-data; name="device"', b"34020000001320000012"),
        (
            'Content-Disposition: form-data; name="x"; filename="东门.jpg"\r\nContent-Type: image/jpeg',
            JPEG,
        ),
        ('content-disposition: form-data; name="FILE"', JPEG + b"2"),
    )
    found = await read_files(request(body, headers), "outer.jpg", 1000)
    assert found == [UploadedFile("东门.jpg", JPEG), UploadedFile("outer.jpg", JPEG + b"2")]


async def test_names_in_the_charset_of_old_devices() -> None:
    body, headers = form(('Content-Disposition: form-data; name="a"; filename="x.jpg"', JPEG))
    body = body.replace(b"x.jpg", "东.jpg".encode("gb18030"))
    (found,) = await read_files(request(body, headers), "", 1000)
    assert found.name == "东.jpg"


async def test_a_byte_too_many_is_refused_wherever_it_is() -> None:
    assert await read_files(request(JPEG), "", len(JPEG))
    with pytest.raises(BlobTooLarge):
        await read_files(request(JPEG), "", len(JPEG) - 1)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (JPEG, {"content-type": "multipart/form-data"}),
        (b"no boundary here", {"content-type": "multipart/form-data; boundary=b0und"}),
        (b"--b0und\r\nbroken\0header\r\n\r\n", {"content-type": "multipart/form-data; boundary=b0und"}),
        form(("Content-Disposition: form-data; name=a", b"only text")),
        form(),
    ],
)
async def test_a_body_without_a_file_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ApiProblem):
        await read_files(request(body, headers), "", 1000)


async def test_parts_of_a_form_have_a_limit() -> None:
    part = ('Content-Disposition: form-data; name="a"; filename="a.jpg"', JPEG)
    assert len(await read_files(request(*form(*[part] * PARTS_MAX), step=10_000), "", 100_000)) == PARTS_MAX
    with pytest.raises(ApiProblem):
        await read_files(request(*form(*[part] * (PARTS_MAX + 1)), step=10_000), "", 100_000)
