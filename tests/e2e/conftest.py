"""A browser for page tests: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Request, WebSocket, sync_playwright

from tests.support.browsing import Visit

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Module-wide: while Playwright runs its loop in this thread, no asyncio test can."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium): no browser test is run")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A fresh person: no cookie, nothing stored."""
    context = browser.new_context(viewport={"width": 1600, "height": 900}, locale="zh-CN")
    visit = Visit(context.new_page())

    def note(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob", "about"):
            visit.hosts.add(parts.netloc)

    def requested(request: Request) -> None:
        note(request.url)

    def connected(socket: WebSocket) -> None:
        note(socket.url)

    visit.page.on("request", requested)
    visit.page.on("websocket", connected)
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    yield visit
    context.close()
