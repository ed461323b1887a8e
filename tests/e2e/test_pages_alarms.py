"""The bell and the list of alarms, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator

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
    yield visit.page
    assert not visit.errors


def open_list(page: Page) -> Locator:
    page.click("button[data-action=alarms]")
    return page.locator(".ts-alarms")


def test_the_bell_counts_what_nobody_has_acknowledged(page: Page) -> None:
    expect(page.locator(".ts-bell-count")).to_have_text("2")
    expect(page.locator("button[data-action=alarms]")).to_have_attribute("title", "2 条报警待处理")


def test_a_new_alarm_is_told_counted_and_listed_without_a_reload(page: Page) -> None:
    items = open_list(page).locator("[data-alarm]")
    expect(items).to_have_count(2)
    page.evaluate("fetch('/fake/alarm', { method: 'POST' })")
    expect(page.locator(".ts-message")).to_contain_text("新报警：移动目标检测报警")
    expect(items).to_have_count(3)
    expect(items.first).to_contain_text("移动目标检测报警")
    expect(items.first).to_contain_text("人民路口 南")
    expect(page.locator(".ts-bell-count")).to_have_text("3")


def test_an_acknowledged_alarm_leaves_the_list_of_those_that_wait(page: Page) -> None:
    panel = open_list(page)
    panel.locator("[data-alarm='00000003'] [data-action=acknowledge]").click()
    expect(panel.locator("[data-alarm='00000003']")).to_have_count(0)
    expect(page.locator(".ts-bell-count")).to_have_text("1")
    panel.locator("[data-filter=all]").click()
    expect(panel.locator("[data-alarm]")).to_have_count(3)
    expect(panel.locator("[data-alarm='00000003']")).to_contain_text("admin 已于")


def test_clip_and_picture_are_shown_in_the_list(page: Page) -> None:
    panel = open_list(page)
    item = panel.locator("[data-alarm='00000003']")
    item.locator("[data-file=clip]").click()
    page.wait_for_function("document.querySelector('.ts-alarm-file video')?.videoWidth > 0")
    item.locator("[data-file=picture]").click()
    expect(item.locator(".ts-alarm-file video")).to_have_count(0)
    page.wait_for_function("document.querySelector('.ts-alarm-file img')?.naturalWidth > 0")
    waiting = panel.locator("[data-alarm='00000002']")
    expect(waiting).to_contain_text("正在生成")
    expect(waiting).to_contain_text("联动失败（转到预置位）")


def test_an_alarm_leads_to_the_live_picture_of_its_camera(page: Page) -> None:
    page.wait_for_selector(".ts-tile[data-channel$='0002']")
    page.locator(".ts-tile[data-channel$='0002'] [data-action=close]").click()
    page.click("[data-view=playback]")
    open_list(page).locator("[data-alarm='00000002'] [data-action=live]").click()
    tile = page.locator(".ts-tile[data-channel$='0002']")
    expect(tile).to_have_class("ts-tile is-selected")
    expect(tile).to_have_attribute("data-state", "playing", timeout=15_000)


def test_the_words_are_those_of_the_language(page: Page) -> None:
    panel = open_list(page)
    expect(panel.locator("[data-alarm='00000003']")).to_contain_text("入侵检测报警(进入区域)")
    page.click("[data-action=language]")
    expect(panel.locator("[data-alarm='00000003']")).to_contain_text("intrusion, entering")


def test_news_that_broke_off_are_said_and_caught_up(page: Page) -> None:
    expect(page.locator(".ts-bell-count")).to_have_text("2")
    page.context.route("**/events*", lambda route: route.fulfill(status=503, body="{}"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".ts-bell-away")).to_be_visible()
    page.evaluate("fetch('/fake/alarm', { method: 'POST' })")
    page.context.unroute("**/events*")
    expect(page.locator(".ts-bell-away")).to_be_hidden(timeout=15_000)
    expect(page.locator(".ts-bell-count")).to_have_text("3")


def test_an_empty_platform_has_a_quiet_bell(visit: Visit) -> None:
    for base in serve_fake("empty"):
        visit.log_in(base, "admin", "admin")
        expect(visit.page.locator(".ts-bell-count")).to_have_count(0)
        expect(open_list(visit.page)).to_contain_text("没有待处理的报警")


def test_a_viewer_sees_alarms_and_cannot_acknowledge(visit: Visit, fake: str) -> None:
    visit.log_in(fake, "viewer", "viewer")
    panel = open_list(visit.page)
    expect(panel.locator("[data-alarm]")).to_have_count(2)
    expect(panel.locator("[data-action=acknowledge]")).to_have_count(0)
