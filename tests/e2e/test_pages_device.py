"""The drawer of a device, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import Visit, serve_fake

NVR, OFFLINE = "34020000001110000001", "34020000001320000009"


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


def open_device(page: Page, device_id: str = NVR) -> Locator:
    page.locator(f".ts-row[data-device='{device_id}'] .ts-row-name").click()
    panel = page.locator(f".ts-panel[data-device='{device_id}']")
    expect(panel.locator("[data-tab=state]")).to_be_visible()
    return panel


def asked(page: Page) -> list[str]:
    answer: list[str] = page.evaluate("fetch('/fake/devices').then((r) => r.json())")
    return answer


def test_the_arrow_folds_and_the_name_opens_the_drawer(page: Page) -> None:
    row = page.locator(f".ts-row[data-device='{NVR}']")
    expect(row).to_have_attribute("aria-expanded", "true")
    row.locator(".ts-twist").click()
    expect(row).to_have_attribute("aria-expanded", "false")
    expect(page.locator(".ts-dock")).to_have_count(0)
    panel = open_device(page)
    expect(row).to_have_attribute("aria-expanded", "true")
    page.reload()
    expect(panel).to_be_visible()
    panel.locator("[data-action=close-panel]").click()
    expect(page.locator(".ts-dock")).to_have_count(0)


def test_it_says_how_the_device_stands(page: Page) -> None:
    panel = open_device(page)
    expect(panel.locator("[data-section=presence]")).to_contain_text("198.51.100.20:5060")
    expect(panel.locator("[data-section=clock]")).to_contain_text("快 42 s")
    expect(panel.locator("[data-section=outages]")).to_contain_text("供电")
    expect(panel.locator("[data-kind=alarm]")).to_contain_text("等待重试: refused with 489")
    offline = open_device(page, OFFLINE)
    expect(offline.locator("[data-section=presence]")).to_contain_text("离线")
    expect(offline.locator("[data-action=restart]")).to_be_disabled()
    expect(offline.locator("[data-section=outages]")).to_contain_text("先检查站点的电源和交换机")


def test_a_restart_asks_first(page: Page) -> None:
    panel = open_device(page)
    panel.locator("[data-action=restart]").click()
    expect(panel.get_by_role("alertdialog")).to_contain_text("4 个通道会中断")
    panel.locator("[data-action=restart-no]").click()
    assert asked(page) == []
    panel.locator("[data-action=restart]").click()
    panel.locator("[data-action=restart-sure]").click()
    expect(page.locator(".ts-message")).to_contain_text("设备正在重启")
    assert asked(page) == [f"restart {NVR}"]


def test_it_is_armed_and_disarmed(page: Page) -> None:
    guard = open_device(page).locator("[data-section=guard]")
    guard.locator("[data-action=arm]").click()
    expect(guard).to_contain_text("已布防")
    guard.locator("[data-action=disarm]").click()
    expect(guard).to_contain_text("已撤防")


def test_the_catalogue_is_read_again(page: Page) -> None:
    open_device(page).locator("[data-action=sync]").click()
    expect(page.locator(".ts-message")).to_contain_text("目录已更新：4 个通道")


def test_subscriptions_are_begun_and_ended(page: Page) -> None:
    row = open_device(page).locator("[data-kind=mobile_position]")
    row.locator("[data-action=subscribe]").click()
    expect(row).to_contain_text("有效")
    row.locator("[data-action=unsubscribe]").click()
    expect(row).to_contain_text("未订阅")


def test_what_was_learned_stands_there_with_its_evidence(page: Page) -> None:
    panel = open_device(page)
    panel.locator("[data-tab=profile]").click()
    fact = panel.locator("[data-facet=media_transport]")
    expect(fact).to_contain_text("answered RTP/AVP to an offer over TCP")
    expect(fact).to_contain_text("从此设备学到")
    fact.locator("[data-action=forget]").click()
    expect(page.locator(".ts-message")).to_contain_text("已忘记")
    assert asked(page) == ["forget media_transport"]
    expect(panel.locator("[data-facet=ssrc] [data-action=forget]")).to_have_count(0)


def test_the_trace_is_a_ladder_that_can_be_filtered_and_saved(page: Page) -> None:
    panel = open_device(page)
    panel.locator("[data-tab=trace]").click()
    steps = panel.locator(".ts-step")
    expect(steps).to_have_count(14)
    panel.get_by_label("哪种消息").select_option("REGISTER")
    expect(steps).to_have_count(4)
    panel.get_by_label("哪种消息").select_option("")
    panel.get_by_label("在消息中查找").fill("catalog")
    expect(steps).to_have_count(2)
    panel.get_by_label("在消息中查找").fill("")
    panel.get_by_label("哪一次会话").select_option(index=1)
    expect(steps).to_have_count(6)
    expect(panel.locator("li.is-bad .ts-step")).to_contain_text("481")
    with page.expect_download() as download:
        panel.locator("a[data-action=text]").click()
    assert "call_id=live" in download.value.url
    assert download.value.suggested_filename == f"sip-{NVR}.txt"


def test_a_device_is_watched_closely(page: Page) -> None:
    panel = open_device(page)
    panel.locator("[data-tab=trace]").click()

    def is_watch(request: Any) -> bool:
        return str(request.url).endswith("/trace/watch")

    with page.expect_request(is_watch) as watch:
        panel.get_by_label("重点跟踪").check()
    assert watch.value.method == "PUT"
    with page.expect_request(is_watch) as watch:
        panel.get_by_label("重点跟踪").uncheck()
    assert watch.value.method == "DELETE"


def test_on_a_small_screen_every_button_of_a_tile_stays_in_reach_beside_the_drawer(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0009']").click()
    open_device(page)
    expect(page.locator(".ts-tile[data-channel$='0009'] [data-action=why]")).to_be_visible()
    outside = page.evaluate("""() => [...document.querySelectorAll(".ts-tile")].flatMap((tile) => {
        const box = tile.getBoundingClientRect();
        const all = [...tile.querySelectorAll("button, a")];
        const shown = all.filter((button) => button.offsetParent !== null);
        return shown.filter((button) => {
            const { left, right, top, bottom } = button.getBoundingClientRect();
            return left < box.left || right > box.right || top < box.top || bottom > box.bottom;
        }).map((button) => button.textContent);
    })""")
    assert outside == []


def test_a_viewer_sees_the_state_and_no_buttons_that_change_it(visit: Visit, fake: str) -> None:
    visit.log_in(fake, "viewer", "viewer")
    panel = open_device(visit.page)
    expect(panel.locator("[data-section=clock]")).to_contain_text("快 42 s")
    expect(panel.locator("[data-tab=trace]")).to_have_count(0)
    for action in ("sync", "restart", "arm", "disarm", "subscribe", "unsubscribe", "ask-clock"):
        expect(panel.locator(f"[data-action={action}]")).to_have_count(0)
