"""What a duty officer does at night, on a whole platform with simulated cameras: clicks reach devices."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from sipserver.devices.audio.settings import AudioSettings
from sipserver.gb.gb_time import BEIJING
from sipserver.simulator.device import SimulatedDevice
from sipserver.simulator.head import CameraHead
from sipserver.simulator.heard import strongest_hz
from sipserver.simulator.history.recordings import RecordedSpan
from tests.support.platform_process import eventually
from tests.support.port_ranges import rtp_ports
from tests.support.small_site import ADMIN_PASSWORD, HOST, SmallSite, small_site
from tests.support.sound_files import tone_wav

MICROPHONE_HZ = 523.0
TOLERANCE_HZ = 8.0
PICTURE_MS = 30_000


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[SmallSite]:
    audio = AudioSettings(host=HOST, rtp_ports=rtp_ports())
    async with small_site(tmp_path, audio=audio) as opened:
        yield opened


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed (Debian package chromium): no browser test is run")
    tone = tmp_path / "microphone.wav"
    tone.write_bytes(tone_wav(MICROPHONE_HZ, 30.0, rate=48_000))
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield opened
        await opened.close()


@pytest.fixture
async def page(site: SmallSite, browser: Browser) -> Page:
    """The wall, in the time zone of the cameras."""
    context = await browser.new_context(
        viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    page = await context.new_page()
    await page.goto(f"http://{HOST}:{site.platform.http_port}/")
    await page.fill("input[name=username]", "admin")
    await page.fill("input[name=password]", ADMIN_PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_selector(".ts-wall")
    return page


async def until(claim: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return claim()

    await eventually(holds, what)


def looks_at(head: CameraHead) -> tuple[float, float]:
    """Degrees to the right, below 0 when to the left, and degrees downward."""
    position = head.position(time.monotonic())
    pan = position.pan or 0.0
    return pan - 360.0 if pan > 180.0 else pan, position.tilt or 0.0


def channel_of(camera: SimulatedDevice) -> str:
    return camera.settings.all_channel_ids[0]


async def test_a_camera_is_turned_by_the_pad_and_stops_when_the_page_goes_away(
    site: SmallSite, page: Page
) -> None:
    """GB-C067: stop is sent when the holder's page is gone."""
    camera = await site.add_camera()
    head = camera.control.heads[channel_of(camera)]
    await page.locator(f".ts-tile[data-channel$='{channel_of(camera)}'] [data-action=ptz]").click()
    await expect(page.locator(".ts-ptz")).to_have_attribute("data-holder", "free")
    await page.locator("[data-move=right]").hover()
    await page.mouse.down()
    await until(lambda: head.is_moving and looks_at(head)[0] > 0, "the camera turns to the right")
    await page.mouse.up()
    await until(lambda: not head.is_moving, "it stands still when the key is let go")
    await page.keyboard.down("ArrowUp")
    await until(lambda: head.is_moving and looks_at(head)[1] < 0, "the camera looks up")
    await page.close()
    await until(lambda: not head.is_moving, "it stands still when the page is gone")


async def test_a_preset_is_kept_and_called(site: SmallSite, page: Page) -> None:
    camera = await site.add_camera()
    head = camera.control.heads[channel_of(camera)]
    await page.locator(f".ts-tile[data-channel$='{channel_of(camera)}'] [data-action=ptz]").click()
    await page.locator("[data-action=save]").click()
    await expect(page.locator("[data-preset='1']")).to_be_visible()
    await page.keyboard.down("ArrowRight")
    await until(lambda: looks_at(head)[0] > 0, "the camera turns away")
    await page.keyboard.up("ArrowRight")
    await page.locator("[data-preset='1'] [data-action=call]").click()
    await until(lambda: looks_at(head)[0] == 0 and not head.is_moving, "it is back where it was")


async def test_a_missing_picture_is_explained_with_the_devices_own_answer(
    site: SmallSite, page: Page
) -> None:
    """GB-C113: the page says which failure it is, and shows the messages of that call."""
    camera = await site.add_camera(faults=("refuse=486",))
    tile = page.locator(f".ts-tile[data-channel$='{channel_of(camera)}']")
    await tile.locator("[data-action=why]").click(timeout=PICTURE_MS)
    panel = page.locator(".ts-diagnosis")
    await expect(panel).to_have_attribute("data-verdict", "refused", timeout=PICTURE_MS)
    await expect(panel.locator(".ts-verdict").first).to_contain_text("设备拒绝呼叫")
    await expect(panel.locator(".ts-evidence").first).to_contain_text("486")
    await panel.locator("[data-action=ladder]").click()
    await expect(panel.locator("li.is-bad .ts-step")).to_contain_text("486")


