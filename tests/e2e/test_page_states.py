"""The page in the states that a healthy platform does not show, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.browsing import Visit, serve_fake


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    yield from serve_fake("small")


@pytest.fixture(scope="module")
def empty() -> Iterator[str]:
    yield from serve_fake("empty")


@pytest.fixture(scope="module")
def large() -> Iterator[str]:
    yield from serve_fake("large")


def test_an_empty_platform_says_how_to_add_a_camera(visit: Visit, empty: str) -> None:
    visit.log_in(empty, "admin", "admin")
    how = visit.page.locator("[data-empty=devices]")
    expect(how).to_contain_text("34020000002000000001")
    expect(how).to_contain_text("3402000000")
    expect(how).to_contain_text("udp:192.0.2.7:5060")
    assert not visit.errors


def test_a_wrong_password_is_said_and_the_field_is_cleared(visit: Visit, small: str) -> None:
    visit.page.goto(small)
    visit.page.fill("input[name=username]", "admin")
    visit.page.fill("input[name=password]", "wrong")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_role("alert")).to_contain_text("用户名或密码错误")
    expect(visit.page.locator("input[name=password]")).to_have_value("")


def test_an_offline_camera_says_so_in_the_language_and_can_be_tried_again(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    page = visit.page
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0009']").click()
    tile = page.locator(".ts-tile[data-channel$='0009']")
    expect(tile.get_by_role("alert")).to_contain_text("设备离线")
    page.click("[data-action=language]")
    expect(tile.get_by_role("alert")).to_contain_text("The device is offline")
    with page.expect_request(lambda request: request.url.endswith("0009/live")):
        tile.get_by_role("button", name="Try now").click()
    assert not visit.errors


def test_the_wall_outlives_a_reload(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    page = visit.page
    page.wait_for_selector(".ts-tile[data-channel$='0002']")
    page.locator(".ts-tile[data-channel$='0002'] [data-action=close]").click()
    page.click("[data-size='9']")
    page.reload()
    expect(page.locator(".ts-tile")).to_have_count(9)
    expect(page.locator(".ts-tile[data-channel$='0001']")).to_have_count(1)
    expect(page.locator(".ts-tile[data-channel$='0002']")).to_have_count(0)


def test_a_channel_is_placed_by_dragging(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    page = visit.page
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0003']").drag_to(page.locator(".ts-tile").nth(7))
    expect(page.locator(".ts-tile").nth(7)).to_have_attribute(
        "data-channel", "34020000001110000001~34020000001310000003"
    )


def test_a_picture_that_breaks_off_comes_back_by_itself(visit: Visit, small: str) -> None:
    page = visit.page
    page.add_init_script(
        "window.sockets = []; const Plain = WebSocket; window.WebSocket = class extends Plain {"
        " constructor(...a) { super(...a); window.sockets.push(this); } };"
    )
    visit.log_in(small, "admin", "admin")
    tile = page.locator(".ts-tile[data-channel$='0001']")
    expect(tile).to_have_attribute("data-state", "playing", timeout=15_000)
    page.evaluate("window.sockets.filter((s) => s.url.endsWith('/fake/1')).forEach((s) => s.close())")
    page.wait_for_function("window.sockets.filter((s) => s.url.endsWith('/fake/1')).length > 1")
    expect(tile).to_have_attribute("data-state", "playing", timeout=15_000)
    assert not visit.errors


def test_a_camera_that_changes_its_picture_size_goes_on(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    tile = visit.page.locator(".ts-tile[data-channel$='0002']")
    expect(tile.locator(".ts-figures")).to_contain_text("640×360", timeout=15_000)
    expect(tile.locator(".ts-figures")).to_contain_text("320×180", timeout=15_000)
    visit.page.wait_for_function(
        "(tile) => tile.querySelector('video')?.videoWidth === 320", arg=tile.element_handle(), timeout=15_000
    )
    expect(tile).to_have_attribute("data-state", "playing")
    assert not visit.errors


def test_ten_thousand_channels_are_searched_and_few_rows_are_drawn(visit: Visit, large: str) -> None:
    visit.log_in(large, "admin", "admin")
    page = visit.page
    page.fill("input[type=search]", "街道 33")
    page.wait_for_selector(".ts-row[data-channel]")
    assert page.locator(".ts-row").count() < 80
    rows = page.locator(".ts-rows")
    assert rows.evaluate("(e) => e.scrollHeight") > 200 * 34
    rows.focus()
    page.keyboard.press("End")
    expect(page.locator(".ts-row.is-active")).to_contain_text("第 199 路")
    page.keyboard.press("Enter")
    expect(page.locator(".ts-tile").first).to_have_attribute(
        "data-channel", "34020000001110000033~34020033001310000199"
    )


def test_the_wall_fills_itself_where_many_devices_leave_the_tree_closed(visit: Visit, large: str) -> None:
    visit.log_in(large, "admin", "admin")
    expect(visit.page.locator(".ts-tile[data-channel*='~']")).to_have_count(4, timeout=15_000)
    expect(visit.page.locator(".ts-row[data-channel]")).to_have_count(0)
    assert not visit.errors


def test_playback_goes_on_with_the_next_segment_and_survives_a_reload(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    page = visit.page
    page.locator(".ts-tile[data-channel$='0001'] [data-action=playback]").click()
    page.get_by_role("button", name="开始播放").click()
    playback = page.locator(".ts-playback")
    expect(playback).to_have_attribute("data-segment", "run-000000")
    expect(playback).to_have_attribute("data-segment", "run-000001", timeout=15_000)
    expect(page.locator(".ts-run")).to_have_count(2)
    page.reload()
    expect(page.locator(".ts-playback h2")).to_have_text("人民路口 北")
    assert not visit.errors


def test_a_day_without_recordings_says_so(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    visit.page.click("[data-view=playback]")
    visit.page.locator(".ts-row[data-channel$='0002']").click()
    expect(visit.page.locator(".ts-playback")).to_contain_text("没有录像")


def test_an_ended_log_in_leads_back_to_the_log_in_page(visit: Visit, small: str) -> None:
    visit.log_in(small, "admin", "admin")
    visit.page.context.clear_cookies()
    visit.page.wait_for_url("**/login", timeout=15_000)
