"""Playback of what a device itself has recorded, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import Visit, serve_fake


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    yield from serve_fake()


@pytest.fixture
def fake(running: str) -> str:
    """A fake that nobody has asked anything yet."""
    httpx.post(f"{running}fake/reset").raise_for_status()
    return running


@pytest.fixture
def page(visit: Visit, fake: str) -> Iterator[Page]:
    visit.log_in(fake, "admin", "admin")
    # Yesterday: the whole day is over, whatever the time is now.
    visit.page.locator(".ts-tile[data-channel$='0001'] [data-action=playback]").click()
    visit.page.get_by_label("前一天").click()
    yield visit.page
    assert not visit.errors


def choose_device(page: Page) -> Locator:
    page.click("[data-source=device]")
    return page.locator(".ts-playback.is-device")


def play(page: Page) -> Locator:
    playback = choose_device(page)
    playback.locator("[data-action=play-first]").click()
    expect(playback).to_have_attribute("data-state", "playing", timeout=15_000)
    return playback


def said(page: Page) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate("fetch('/fake/history').then((r) => r.json())")
    return answer


def test_the_device_is_asked_for_its_list_and_plays(page: Page) -> None:
    playback = choose_device(page)
    expect(playback.locator(".ts-run")).to_have_count(2)
    expect(playback).to_contain_text("2 个文件，共 30:08")
    play(page)
    page.wait_for_function("document.querySelector('.ts-playback video')?.currentTime > 0.5")
    expect(playback.locator(".ts-time")).to_contain_text("00:10:0")
    assert said(page)["said"] == ["open 1800"]
    page.reload()
    expect(page.locator("[data-source=device]")).to_have_attribute("aria-pressed", "true")


def test_it_is_paused_for_longer_than_a_live_picture_may_be_silent(page: Page) -> None:
    playback = play(page)
    playback.locator("[data-action=play]").click()
    expect(playback).to_have_attribute("data-state", "paused")
    before = playback.locator(".ts-time").text_content()
    playback.locator("[data-action=play]").click()
    expect(playback).to_have_attribute("data-state", "playing")
    expect(playback.locator(".ts-time")).not_to_have_text(str(before))
    assert said(page)["said"] == ["open 1800", "pause", "resume"]


def test_a_click_on_the_time_line_seeks_within_the_stretch(page: Page) -> None:
    playback = play(page)
    run = playback.locator(".ts-run").first.bounding_box()
    assert run is not None
    page.mouse.click(run["x"] + run["width"] / 2, run["y"] + 8)
    expect(playback.locator(".ts-time")).to_contain_text("00:2")
    assert said(page)["said"] == ["open 1800", "seek"]


def test_the_speed_is_changed_and_a_refused_one_is_said(page: Page) -> None:
    playback = play(page)
    speed = playback.locator("[data-action=speed]")
    speed.select_option("2")
    expect(speed).to_have_value("2")
    speed.select_option("-1")
    expect(speed.locator("option:checked")).to_have_text("倒放 1×")
    speed.select_option("4")
    expect(page.locator(".ts-message")).to_contain_text("设备以前拒绝过这个操作")
    expect(speed).to_have_value("-1")


def test_it_goes_on_with_the_next_stretch_and_says_when_it_is_over(page: Page) -> None:
    playback = choose_device(page)
    last = playback.locator(".ts-run").nth(1).bounding_box()
    first = playback.locator(".ts-run").first.bounding_box()
    assert last is not None
    assert first is not None
    page.mouse.click(first["x"] + first["width"] - 1, first["y"] + 8)
    page.wait_for_function(
        "fetch('/fake/history').then((r) => r.json()).then(({ said }) => said.includes('open 8'))",
        timeout=20_000,
    )
    expect(playback).to_have_attribute("data-state", "ended", timeout=30_000)
    expect(playback).to_contain_text("已播放到最后")


def test_leaving_ends_the_playback(page: Page) -> None:
    play(page)
    page.click("[data-view=wall]")
    page.wait_for_function(
        "fetch('/fake/history').then((r) => r.json()).then(({ open }) => open.length === 0)"
    )


def test_a_day_without_recordings_and_a_silent_device_say_so(page: Page) -> None:
    playback = choose_device(page)
    page.locator(".ts-row[data-channel$='0002']").click()
    expect(playback).to_contain_text("没有录像")
    page.locator(".ts-row[data-channel$='0003']").click()
    expect(playback.get_by_role("alert")).to_contain_text("设备没有应答")
    expect(playback.locator("[data-action=retry]")).to_be_visible()


def test_a_part_is_fetched_from_the_device_with_its_progress(page: Page) -> None:
    playback = choose_device(page)
    expect(playback.locator(".ts-run")).to_have_count(2)
    playback.locator("[data-action=downloads]").click()
    downloads = playback.locator(".ts-downloads")
    expect(downloads.get_by_label("从")).to_have_value("00:10:00")
    downloads.get_by_label("到").fill("00:12:00")
    downloads.locator("[data-action=download]").click()
    item = downloads.locator("[data-download]")
    expect(item).to_have_attribute("data-state", "running")
    expect(item).to_contain_text("00:10:00 – 00:12:00")
    expect(item).to_have_attribute("data-state", "complete", timeout=15_000)
    with page.expect_download() as download:
        item.get_by_role("link", name="保存").click()
    assert download.value.suggested_filename.endswith("_001000_1.mp4")
    item.locator("[data-action=delete]").click()
    expect(downloads).to_contain_text("还没有下载")
