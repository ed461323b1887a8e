"""Every route of the API with what nobody should send: a typed problem that the route declares, never 500.

``HYPOTHESIS_PROFILE=fuzz`` tries harder.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sipserver.devices.settings import DeviceSettings
from tests.support.platform_process import eventually
from tests.support.small_site import HOST, SIP_PASSWORD, small_site

PROBLEM: Final = "application/problem+json"
# Any request may meet these: the body is too long, the server has enough to do.
EVERYWHERE: Final = {413, 429, 431}
# Ends the session of this test; a stream of events never ends.
LEFT_OUT: Final = {("post", "/api/v1/logout"), ("get", "/api/v1/events")}
FEW: Final = 30 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 2
WORDS: Final = (
    "",
    "x",
    "\0",
    "é",
    "-1",
    "0",
    "99999999999999999999",
    "..",
    "a~b~c",
    "%",
    "'; --",
    "x" * 300,
    "NaN",
)
VALUES: Final[tuple[Any, ...]] = (
    None, True, "", "x", "\0", "x" * 10_000, -1, 0, 1e308, 2**70, 1.5, [], {}, [[[]]], {"a": {"b": []}},
    "NaN", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00-14:00", "2026-01-01T00:00:00", "é" * 100,
    ["x"] * 500,
)  # fmt: skip
RAW: Final = (
    b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b'{"a":' * 5_000, b'{"a": NaN}', b"[1e999]", b'"' * 50_000,
    json.dumps({"a": "\ud800"}).encode(), b"x" * 100_000,
)  # fmt: skip


@dataclass(frozen=True)
class Route:
    """One operation of the document."""

    method: str
    path: str
    operation: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


class Maker:
    """Makes values that a schema of the document allows, as far as it says."""

    def __init__(self, document: dict[str, Any], known: dict[str, str]) -> None:
        self._document = document
        self._known = known

    def value(self, schema: dict[str, Any], name: str = "") -> Any:
        schema = self._resolved(schema)
        if name in self._known:
            return self._known[name]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        for key in ("const", "default"):
            if schema.get(key) is not None:
                return schema[key]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.value(schema[key][0], name)
        match schema.get("type"):
            case "object":
                required = schema.get("required", [])
                return {
                    each: self.value(inner, each)
                    for each, inner in schema.get("properties", {}).items()
                    if each in required
                }
            case "array":
                return [self.value(schema.get("items", {}), name)] * max(schema.get("minItems", 0), 1)
            case "integer" | "number":
                return schema.get("minimum", schema.get("exclusiveMinimum", 1))
            case "boolean":
                return True
        return "2026-05-01T00:00:00+08:00" if schema.get("format") == "date-time" else "x"

    def properties(self, schema: dict[str, Any]) -> list[str]:
        return list(self._resolved(schema).get("properties", {}))

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema


def routes(document: dict[str, Any]) -> list[Route]:
    return [
        Route(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def requests(route: Route, maker: Maker, dice: random.Random) -> Iterator[dict[str, Any]]:
    """As it should be, and then everything that can be wrong about it."""
    parameters = route.operation.get("parameters", [])
    good = {each["name"]: maker.value(each["schema"], each["name"]) for each in parameters}
    inside = {each["name"] for each in parameters if each["in"] == "path"}
    content = route.operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    body = None if schema is None else maker.value(schema)

    def made(values: dict[str, Any], **more: Any) -> dict[str, Any]:
        path = route.path
        for name in inside:
            path = path.replace(f"{{{name}}}", _quoted(str(values[name])))
        query = {name: value for name, value in values.items() if name not in inside and value is not None}
        return {"url": path, "params": query, **more}

    as_json: dict[str, Any] = {} if body is None else {"json": body}
    yield made(good, **as_json)
    for name in good:
        for word in dice.sample(WORDS, min(len(WORDS), FEW)):
            yield made(good | {name: word}, **as_json)
    if content:
        for raw in dice.sample(RAW, min(len(RAW), FEW + 1)):
            kind = dice.choice([*content, "text/plain", "application/json; charset=utf-16"])
            yield made(good, content=raw, headers={"Content-Type": kind})
    if isinstance(body, dict):
        for name in maker.properties(schema):
            for value in dice.sample(VALUES, min(len(VALUES), FEW)):
                yield made(good, content=json.dumps(body | {name: value}), headers=_JSON)
            yield made(
                good, content=json.dumps({key: body[key] for key in body if key != name}), headers=_JSON
            )
        yield made(good, content=json.dumps(body | {"no_such": 1}), headers=_JSON)


_JSON: Final = {"Content-Type": "application/json"}


def _quoted(text: str) -> str:
    """Into one part of a path; dots would be tidied away by the client."""
    return quote(text, safe="").replace(".", "%2e") or "%20"


SIP: Final = DeviceSettings(
    host=HOST, port=0, password=SIP_PASSWORD, catalog_quiet_s=0.3, catalog_retries=0, linger_s=0.0,
    query_timeout_s=0.3, invite_timeout_s=1.0, keyframe_timeout_s=1.0, probe_timeout_s=0.3,
)  # fmt: skip


async def test_every_route_answers_bad_requests_with_a_problem_it_declares(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(9457)
    async with small_site(tmp_path, sip=SIP) as site:
        camera = await site.add_camera()
        document = (await site.api.get("/openapi.json")).json()
        known = {"device_id": camera.settings.device_id, "channel_id": camera.settings.all_channel_ids[0]}
        maker = Maker(document, known)
        root = httpx.AsyncClient(
            base_url=str(site.api.base_url).removesuffix("/api/v1/"),
            headers=site.api.headers,
            trust_env=False,
            timeout=30.0,
            # A connection of its own for each: one that was idle may be closed just when it is used again.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        wrong: set[str] = set()
        async with root:
            for route in routes(document):
                if (route.method, route.path) not in LEFT_OUT:
                    made = requests(route, maker, dice)
                    wrong.update(*await asyncio.gather(*(_faults(root, route, each) for each in made)))
        assert wrong == set()
        assert (await site.api.get("/me")).json()["username"] == "admin"
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def _faults(root: httpx.AsyncClient, route: Route, request: dict[str, Any]) -> set[str]:
    """What is wrong with an answer: nothing, or what the document does not say of this route."""
    answer = await root.request(route.method.upper(), **request)
    status, said = answer.status_code, {key: str(value)[:200] for key, value in request.items()}
    if status < 400:
        return set()
    if not answer.headers["Content-Type"].startswith(PROBLEM):
        return {f"{route}: {status} is no problem: {said}"}
    problem = answer.json()
    declared = {int(each) for each in route.operation["responses"]} | EVERYWHERE
    # A path that is no longer the route's is another one.
    is_ours = problem["code"] not in ("not-found", "method-not-allowed")
    if status == 500 or problem["status"] != status or (is_ours and status not in declared):
        return {f"{route}: {status} {problem['code']} to {said}"}
    return set()


SPOKEN: Final[tuple[str | bytes, ...]] = (
    "", "{", "null", "[]", '"x"', "{}", '{"pan": "left"}', '{"pan": NaN}', '{"pan": 1e999}', '{"pan": 2}',
    '{"pan": null}', '{"pan": {"a": 1}}', '{"no_such": 1}', "[" * 900, b"\xff\xfe", bytes(100), "\0" * 10,
)  # fmt: skip


async def test_a_joystick_that_speaks_nonsense_moves_nothing_and_costs_only_itself(tmp_path: Path) -> None:
    async with small_site(tmp_path, sip=SIP) as site:
        camera = await site.add_camera()
        path = f"/channels/{camera.settings.all_channel_ids[0]}/ptz/joystick"
        url = str(site.api.base_url).rstrip("/").replace("http://", "ws://") + path
        headers = {"Authorization": site.api.headers["Authorization"]}
        for word in SPOKEN:
            async with connect(url, additional_headers=headers) as socket:
                for _ in range(3):
                    await socket.send(word)
        async with connect(url, additional_headers=headers) as socket:
            with pytest.raises(ConnectionClosed):
                await _talk(socket)
        async with connect(url, additional_headers=headers) as socket:
            await socket.send("x" * 100_000)
            with pytest.raises(ConnectionClosed):
                await _listen(socket)
        for wrong in ({}, {"Authorization": "Bearer x"}):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(url, additional_headers=wrong):
                    pass
            assert refused.value.response.status_code == 401
        assert site.platform.devices.stats.ptz_frames == 0

        async def let_go() -> bool:
            return (await site.api.get(path.replace("joystick", "")[:-1])).json().get("lock") is None

        await eventually(let_go, "nobody holds the camera")


async def _talk(socket: ClientConnection) -> None:
    for _ in range(10_000):
        await socket.send("x")
        await socket.recv()


async def _listen(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


@pytest.mark.parametrize("prefix", ["/u/", "/f/"])
async def test_addresses_for_files_are_no_way_in(site_root: httpx.AsyncClient, prefix: str) -> None:
    """A token that was never given, in every form; the body is not even read."""
    for token in ("x", "a" * 43, "..%2f..%2fetc%2fpasswd", "%00", "x" * 3_000, "%ff", "a/b/../../c", "*"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"):
            content = b"\xff\xd8" + bytes(10_000) if method in ("POST", "PUT", "PATCH") else None
            for kind in (
                "image/jpeg",
                "multipart/form-data",
                "multipart/form-data; boundary=" + "x" * 300,
                "",
            ):
                headers = {"Content-Type": kind} if content and kind else {}
                answer = await site_root.request(method, prefix + token, content=content, headers=headers)
                assert answer.status_code in (404, 405, 410, 303, 307), (method, token, answer.status_code)
                assert b"root:" not in answer.content


@pytest.fixture
async def site_root(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with small_site(tmp_path, sip=SIP) as site:
        base = str(site.api.base_url).removesuffix("/api/v1/")
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30.0) as client:
            yield client
