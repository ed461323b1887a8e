"""One camera on the page: it is moved, and says why it shows no picture. Against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import Visit, serve_fake

NVR = "34020000001110000001"
STILL = {"pan": 0, "tilt": 0, "zoom": 0, "focus": 0, "iris": 0}


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
    visit.page.wait_for_selector(".ts-tile[data-channel$='0004']")
    yield visit.page
    assert not visit.errors


def key(number: int) -> str:
    return f"{NVR}~3402000000131000000{number}"


def open_pad(page: Page, number: int) -> Locator:
    page.locator(f".ts-tile[data-channel$='000{number}'] [data-action=ptz]").click()
    return page.locator(".ts-ptz")


def asked(page: Page, number: int) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(
        "(key) => fetch(`/fake/cameras/${key}`).then((r) => r.json())", key(number)
    )
    return answer


def wait_until_asked(page: Page, number: int, wanted: str) -> None:
    script = f"(key) => fetch(`/fake/cameras/${{key}}`).then((r) => r.json()).then((c) => {wanted})"
    page.wait_for_function(script, arg=key(number))


def test_a_key_of_the_pad_moves_for_as_long_as_it_is_pressed(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    pad.locator("[data-move=up_left]").hover()
    page.mouse.down()
    wait_until_asked(page, 1, "c.movements.length >= 3")
    expect(pad).to_have_attribute("data-holder", "mine")
    page.mouse.up()
    wait_until_asked(page, 1, "c.movements.at(-1).pan === 0 && c.movements.at(-1).tilt === 0")
    movements = asked(page, 1)["movements"]
    assert movements[0] == {**STILL, "pan": -0.5, "tilt": 0.5}
    assert movements[-1] == STILL


def test_the_speed_is_chosen_and_the_lens_is_moved(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    pad.locator("input[type=range]").fill("10")
    for name in ("zoom+", "focus-", "iris+"):
        pad.locator(f"[data-move='{name}']").hover()
        page.mouse.down()
        wait_until_asked(page, 1, "c.movements.length && Object.values(c.movements.at(-1)).some(Boolean)")
        page.mouse.up()
        wait_until_asked(page, 1, "!Object.values(c.movements.at(-1)).some(Boolean)")
    movements = asked(page, 1)["movements"]
    for parts in ({"zoom": 1}, {"focus": -1}, {"iris": 1}):
        assert {**STILL, **parts} in movements


def test_arrow_keys_move_and_letting_go_of_them_stops(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    page.keyboard.down("ArrowUp")
    page.keyboard.down("ArrowRight")
    expect(pad.locator("[data-move=up_right]")).to_have_class("ts-pad-key is-held")
    page.keyboard.up("ArrowRight")
    expect(pad.locator("[data-move=up]")).to_have_class("ts-pad-key is-held")
    page.keyboard.up("ArrowUp")
    wait_until_asked(page, 1, "!Object.values(c.movements.at(-1)).some(Boolean)")
    assert {**STILL, "pan": 0.5, "tilt": 0.5} in asked(page, 1)["movements"]


def test_arrow_keys_in_a_field_move_nothing(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    pad.locator("input[type=number]").first.focus()
    page.keyboard.press("ArrowUp")
    pad.locator(".ts-panel-head h2").focus()
    page.keyboard.press("ArrowLeft")
    wait_until_asked(page, 1, "c.movements.length >= 2")
    assert not any(movement["tilt"] for movement in asked(page, 1)["movements"])


def test_a_window_that_loses_the_keyboard_stops(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    page.keyboard.down("ArrowUp")
    wait_until_asked(page, 1, "c.movements.length >= 1")
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    wait_until_asked(page, 1, "!Object.values(c.movements.at(-1)).some(Boolean)")


def test_closing_the_panel_while_moving_stops_and_frees_the_camera(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad).to_have_attribute("data-holder", "free")
    page.keyboard.down("ArrowLeft")
    wait_until_asked(page, 1, "c.movements.length >= 1")
    pad.locator("[data-action=close-panel]").click()
    expect(pad).to_have_count(0)
    wait_until_asked(page, 1, "c.said.includes('joystick closed')")
    assert asked(page, 1)["movements"][-1] == STILL


def test_a_camera_that_somebody_has_is_moved_only_after_taking_it_over(page: Page) -> None:
    pad = open_pad(page, 4)
    expect(pad).to_have_attribute("data-holder", "other")
    expect(pad.locator(".ts-holder")).to_contain_text("night-desk 正在控制")
    expect(pad.locator("[data-move=up]")).to_be_disabled()
    page.keyboard.press("ArrowUp")
    pad.locator("[data-action=take-over]").click()
    expect(pad).to_have_attribute("data-holder", "mine")
    expect(pad.locator("[data-move=up]")).to_be_enabled()
    assert asked(page, 4)["movements"] == []
    pad.locator("[data-action=give-back]").click()
    expect(pad).to_have_attribute("data-holder", "free")


def test_a_refused_take_over_says_who_has_the_camera(page: Page) -> None:
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0009']").click()
    pad = open_pad(page, 9)
    pad.locator("[data-action=take-over]").click()
    expect(pad.get_by_role("alert")).to_contain_text("不能接管：night-desk 正在控制")


def test_presets_are_called_set_and_deleted_after_a_question(page: Page) -> None:
    pad = open_pad(page, 1)
    pad.locator("[data-preset='2'] [data-action=call]").click()
    expect(page.locator(".ts-message")).to_contain_text("正在转到 2：收费岗亭")
    pad.get_by_placeholder("名称").fill("北侧围墙")
    pad.locator("[data-action=save]").click()
    expect(pad.locator("[data-preset='3']")).to_contain_text("北侧围墙")
    row = pad.locator("[data-preset='7']")
    row.locator("[data-action=remove]").click()
    row.locator("[data-action=confirm]").click()
    expect(row).to_have_count(0)
    assert asked(page, 1)["said"] == ["call 2", "set 3", "delete 7"]


def test_the_home_position_is_read_when_somebody_looks_and_saved(page: Page) -> None:
    pad = open_pad(page, 1)
    pad.locator("summary").click()
    pad.get_by_label("无人操作时自动返回").check()
    pad.locator("form.ts-home button").click()
    expect(page.locator(".ts-message")).to_contain_text("看守位已保存")


def test_the_panel_follows_the_selected_camera_and_outlives_a_reload(page: Page) -> None:
    pad = open_pad(page, 1)
    expect(pad.locator(".ts-panel-subtitle")).to_have_text("人民路口 北")
    page.locator(".ts-tile[data-channel$='0003'] .ts-tile-head").click()
    expect(pad.locator(".ts-panel-subtitle")).to_have_text("市民广场 东门")
    expect(pad).to_contain_text("可能不会转动")
    page.reload()
    expect(page.locator(".ts-ptz")).to_be_visible()


def test_a_viewer_may_look_and_nothing_else(visit: Visit, fake: str) -> None:
    visit.log_in(fake, "viewer", "viewer")
    page = visit.page
    tile = page.locator(".ts-tile[data-channel$='0001']")
    expect(tile).to_have_attribute("data-state", "playing", timeout=15_000)
    for action in ("ptz", "talk", "record"):
        expect(tile.locator(f"[data-action={action}]")).to_have_count(0)
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0009']").click()
    expect(page.locator(".ts-tile[data-channel$='0009']").get_by_role("alert")).to_be_visible()
    expect(page.locator("[data-action=why]")).to_have_count(0)
    page.goto(f"{fake}?panel=ptz")
    expect(page.locator(".ts-tile").first).to_be_visible()
    expect(page.locator(".ts-dock")).to_have_count(0)


def ask_why(page: Page) -> Locator:
    page.click("[data-size='9']")
    page.locator(".ts-row[data-channel$='0009']").click()
    page.locator(".ts-tile[data-channel$='0009'] [data-action=why]").click()
    return page.locator(".ts-diagnosis")


def test_a_failed_picture_is_explained_in_plain_words_of_both_languages(page: Page) -> None:
    panel = ask_why(page)
    expect(panel).to_have_attribute("data-verdict", "tcp-refused")
    expect(panel.locator(".ts-verdict").first).to_contain_text("TCP 媒体连接没有建立")
    expect(panel).to_contain_text("within 15 s")
    expect(panel.locator(".ts-setting").nth(1)).to_contain_text("媒体传输方式 → udp")
    expect(panel.locator(".ts-steps li.is-failed")).to_contain_text("呼叫")
    page.click("[data-action=language]")
    expect(panel.locator(".ts-verdict").first).to_contain_text("No TCP connection for media came about")


def test_the_advised_setting_is_used_by_a_click(page: Page) -> None:
    panel = ask_why(page)
    with page.expect_request(lambda request: request.url.endswith("/profile/media_transport")) as setting:
        panel.locator("[data-action=apply]").click()
    assert setting.value.post_data_json == {"value": "udp"}
    expect(page.locator(".ts-message")).to_contain_text("已写入设备档案")


def test_the_messages_of_the_call_are_one_click_away(page: Page) -> None:
    panel = ask_why(page)
    panel.locator("[data-action=ladder]").click()
    steps = panel.locator(".ts-step")
    expect(steps).to_have_count(6)
    expect(steps.first).to_contain_text("INVITE")
    steps.first.click()
    expect(panel.locator(".ts-message-text")).to_contain_text("Max-Forwards")
    expect(panel.get_by_role("link", name="下载抓包")).to_have_attribute(
        "href",
        "/api/v1/devices/34020000001320000009/trace/download?format=pcap&call_id=live-12-0001%40192.0.2.10",
    )


def test_an_operator_gets_the_verdict_without_trace_and_profile(visit: Visit, fake: str) -> None:
    visit.log_in(fake, "operator", "operator")
    panel = ask_why(visit.page)
    expect(panel.locator(".ts-verdict").first).to_be_visible()
    expect(panel.locator("[data-action=ladder]")).to_have_count(0)
    expect(panel.locator("[data-action=apply]")).to_have_count(0)
