"""A browser on a whole platform in this process, and what its videos show."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright

from tests.support.small_site import ADMIN_PASSWORD, HOST, SmallSite

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
PICTURE_MS = 30_000

# Seconds played, a number that depends on what is drawn, and the brightest part of it.
LOOK = """(video) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(video, 0, 0, 64, 36);
    const bytes = pen.getImageData(0, 0, 64, 36).data;
    let hash = 0;
    for (const byte of bytes) hash = (hash * 31 + byte) | 0;
    const brightest = Math.max(...bytes.filter((_, at) => at % 4 !== 3));
    return { time: video.currentTime, hash, brightest, width: video.videoWidth };
}"""

# At each drawing of the page: is there a picture on top, and is it more than black?
WATCH_FOR_GAPS = f"""(tile) => {{
    const look = {LOOK};
    window.drawn = window.gaps = 0;
    const step = () => {{
        const top = tile.querySelector("video.is-shown") || tile.querySelector("img.ts-video");
        const isThere = top && (top.tagName === "IMG" || (top.readyState >= 2 && look(top).brightest > 30));
        window.drawn += 1;
        if (!isThere) window.gaps += 1;
        requestAnimationFrame(step);
    }};
    requestAnimationFrame(step);
}}"""


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium): no browser test is run")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        await opened.close()


async def logged_in_page(site: SmallSite, browser: Browser) -> Page:
    """The main page of an administrator, in Chinese."""
    context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    page = await context.new_page()
    await page.goto(f"http://{HOST}:{site.platform.http_port}/")
    await page.fill("input[name=username]", "admin")
    await page.fill("input[name=password]", ADMIN_PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_selector(".ts-wall")
    return page


async def seen(video: Locator) -> dict[str, Any]:
    found: dict[str, Any] = await video.evaluate(LOOK)
    return found


async def wait_until_it_moves(video: Locator) -> None:
    """More than a second is played, and something else is drawn than before."""
    before = await seen(video)
    await video.page.wait_for_function(
        f"([video, before]) => {{ const now = ({LOOK})(video);"
        " return now.time > before.time + 1 && now.hash !== before.hash && now.brightest > 60; }",
        arg=[await video.element_handle(), before],
        timeout=PICTURE_MS,
    )
