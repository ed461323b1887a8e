"""Hostile callers of the API, the page and the listener of live pictures, against the real platform."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx
import psutil
import pytest

from console.client import Client, LiveSession, ProblemError
from tests.support.hostile_peers import (
    WRONG_FRAMES,
    Streams,
    exchange,
    held,
    watching,
    websocket_frames,
    websocket_handshake,
)
from tests.support.platform_process import ADMIN_PASSWORD, SIP_PASSWORD, PlatformProcess, eventually
from tests.support.platform_scene import camera, cameras, known_channel, logged_in

LOGINS = 2_000
MEMORY_MAX_BYTES = 80_000_000


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    process = PlatformProcess(tmp_path)
    process.environment.update(
        {
            "TONGSHI_HTTP__REQUEST_DEADLINE_S": "1.5",
            "TONGSHI_HTTP__CONNECTIONS_MAX": "300",
            "TONGSHI_MEDIA__REQUEST_DEADLINE_S": "1.5",
            "TONGSHI_MEDIA__VIEWER_STUCK_S": "2",
        }
    )
    yield process
    process.kill()


def memory(platform: PlatformProcess) -> int:
    assert platform.process is not None
    return int(psutil.Process(platform.process.pid).memory_info().rss)


@asynccontextmanager
async def live_picture(platform: PlatformProcess) -> AsyncIterator[tuple[Client, LiveSession]]:
    await platform.start()
    made = camera(platform)
    async with cameras(made), logged_in(platform) as client:
        await known_channel(client, made.all_channel_ids[0])
        yield client, await client.open_live(made.all_channel_ids[0])
    assert await platform.stop() == 0
    text = platform.log()
    assert "Traceback" not in text
    assert " ERROR " not in text, [line for line in text.splitlines() if " ERROR " in line][:5]
    assert SIP_PASSWORD not in text
    assert ADMIN_PASSWORD not in text


def paths_of_hostility(segment_id: str) -> Iterator[str]:
    for up in ("../" * 6, "..%2f" * 6, "%2e%2e%2f" * 6, "..\\" * 6, "/", "....//" * 6, "%252e%252e%252f" * 6):
        yield f"/api/v1/recordings/{up}etc/passwd"
        yield f"/api/v1/recordings/{up}etc/passwd.mp4"
        yield f"/{up}etc/passwd"
        yield f"/_nicegui/static/{up}etc/passwd"
        yield f"/static/{up}etc/passwd"
    for text in (segment_id, "a" * 5_000, "%00", "%0d%0aSet-Cookie:%20a=b", "';--", "%ff%fe", "*", "-1", "."):
        yield f"/api/v1/recordings/{text}.mp4"
        yield f"/api/v1/channels/{text}"
        yield f"/api/v1/devices/{text}"
        yield f"/api/v1/sessions/{text}"
        yield f"/api/v1/channels?cursor={text}"
        yield f"/api/v1/channels?limit={text}"
        yield f"/api/v1/channels/{text}/recordings?start={text}&end={text}"


async def test_requests_that_nobody_should_send(platform: PlatformProcess) -> None:
    async with live_picture(platform) as (client, _), httpx.AsyncClient(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {client.token}"}
        for path in paths_of_hostility("0123456789abcdef0123456789abcdef-000001"):
            # By hand: a library would tidy the path before it is sent.
            answer = await exchange(
                ("127.0.0.1", platform.http_port),
                f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.token}\r\n"
                "Connection: close\r\n\r\n".encode(),
            )
            status = int(answer[9:12])
            assert 200 <= status < 500, (path, answer[:600])
            assert b"root:" not in answer
            if path.startswith("/api/") and status >= 400:
                assert b"\r\ncontent-type: application/problem+json\r\n" in answer, (path, answer[:600])
        bodies = [
            b"",
            b"{",
            b"null",
            b"[]",
            b"\xff\xfe\x00",
            b'{"username": NaN, "password": 1e999}',
            b'{"username": {"a": "b"}, "password": ["c"]}',
            b"[" * 60_000,
            json.dumps({"username": "\0\ud800", "password": "x"}).encode(),
            json.dumps({"username": "x" * 60_000, "password": "x"}).encode(),
            b"x" * 200_000,
        ]
        for body, path in itertools.product(
            bodies, ("/login", "/me/password", "/devices/34020000001320000001")
        ):
            method = "PATCH" if path.startswith("/devices") else "POST"
            answer = await http.request(
                method,
                f"{platform.base_url}/api/v1{path}",
                content=body,
                headers={**headers, "Content-Type": "application/json"},
            )
            assert 400 <= answer.status_code < 500, (path, body[:60], answer.text[:300])
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "CONNECT", "OPTIONS"):
            if method != "CONNECT":  # httpx keeps that one for proxies
                answer = await http.request(method, f"{platform.base_url}/api/v1/login", headers=headers)
                assert answer.status_code in (400, 404, 405), (method, answer.status_code)
        for token in ("x", "a.b.c", "é" * 10, "x" * 8_000, client.token[:-3] if client.token else ""):
            answer = await http.get(
                f"{platform.base_url}/api/v1/me", headers={"Authorization": f"Bearer {token}".encode()}
            )
            assert answer.status_code == 401
        assert (await client.me()).username == "admin"


async def test_half_requests_and_endless_heads(platform: PlatformProcess) -> None:
    async with live_picture(platform) as (_, live):
        before = memory(platform)
        http, media = ("127.0.0.1", platform.http_port), ("127.0.0.1", platform.media_port)
        head = b"GET / HTTP/1.1\r\nHost: a\r\n"
        async with watching(live.urls.fmp4_http) as watcher:
            for address in (http, media):
                endless = (b"x" * 65_536 for _ in range(400))
                many = (b"X-A: b\r\n" * 8_192 for _ in range(400))
                for pieces in (endless, many):
                    answer = await exchange(address, head + b"X-A: ", *pieces)
                    assert answer == b"" or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
                for garbage in (
                    b"\0" * 9_000,
                    b"\x16\x03\x01" + b"\xff" * 9_000,
                    b"GET\r\n\r\n",
                    b"PRI * HTTP/2.0\r\n\r\n",
                ):
                    answer = await exchange(address, garbage)
                    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
            grown = memory(platform) - before
            print(f"endless heads: {grown / 1e6:.1f} MB")
            assert grown < MEMORY_MAX_BYTES

            async with held(http, 50) as pages, held(media, 50) as viewers:
                await _trickle([*pages, *viewers], head)
            async with held(http, 400):
                await watcher.more(5)

            async def served() -> bool:
                async with httpx.AsyncClient(trust_env=False) as fresh:
                    return (await fresh.get(f"{platform.base_url}/api/v1/openapi.json")).status_code == 200

            await eventually(served, "new connections are served again")
            await watcher.more(10)


async def _trickle(slow: list[Streams], head: bytes) -> None:
    """One byte now and then does not buy time: the deadline counts from the first."""
    body = b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n{"
    for number, (_, writer) in enumerate(slow):
        writer.write((b"", head, body)[number % 3])
    reading = [asyncio.create_task(reader.read()) for reader, _ in slow]
    async with asyncio.timeout(10):
        while not all(task.done() for task in reading):
            for _, writer in slow:
                if not writer.transport.is_closing():
                    writer.write(b"x")
            await asyncio.wait(reading, timeout=0.2)
    for answer in await asyncio.gather(*reading, return_exceptions=True):
        if not isinstance(answer, ConnectionError):
            assert isinstance(answer, bytes)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def changed(url: str, **query: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **query})))


async def test_addresses_of_streams_cannot_be_made_up(platform: PlatformProcess) -> None:
    platform.environment["TONGSHI_MEDIA__URL_TTL_S"] = "2"
    async with live_picture(platform) as (_, live), httpx.AsyncClient(trust_env=False) as http:
        good = live.urls.fmp4_http
        query = dict(parse_qsl(urlsplit(good).query))
        wrong = [
            changed(good, **{name: text[:-1] + ("0" if text[-1] != "0" else "1")})
            for name, text in query.items()
        ]
        wrong += [changed(good, **{name: value}) for name in query for value in ("", "é", "9" * 500, "-1")]
        wrong += [good.partition("?")[0], good.replace(".mp4", ""), good + "x"]

        async def status(url: str, method: str = "GET") -> int:
            async with http.stream(method, url) as answer:
                return answer.status_code

        for url in wrong:
            assert await status(url) in (400, 403, 404), url
        for method in ("POST", "DELETE"):
            assert await status(good, method) == 405
        async with watching(good) as watcher:

            async def expired() -> bool:
                return await status(good) in (403, 410)

            await eventually(expired, "the address opens no new connection after its time")
            await watcher.more(5)


async def test_viewers_that_speak_nonsense_or_never_read(platform: PlatformProcess) -> None:
    async with live_picture(platform) as (client, live), watching(live.urls.fmp4_http) as watcher:
        media = ("127.0.0.1", platform.media_port)
        for name, frame in WRONG_FRAMES.items():
            async with held(media, 1) as streams:
                reader, writer = streams[0]
                writer.write(websocket_handshake(live.urls.fmp4_ws))
                async with asyncio.timeout(10):
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 "), name
                    writer.write(frame)
                    frames = await reader.read()
            opcode, body = websocket_frames(frames)[-1]
            assert (opcode, int.from_bytes(body[:2])) in ((8, 1002), (8, 1009)), name
        for data in (b"\0" * 50, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"):
            assert not (await exchange(media, data)).startswith(b"HTTP/1.1 101 ")
        async with held(media, 30) as idle:
            for number, (_, writer) in enumerate(idle):
                # Nothing is ever read from these: the window of the connection closes.
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                url = live.urls.fmp4_ws if number % 2 else live.urls.fmp4_http
                parts = urlsplit(url)
                request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                writer.write(websocket_handshake(url) if number % 2 else request)

            async def joined() -> bool:
                return (await client.session(live.session_id)).viewers >= 31

            await eventually(joined, "the viewers that do not read are there")
            await watcher.more(50)

            async def stuck_are_gone() -> bool:
                return (await client.session(live.session_id)).viewers == 1

            await eventually(stuck_are_gone, "viewers that never read are disconnected", timeout_s=40)
        await watcher.more(10)


def log_in_request(number: int) -> bytes:
    name = "admin" if number % 5 == 0 else f"guest{number}"
    body = json.dumps({"username": name, "password": "guess" * 3}).encode()
    head = b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


async def test_thousands_of_log_ins(platform: PlatformProcess) -> None:
    async with live_picture(platform) as (client, live), watching(live.urls.fmp4_http) as watcher:
        before, lines = memory(platform), len(platform.log().splitlines())
        statuses: Counter[int] = Counter()

        async def attempts(numbers: range) -> None:
            requests = b"".join(log_in_request(number) for number in numbers)
            answers = await exchange(
                ("127.0.0.1", platform.http_port), requests + b"GET / HTTP/1.0\r\n\r\n", timeout_s=30
            )
            statuses.update(
                int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", answers)[: len(numbers)]
            )

        guessing = asyncio.gather(*(attempts(range(at, at + 100)) for at in range(0, LOGINS, 100)))
        while not guessing.done():
            assert (await client.me()).username == "admin"
            await watcher.more(2)
        await guessing
        print(f"log-ins: {dict(statuses)}, {(memory(platform) - before) / 1e6:.1f} MB")
        assert statuses.total() == LOGINS
        assert set(statuses) <= {401, 429, 503}
        assert statuses[429] > LOGINS * 0.8
        assert memory(platform) - before < MEMORY_MAX_BYTES
        assert len(platform.log().splitlines()) - lines < 40
        async with Client.over_http(platform.base_url) as late:
            with pytest.raises(ProblemError, match="Too many"):
                await late.login("admin", ADMIN_PASSWORD)
