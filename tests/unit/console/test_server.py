"""The HTTP listener."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from config.tables import HttpSettings
from console.errors import StartFailed
from console.server import HttpServer, bind_tcp


async def test_it_serves_on_a_free_port_and_ends() -> None:
    app = FastAPI()
    app.add_api_route("/hello", lambda: "hello")
    server = HttpServer(app, bind_tcp("http", "127.0.0.1", 0), HttpSettings(close_timeout_s=1.0))
    await server.open()
    host, port = server.address
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{host}:{port}/hello")
    assert answer.json() == "hello"
    assert "server" not in answer.headers
    await server.close()
    with socket.socket() as probe:
        assert probe.connect_ex((host, port)) != 0


async def test_an_application_that_does_not_start_is_one_line() -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if _.title:
            raise RuntimeError("no")
        yield

    server = HttpServer(FastAPI(lifespan=lifespan), bind_tcp("http", "127.0.0.1", 0), HttpSettings())
    with pytest.raises(StartFailed, match="web pages did not start"):
        await server.open()


async def test_a_socket_that_cannot_be_served_is_a_failed_start() -> None:
    sock = bind_tcp("http", "127.0.0.1", 0)
    server = HttpServer(FastAPI(), sock, HttpSettings())
    sock.close()
    with pytest.raises(StartFailed, match="web pages did not start"):
        await server.open()


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with bind_tcp("http", "127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            StartFailed, match=f"http cannot listen on 127.0.0.1:{port}: another program has it"
        ):
            bind_tcp("http", "127.0.0.1", port)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(StartFailed, match=r"no such address; set http\.host"):
        bind_tcp("http", "192.0.2.1", 0)


async def test_running_answers_are_finished_when_it_closes() -> None:
    app = FastAPI()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        begun.set()
        await go_on.wait()
        return "done"

    app.add_api_route("/slow", slow)
    server = HttpServer(app, bind_tcp("http", "127.0.0.1", 0), HttpSettings())
    await server.open()
    async with httpx.AsyncClient(trust_env=False) as client:
        asking = asyncio.ensure_future(client.get(f"http://127.0.0.1:{server.address[1]}/slow"))
        await begun.wait()
        closing = asyncio.ensure_future(server.close())
        await asyncio.sleep(0)
        go_on.set()
        assert (await asking).json() == "done"
        await closing
