"""Which stream of a camera the wall shows: sub-streams, and H.265 in a browser that has no decoder for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from media.nal import VideoCodec
from media.settings import MediaSettings
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.loops import PictureSettings
from tests.support.port_ranges import rtp_ports
from tests.support.site_page import (
    PICTURE_MS,
    WATCH_FOR_GAPS,
    chromium,
    logged_in_page,
    seen,
    wait_until_it_moves,
)
from tests.support.small_site import HOST, SmallSite, small_site

MAIN_WIDTH, SUB_WIDTH = 640, 320
H265 = PictureSettings(codec=VideoCodec.H265, loop_s=2, gop_s=1.0)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    captures = str(tmp_path / "captures")
    media = MediaSettings(
        host=HOST, port=0, rtp_ports=rtp_ports(), transcode_slots=1, capture_directory=captures
    )
    async with small_site(tmp_path, media=media) as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


def tile_of(page: Page, camera: SimulatedDevice) -> Locator:
    return page.locator(f".ts-tile[data-channel$='{camera.settings.all_channel_ids[0]}']")


async def expect_stream(tile: Locator, stream: str) -> None:
    await expect(tile).to_have_attribute("data-stream", stream, timeout=PICTURE_MS)
    await expect(tile).to_have_attribute("data-state", "playing", timeout=PICTURE_MS)


async def streams_in_use(site: SmallSite) -> list[str]:
    return sorted(item["stream"] for item in (await site.api.get("/sessions")).json()["items"])


async def test_the_wall_takes_sub_streams_and_the_enlarged_picture_the_main_one_without_a_gap(
    site: SmallSite, browser: Browser
) -> None:
    camera = await site.add_camera()
    page = await logged_in_page(site, browser)
    tile = tile_of(page, camera)
    shown = tile.locator("video.is-shown")
    await expect_stream(tile, "sub")
    assert (await seen(shown))["width"] == SUB_WIDTH
    await expect(tile.locator("[data-action=stream]")).to_have_text("子码流")
    await tile.evaluate(WATCH_FOR_GAPS)
    await tile.locator(".ts-picture").dblclick()
    await expect_stream(tile, "main")
    await expect(tile.locator("[data-action=stream]")).to_have_text("主码流")
    await wait_until_it_moves(shown)
    assert (await seen(shown))["width"] == MAIN_WIDTH
    assert (await tile.bounding_box() or {})["width"] > 1000
    assert await streams_in_use(site) == ["main"], "the sub-stream is given back"
    await page.keyboard.press("Escape")
    await expect_stream(tile, "sub")
    await page.click("[data-size='1']")
    await expect_stream(tile, "main")
    await page.click("[data-size='16']")
    await expect(page.locator(".ts-tile")).to_have_count(16)
    await expect_stream(tile, "sub")
    await wait_until_it_moves(shown)
    drawn, gaps = await page.evaluate("[window.drawn, window.gaps]")
    assert drawn > 30
    assert gaps == 0, f"{gaps} of {drawn} drawings had no picture"


async def test_a_camera_that_sends_one_stream_at_a_time_is_enlarged_all_the_same(
    site: SmallSite, browser: Browser
) -> None:
    """It answers 486 to a second stream: the first is given back, its last picture stands meanwhile."""
    camera = await site.add_camera()
    page = await logged_in_page(site, browser)
    tile = tile_of(page, camera)
    await expect_stream(tile, "sub")
    await tile.evaluate(WATCH_FOR_GAPS)
    camera.parts.invites._is_busy = True  # to the next INVITE
    await tile.locator("[data-action=enlarge]").click()
    await expect_stream(tile, "main")
    await wait_until_it_moves(tile.locator("video.is-shown"))
    assert not camera.parts.invites._is_busy, "it was refused once"
    assert await page.evaluate("window.gaps") == 0


async def test_the_choice_by_hand_is_kept_over_a_reload(site: SmallSite, browser: Browser) -> None:
    camera = await site.add_camera()
    page = await logged_in_page(site, browser)
    tile = tile_of(page, camera)
    await expect_stream(tile, "sub")
    await tile.locator("[data-action=stream]").click()
    await tile.locator("[data-choice=main]").click()
    await expect_stream(tile, "main")
    await page.reload()
    await expect_stream(tile, "main")
    await tile.locator("[data-action=stream]").click()
    await expect(tile.locator("[data-choice=main]")).to_have_attribute("aria-checked", "true")
    await tile.locator("[data-choice=auto]").click()
    await expect_stream(tile, "sub")


async def test_a_camera_without_sub_stream_shows_its_main_one_and_is_asked_once(
    site: SmallSite, browser: Browser
) -> None:
    camera = await site.add_camera(substream_form="none")
    page = await logged_in_page(site, browser)
    tile = tile_of(page, camera)
    # The first time its picture counts as the sub-stream, until the main one was seen beside it.
    await expect(tile).to_have_attribute("data-state", "playing", timeout=PICTURE_MS)
    await tile.locator(".ts-picture").dblclick()
    await expect_stream(tile, "main")
    await page.keyboard.press("Escape")
    await expect(tile.locator("[data-action=stream]")).to_have_attribute(
        "title", "正在显示：主码流（此摄像机没有子码流）", timeout=PICTURE_MS
    )
    invites = camera.stats.invites
    await page.reload()
    await expect_stream(tile, "main")
    await tile.locator("[data-action=stream]").click()
    await expect(tile.locator("[data-choice=sub]")).to_contain_text("此摄像机没有子码流")
    asked = await page.evaluate("localStorage.getItem('tongshi.without_sub')")
    assert str(camera.settings.all_channel_ids[0]) in asked
    assert camera.stats.invites <= invites + 1, "it is asked for its main stream alone"


async def test_h265_is_seen_moving_through_a_slot_and_who_finds_none_is_told(
    site: SmallSite, browser: Browser
) -> None:
    first = await site.add_camera(0, pictures=H265)
    page = await logged_in_page(site, browser)
    if await page.evaluate("MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"):
        pytest.skip("this Chromium decodes H.265 itself: nothing is transcoded for it")
    tile = tile_of(page, first)
    await expect_stream(tile, "sub")
    await expect(tile).to_have_attribute("data-transcoded", "true")
    await expect(tile).to_contain_text("转码")
    await expect(tile.locator(".ts-figures")).to_contain_text("H.265 → H.264")
    await wait_until_it_moves(tile.locator("video.is-shown"))

    # The only slot is its own: its picture stands while it changes streams.
    await tile.evaluate(WATCH_FOR_GAPS)
    await tile.locator("[data-action=enlarge]").click()
    await expect_stream(tile, "main")
    await wait_until_it_moves(tile.locator("video.is-shown"))
    assert await page.evaluate("window.gaps") == 0
    await tile.locator("[data-action=enlarge]").click()
    await expect_stream(tile, "sub")

    second = await site.add_camera(1, pictures=replace(H265, loop_s=3))
    other = tile_of(page, second)
    await expect(other).to_have_attribute("data-state", "undecodable", timeout=PICTURE_MS)
    await expect(other).to_contain_text("H.265 转码名额已满")
    await other.locator("[data-action=still]").click()
    await page.wait_for_function(
        "(tile) => tile.querySelector('img.ts-video')?.naturalWidth > 0", arg=await other.element_handle()
    )
    await tile.locator("[data-action=close]").click()
    await other.get_by_role("button", name="更新").wait_for()
    await page.click("[data-action=language]")
    await expect(other).to_contain_text("All transcoding slots for H.265 are taken")
    await other.locator("[data-action=retry]").click()
    await expect(other).to_have_attribute("data-transcoded", "true", timeout=PICTURE_MS)
    await wait_until_it_moves(other.locator("video.is-shown"))


async def test_details_show_what_arrives_and_who_takes_it_and_keep_a_capture(
    site: SmallSite, browser: Browser
) -> None:
    camera = await site.add_camera()
    page = await logged_in_page(site, browser)
    tile = tile_of(page, camera)
    await expect_stream(tile, "sub")
    await tile.locator("[data-action=details]").click()
    panel = page.locator(".ts-stream-panel")
    facts = panel.locator("[data-stream=sub] .ts-facts")
    await expect(facts).to_contain_text("H.264 · 320×180")
    await expect(facts).to_contain_text("UDP · 127.0.0.1:")
    viewer = panel.locator("[data-reader=viewers]")
    await expect(viewer).to_contain_text("admin")
    await expect(viewer).to_contain_text("bit/s", timeout=PICTURE_MS)

    captures = panel.locator(".ts-captures")
    await expect(captures).to_contain_text("还没有抓包")
    await captures.locator("select[name=stream]").select_option("sub")
    await captures.locator("[data-action=capture]").click()
    one = captures.locator(".ts-capture")
    await expect(one).to_have_attribute("data-state", "running")
    await one.locator("[data-action=stop-capture]").click()
    await expect(one).to_have_attribute("data-state", "ended", timeout=PICTURE_MS)
    await expect(one).to_contain_text("手动停止")
    async with page.expect_download() as download:
        await one.get_by_text("数据包 pcap").click()
    saved = await (await download.value).path()
    assert saved.read_bytes()[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")

    # The other stream is not open: its capture waits for it.
    await captures.locator("select[name=stream]").select_option("main")
    await captures.locator("[data-action=capture]").click()
    waiting = captures.locator(".ts-capture[data-state=waiting]")
    await expect(waiting).to_contain_text("等待取流")
    await page.click("[data-action=language]")
    await expect(waiting).to_contain_text("Waiting for the stream")
    await waiting.locator("[data-action=delete-capture]").click()
    await expect(one).to_have_count(1)
    await one.locator("[data-action=delete-capture]").click()
    await expect(captures).to_contain_text("No captures yet")
    await page.reload()
    await expect(panel).to_be_visible()


async def test_the_wall_fills_itself_and_takes_nothing_but_sub_streams(
    site: SmallSite, browser: Browser
) -> None:
    nvr = await site.add_nvr(channels=10)
    page = await logged_in_page(site, browser)
    await page.click("[data-size='9']")
    await expect(page.locator(".ts-tile[data-state=playing]")).to_have_count(9, timeout=2 * PICTURE_MS)
    assert await streams_in_use(site) == ["sub"] * 9
    shown = await page.locator(".ts-tile").evaluate_all("(tiles) => tiles.map((t) => t.dataset.channel)")
    assert (
        sorted(shown)
        == [f"{nvr.settings.device_id}~{each}" for each in sorted(nvr.settings.all_channel_ids)][:9]
    )
