"""Hostile bytes for what devices bring: settings, reports, cards, forms, pictures.

Each reader gives a value or its own error, whatever it is given. ``HYPOTHESIS_PROFILE=fuzz`` tries harder.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from console.api.block_values import block_of, values_of
from console.api.problems import ApiProblem
from console.api.upload_bodies import read_files
from sipserver.devices.uploads.jpeg import NotJpeg, measure_jpeg
from sipserver.gb import manscdp
from sipserver.gb.config_blocks.registry import BLOCKS
from sipserver.gb.config_collector import ConfigCollector
from sipserver.gb.errors import MalformedDocument
from sipserver.gb.ids import GbId
from sipserver.gb.messages import read_message
from sipserver.gb.messages.config_download import ConfigDownloadResponse
from sipserver.gb.messages.device_config import DeviceConfig
from sipserver.gb.messages.device_upgrade import DeviceUpgradeResult
from sipserver.gb.messages.sd_card import SdCard, SdCardStatusResponse
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.stills import draw_jpeg
from storage.errors import BlobTooLarge
from tests.support.config_blocks import any_block

CAMERA = GbId("34020000001320000012")
REPORTS = [
    UploadSnapShotFinished("1", CAMERA, "a" * 32, ("one", "two")).to_xml(),
    DeviceUpgradeResult("2", CAMERA, "b" * 32, False, "V1", "02").to_xml(),
    SdCardStatusResponse("3", CAMERA, (SdCard("1", "SD1", "formatting", 40, 65_536, 0),)).to_xml(),
]
TOKENS = [b"<", b">", b"&", b"</", b"/>", b"\0", b"<Item>", b"</Item>", b"[2]", b"-1", b"9" * 30, b"\xff\xfe"]
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8data\xff\xd9\r\n--b--\r\n"
)
PICTURE = draw_jpeg(PictureSettings(width=64, height=64), datetime(2024, 5, 1, tzinfo=UTC), 1)


@st.composite
def damaged(draw: st.DrawFn, originals: st.SearchStrategy[bytes], tokens: list[bytes]) -> bytes:
    """A well-formed original with a few cuts, copies and insertions."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 30)), len(data))
        match draw(st.sampled_from(["delete", "insert", "copy", "cut"])):
            case "delete":
                del data[at:end]
            case "insert":
                data[at:at] = draw(st.sampled_from(tokens) | st.binary(max_size=8))
            case "copy":
                data[at:at] = data[at:end] * draw(st.integers(1, 3))
            case _ if draw(st.booleans()):
                del data[at:]
    return bytes(data)


def _documents() -> st.SearchStrategy[bytes]:
    blocks = st.lists(any_block(), max_size=3).map(tuple)
    built = st.one_of(
        blocks.map(lambda found: ConfigDownloadResponse("1", CAMERA, True, found).to_xml()),
        blocks.map(lambda found: DeviceConfig("1", CAMERA, found).to_xml()),
        st.sampled_from(REPORTS),
    )
    return built.map(manscdp.serialize_document)


@given(damaged(_documents(), TOKENS))
def test_damaged_documents_are_read_or_malformed_and_can_be_written_again(body: bytes) -> None:
    with contextlib.suppress(MalformedDocument):
        document = manscdp.parse_document(body)
        message = read_message(document)
        if message is None:
            return
        again = manscdp.parse_document(manscdp.serialize_document(message.to_xml()))
        assert (again.root, again.cmd_type) == (document.root, document.cmd_type)
        if isinstance(message, ConfigDownloadResponse):
            collector = ConfigCollector(tuple(BLOCKS), 0.0, 5.0)
            collector.receive(message, 0.0)
            for block in collector.result().blocks:
                assert isinstance(values_of(block), dict)


@given(
    damaged(st.just(FORM), [b"--b", b"--b--", b"\r\n", b"\r\n\r\n", b": ", b"\xff\xd8"]), st.integers(1, 300)
)
async def test_damaged_forms_give_files_or_a_problem(body: bytes, step: int) -> None:
    pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    request = Request({"type": "http", "method": "POST", "query_string": b"", "headers": headers}, receive)
    with contextlib.suppress(ApiProblem, BlobTooLarge):
        assert all(file.data for file in await read_files(request, "", 100_000))


@given(st.text(max_size=200), st.text(max_size=200))
async def test_any_headers_of_an_upload_are_borne(content_type: str, disposition: str) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    headers = [
        (b"content-type", content_type.encode("latin-1", "replace")),
        (b"content-disposition", disposition.encode("latin-1", "replace")),
    ]
    request = Request({"type": "http", "method": "POST", "query_string": b"", "headers": headers}, receive)
    with contextlib.suppress(ApiProblem):
        await read_files(request, "", 100)


@given(damaged(st.just(PICTURE), [b"\xff\xd8", b"\xff\xd9", b"\xff\xc0", b"\xff\xda", b"\xff\xff", b"\0\0"]))
def test_damaged_pictures_are_measured_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotJpeg):
        size = measure_jpeg(data)
        assert 0 < size.width <= 32_768


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["enabled", "mode", "regions", "area", "schedule", "segments", "unknown", "name"])


@given(st.sampled_from([*BLOCKS, "Vendor"]), st.dictionaries(FIELDS | st.text(max_size=8), JSON, max_size=4))
def test_any_values_of_a_caller_become_a_block_or_a_problem(name: str, values: dict[str, Any]) -> None:
    with contextlib.suppress(ApiProblem):
        block = block_of(name, values)
        manscdp.serialize_document(DeviceConfig("1", CAMERA, (block,)).to_xml())
