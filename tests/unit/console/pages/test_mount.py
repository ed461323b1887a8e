from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from console.pages.elements import COMPONENTS
from tests.support.fake_platform import TOKEN, FakePlatform, make_fake


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = make_fake(FakePlatform())
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://page.test") as client,
    ):
        yield client


async def test_whoever_is_not_logged_in_is_sent_to_log_in(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    browser.cookies.set("tongshi_session", "expired")
    answer = await browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_the_log_in_page_needs_nothing_from_elsewhere(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/login")
    assert answer.status_code == 200
    # Namespaces of inline pictures are names, not addresses that are fetched.
    addresses = set(re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(https?:)?//""", answer.text))
    assert not addresses
    assert "connect-src 'self' ws: wss:" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_the_main_page_carries_the_person_and_the_server(browser: httpx.AsyncClient) -> None:
    browser.cookies.set("tongshi_session", TOKEN)
    answer = await browser.get("/", headers={"accept-language": "en"})
    assert answer.status_code == 200
    assert "34020000002000000001" in answer.text
    assert '"language":"en"' in answer.text
    assert TOKEN not in answer.text


async def test_every_module_of_the_page_is_served_from_here(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/login")).text
    base = re.search(r'"tongshi/":\s*"([^"]+)"', page)
    assert base is not None
    for path in COMPONENTS.glob("*.js"):
        answer = await browser.get(base[1] + path.name)
        assert answer.status_code == 200, path.name
        assert "javascript" in answer.headers["content-type"]


async def test_the_api_is_not_hidden_by_the_pages(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/api/v1/me")).status_code == 401


async def test_a_second_application_takes_the_pages_over(browser: httpx.AsyncClient) -> None:
    second = make_fake(FakePlatform("empty"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=second), base_url="http://second.test"
    ) as client:
        assert (await client.get("/login")).status_code == 200


def test_no_component_names_another_host() -> None:
    for path in COMPONENTS.iterdir():
        assert not re.search(r"""https?://|["'`(]//""", path.read_text("utf-8")), path.name