async def test_an_alarm_rings_the_bell_and_leads_to_its_camera(site: SmallSite, page: Page) -> None:
    camera = await site.add_camera()
    await page.wait_for_selector(f".ts-tile[data-channel$='{channel_of(camera)}']")
    await page.locator("button[data-action=alarms]").click()
    await expect(page.locator(".ts-alarms")).to_contain_text("没有待处理的报警")
    assert camera.alarms.raise_alarm(source_id=channel_of(camera), priority=1)
    item = page.locator("[data-alarm]")
    await expect(item).to_contain_text("运动目标检测")
    await expect(page.locator(".ts-bell-count")).to_have_text("1")
    await item.locator("[data-action=acknowledge]").click()
    await expect(item).to_have_count(0)
    await expect(page.locator(".ts-bell-count")).to_have_count(0)


async def test_the_drawer_shows_a_device_and_restarts_it(site: SmallSite, page: Page) -> None:
    camera = await site.add_camera()
    device_id = camera.settings.device_id
    await page.locator(f".ts-row[data-device='{device_id}'] .ts-row-name").click()
    panel = page.locator(f".ts-panel[data-device='{device_id}']")
    await expect(panel.locator("[data-section=presence]")).to_contain_text("在线")
    await panel.locator("[data-action=ask-clock]").click()
    await expect(panel.locator("[data-section=clock]")).to_contain_text("设备状态应答")
    await panel.locator("[data-action=arm]").click()
    await expect(panel.locator("[data-section=guard]")).to_contain_text("已布防")
    await panel.locator("[data-kind=alarm] [data-action=subscribe]").click()
    await expect(panel.locator("[data-kind=alarm]")).to_contain_text("有效")
    await panel.locator("[data-tab=trace]").click()
    await panel.get_by_label("哪种消息").select_option("SUBSCRIBE")
    await expect(panel.locator(".ts-step").first).to_contain_text("SUBSCRIBE")
    await panel.locator("[data-action=restart]").click()
    await panel.locator("[data-action=restart-sure]").click()
    await expect(page.locator(".ts-message")).to_contain_text("设备正在重启")


async def test_recordings_of_a_device_are_listed_played_and_paused(site: SmallSite, page: Page) -> None:
    """GB-C104: the device gets PLAY, PAUSE and seek for what is clicked on the page."""
    yesterday = (datetime.now(BEIJING) - timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)
    camera = await site.add_camera(recordings=(RecordedSpan(yesterday, yesterday + timedelta(minutes=30)),))
    await page.locator(f".ts-tile[data-channel$='{channel_of(camera)}'] [data-action=playback]").click()
    await page.get_by_label("前一天").click()
    await page.click("[data-source=device]")
    playback = page.locator(".ts-playback.is-device")
    await playback.locator("[data-action=play-first]").click(timeout=PICTURE_MS)
    await expect(playback).to_have_attribute("data-state", "playing", timeout=PICTURE_MS)
    await page.wait_for_function("document.querySelector('.ts-playback video')?.videoWidth > 0")
    await expect(playback.locator(".ts-time")).to_contain_text("08:00:")
    await playback.locator("[data-action=play]").click()
    await expect(playback).to_have_attribute("data-state", "paused")
    await playback.locator("[data-action=play]").click()
    await expect(playback).to_have_attribute("data-state", "playing")
    run = await playback.locator(".ts-run").bounding_box()
    assert run is not None
    await page.mouse.click(run["x"] + run["width"] / 2, run["y"] + 8)
    await expect(playback.locator(".ts-time")).to_contain_text("08:1")
    await page.click("[data-view=wall]")


async def test_holding_the_button_lets_the_device_hear_the_officer(site: SmallSite, page: Page) -> None:
    """GB-C116: the browser's microphone reaches the device while the button is held."""
    camera = await site.add_camera()
    tile = page.locator(f".ts-tile[data-channel$='{channel_of(camera)}']")
    await tile.locator("[data-action=talk]").click()
    talk = tile.locator(".ts-talk")
    await expect(talk).to_have_attribute("data-state", "ready", timeout=PICTURE_MS)
    await talk.locator("[data-action=talk-hold]").hover()
    await page.mouse.down()
    call = camera.audio.calls[-1]

    def hears() -> bool:
        loud = call.heard.loud_samples[-8_000:]
        return len(loud) >= 4_000 and strongest_hz(loud) == pytest.approx(MICROPHONE_HZ, abs=TOLERANCE_HZ)

    await until(hears, f"the device hears {MICROPHONE_HZ} Hz")
    await expect(talk.locator("meter")).not_to_have_attribute("value", "0")
    await page.mouse.up()
    await talk.locator("[data-action=talk-end]").click()
    await until(lambda: call.is_over, "the device got BYE")


async def test_a_page_without_a_safe_origin_says_why_it_has_no_microphone(
    site: SmallSite, page: Page
) -> None:
    camera = await site.add_camera()
    await page.evaluate("Object.defineProperty(window, 'isSecureContext', { value: false })")
    tile = page.locator(f".ts-tile[data-channel$='{channel_of(camera)}']")
    await tile.locator("[data-action=talk]").click()
    await expect(tile.locator(".ts-talk").get_by_role("alert")).to_contain_text("https")
    assert not camera.audio.calls
