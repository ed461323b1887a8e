"""Where devices bring their stills and fetch their firmware. No log-in: the address itself is the secret.

Devices do this in every way that HTTP has: POST or PUT, the file as the body or in a form, its name in the
path, the query or the disposition (GB-C072). The addresses are short because cameras cut long ones off.
"""

import logging
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Content, JSONResponse, Response, StreamingResponse

from console.api.context import context_of
from console.api.problems import problem_of, problem_response
from console.api.ranges import file_response
from console.api.upload_bodies import read_files
from console.auth import source_of
from console.http_connection import allow_longer
from sipserver.devices.errors import DeviceError
from sipserver.devices.uploads.place import DOWNLOAD_PREFIX, UPLOAD_PREFIX
from sipserver.devices.uploads.upgrades import Upgrades
from storage.errors import StorageError

router = APIRouter(include_in_schema=False)

_log = logging.getLogger(__name__)
# What was not read of a body must not be taken for the next request.
_CLOSE: Final = {"connection": "close"}


@router.api_route(f"{UPLOAD_PREFIX}/{{token}}", methods=["POST", "PUT"])
@router.api_route(f"{UPLOAD_PREFIX}/{{token}}/{{name:path}}", methods=["POST", "PUT"])
async def take_upload(request: Request, token: str, name: str = "") -> Response:
    """One or several pictures of a burst."""
    uploads = context_of(request).devices.uploads
    try:
        with uploads.snapshots.receiving(token) as receipt:
            allow_longer(request.scope, receipt.transfer_s)
            for file in await read_files(request, name, receipt.limit_bytes):
                await uploads.snapshots.take(receipt, file.name, file.data)
    except (DeviceError, StorageError, OSError) as error:
        problem = problem_of(error)
        _log.info("an upload from %s was refused: %s", source_of(request), problem.code)
        return problem_response(problem, _CLOSE)
    return JSONResponse({})


@router.api_route(f"{DOWNLOAD_PREFIX}/{{token}}", methods=["GET", "HEAD"])
@router.api_route(f"{DOWNLOAD_PREFIX}/{{token}}/{{name:path}}", methods=["GET", "HEAD"])
async def give_firmware(request: Request, token: str, name: str = "") -> Response:
    """The file of an upgrade that runs; Range is supported."""
    upgrades = context_of(request).devices.uploads.upgrades
    try:
        found = await upgrades.fetched(token)
        answer = await file_response(request, found.path, "application/octet-stream", "firmware.bin")
    except (DeviceError, OSError) as error:
        return problem_response(problem_of(error), _CLOSE)
    if isinstance(answer, StreamingResponse) and _has_end(answer):
        answer.body_iterator = _noticed(answer.body_iterator, upgrades, token)
    return answer


def _has_end(answer: StreamingResponse) -> bool:
    """Whether the last byte of the file is in this answer."""
    content_range = answer.headers.get("content-range")
    if content_range is None:
        return True
    last, _, size = content_range.rpartition("-")[2].partition("/")
    return int(last) + 1 == int(size)


async def _noticed(body: AsyncIterable[Content], upgrades: Upgrades, token: str) -> AsyncIterator[Content]:
    async for chunk in body:
        yield chunk
    upgrades.sent(token)
