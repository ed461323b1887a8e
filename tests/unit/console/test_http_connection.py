"""Bounds of an HTTP connection: time, size of the head, and how many there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI, Request, WebSocket

from config.tables import HttpSettings
from console.http_connection import MAX_HEAD_BYTES, allow_longer
from console.server import HttpServer, bind_tcp

SOON_S = 0.1
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n"


async def _echo(request: Request) -> int:
    return len(await request.body())


async def _large(request: Request) -> int:
    allow_longer(request.scope, 60.0)
    return len(await request.body())


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


@asynccontextmanager
async def serving(**changes: float) -> AsyncIterator[tuple[str, int]]:
    app = FastAPI()
    app.add_api_route("/hello", lambda: "hello")
    app.add_api_route("/echo", _echo, methods=["POST"])
    app.add_api_route("/large", _large, methods=["POST"])
    app.add_api_websocket_route("/talk", _talk)
    settings = HttpSettings(close_timeout_s=1.0, **changes)  # type: ignore[arg-type]
    server = HttpServer(app, bind_tcp("http", "127.0.0.1", 0), settings)
    await server.open()
    try:
        yield server.address
    finally:
        await server.close()


async def exchange(address: tuple[str, int], data: bytes) -> bytes:
    """Everything that is answered until the server closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "half",
    [b"", b"GET", HELLO, HELLO + b"X-Half: y", b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"],
)
async def test_a_request_that_does_not_end_loses_its_connection(half: bytes) -> None:
    async with serving(request_deadline_s=SOON_S) as address:
        answer = await exchange(address, half)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


async def test_a_route_that_knows_its_caller_gives_a_large_body_more_time() -> None:
    async with serving(request_deadline_s=SOON_S) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3 * SOON_S):
                await reader.read(1)
        writer.write(b" more")
        async with asyncio.timeout(5):
            assert (await reader.read(12)) == b"HTTP/1.1 200"
        writer.close()


async def test_a_late_request_ends_after_the_answers_before_it() -> None:
    async with serving(request_deadline_s=SOON_S) as address:
        answer = await exchange(address, HELLO + b"\r\n" + HELLO)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 408 ") == 1


def head_of(size_bytes: int) -> bytes:
    """A request whose URL and fields, as they are counted, have this size."""
    fixed = len(b"/hello") + len(b"hosta") + 4 + len(b"x-a") + 4 + len(b"connectionclose") + 4
    value = b"y" * (size_bytes - fixed)
    return HELLO + b"Connection: close\r\nX-A: " + value + b"\r\n\r\n"


async def test_the_size_of_a_head_is_bounded() -> None:
    async with serving() as address:
        assert (await exchange(address, head_of(MAX_HEAD_BYTES))).startswith(b"HTTP/1.1 200 ")
        answer = await exchange(address, head_of(MAX_HEAD_BYTES + 1))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("piece", [b"y" * 4096, b"y: z\r\n" * 512])
async def test_a_head_without_end_is_cut_off(piece: bytes) -> None:
    async with serving() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HELLO + b"X-A: ")
        written = 0
        try:
            async with asyncio.timeout(5):
                while not writer.transport.is_closing() and not reader.at_eof():
                    writer.write(piece)
                    written += len(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except OSError:
            pass
        finally:
            writer.close()
    assert written < 64 * MAX_HEAD_BYTES


async def test_there_are_no_more_connections_than_allowed() -> None:
    async with serving(connections_max=2) as address:
        held = [await asyncio.open_connection(*address) for _ in range(2)]
        for reader, writer in held:
            writer.write(HELLO + b"\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert (await exchange(address, b"")).startswith(b"HTTP/1.1 503 ")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        answer = b""
        async with asyncio.timeout(5):
            while not answer.startswith(b"HTTP/1.1 200 "):
                answer = await exchange(address, HELLO + b"Connection: close\r\n\r\n")


async def test_a_websocket_outlives_the_deadline_of_requests() -> None:
    async with serving(request_deadline_s=SOON_S) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"GET /talk HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        # Another connection meets the deadline meanwhile: no clock is asked.
        await exchange(address, b"")
        writer.write(b"\x81\x82\0\0\0\0hi")
        async with asyncio.timeout(5):
            assert await reader.readexactly(4) == b"\x81\x02hi"
        writer.close()


async def test_a_request_after_an_answer_has_its_own_deadline() -> None:
    async with serving(request_deadline_s=SOON_S) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(3):
            writer.write(HELLO + b"\r\n")
            async with asyncio.timeout(5):
                await reader.readuntil(b'"hello"')
        writer.write(HELLO)
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
