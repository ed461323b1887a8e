"""Chromium plays a camera over HLS by itself, where it is new enough (from 142 on)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page

from media.settings import MediaSettings
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.site_page import PICTURE_MS, chromium, wait_until_it_moves
from tests.support.small_site import HOST, SmallSite, small_site

PLAY = """(url) => {
    const video = document.body.appendChild(document.createElement("video"));
    Object.assign(video, { id: "hls", muted: true, autoplay: true, crossOrigin: "anonymous", src: url });
    window.failed = "";
    video.onerror = () => (window.failed = `${video.error.code} ${video.error.message}`);
}"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    media = MediaSettings(host=HOST, port=0, rtp_ports=rtp_ports())
    async with small_site(tmp_path, media=media) as opened:
        yield opened


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        yield await browser.new_page()


async def test_chromium_plays_hls_from_the_signed_address(site: SmallSite, page: Page) -> None:
    if not await page.evaluate(
        "document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"
    ):
        pytest.skip("this Chromium has no HLS of its own: ffprobe alone judges it (tests/integration/media)")
    camera = await site.add_camera()
    channel_id = camera.settings.all_channel_ids[0]
    live = (await site.api.post(f"/channels/{channel_id}/live")).json()
    await three_segments(live["urls"]["hls"])
    await page.evaluate(PLAY, live["urls"]["hls"])
    await page.wait_for_function(
        "window.failed || document.querySelector('#hls').readyState >= 3", timeout=PICTURE_MS
    )
    assert await page.evaluate("window.failed") == ""
    await wait_until_it_moves(page.locator("#hls"))
    assert await page.evaluate("document.querySelector('#hls').videoWidth") == 640


async def three_segments(url: str) -> None:
    """Chromium 156 gives up a live playlist that it first sees with fewer."""
    async with httpx.AsyncClient(trust_env=False) as http:

        async def probe() -> bool:
            return (await http.get(url)).text.count("#EXTINF") >= 3

        await eventually(probe, "three segments are in the playlist")
