"""The sources that do not speak GB/T 28181, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import Visit, serve_fake

STREAMING, IDLE, FAILED, OFF, PUSH = (f"340200000013209{number:05d}" for number in range(1, 6))


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    yield from serve_fake()


@pytest.fixture
def page(visit: Visit, running: str) -> Iterator[Page]:
    httpx.post(f"{running}fake/sources/reset").raise_for_status()
    visit.log_in(running, "admin", "admin")
    visit.page.locator("[data-view=sources]").click()
    yield visit.page
    assert not visit.errors


def row(page: Page, channel_id: str) -> Locator:
    return page.locator(f"[data-source='{channel_id}']")


def asked(page: Page) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = page.evaluate("fetch('/fake/sources').then((r) => r.json())")
    return answer


def test_every_source_says_how_it_stands(page: Page) -> None:
    expect(page.locator(".ts-sources")).to_contain_text("5 个，2 个在线")
    expect(row(page, STREAMING)).to_contain_text("拉流中")
    expect(row(page, STREAMING)).to_contain_text("3 个读者")
    expect(row(page, STREAMING)).to_contain_text("未接入：opus")
    expect(row(page, IDLE)).to_contain_text("UDP 传输 · 按需")
    expect(row(page, FAILED)).to_contain_text("用户名或密码错误")
    expect(row(page, OFF)).to_have_attribute("data-state", "disabled")
    expect(row(page, PUSH)).to_contain_text("push/car01")
    page.reload()
    expect(row(page, FAILED)).to_be_visible()


def test_a_source_is_tried_and_added(page: Page) -> None:
    page.locator("[data-action=add-source]").click()
    form = page.get_by_role("dialog")
    form.locator("[name=name]").fill("新摄像机")
    form.locator("[name=url]").fill("rtsp://192.0.2.64:554/101")
    form.locator("[name=source_user]").fill("admin")
    form.locator("[name=source_password]").fill("wrong")
    form.locator("[data-action=test]").click()
    expect(form.locator("[data-verdict]")).to_contain_text("用户名或密码错误")
    form.locator("[name=source_password]").fill("right")
    form.locator("[data-action=test]").click()
    expect(form.locator("[data-verdict]")).to_contain_text("H.265 2560×1440 · G711A 8000 Hz")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".ts-source-list")).to_contain_text("新摄像机")
    sent = asked(page)[-1]
    assert (sent["url"], sent["password"], sent["kind"]) == ("rtsp://192.0.2.64:554/101", "right", "pull")


def test_what_makes_no_source_says_why(page: Page) -> None:
    page.locator("[data-action=add-source]").click()
    form = page.get_by_role("dialog")
    form.locator("[name=name]").fill("x")
    form.locator("[name=url]").fill("file:///etc/passwd")
    form.locator("[data-action=save]").click()
    expect(form.get_by_role("alert")).to_contain_text("Scheme 'file' is not one of")


def test_only_what_was_changed_is_sent(page: Page) -> None:
    row(page, IDLE).locator("[data-action=edit]").click()
    form = page.get_by_role("dialog")
    expect(form.locator("[name=source_password]")).to_have_attribute("placeholder", "不修改则保留")
    form.locator("[name=mode]").select_option("always")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert asked(page) == [{"mode": "always"}]


def test_the_key_of_a_push_is_shown_once(page: Page) -> None:
    page.locator("[data-action=add-source]").click()
    form = page.get_by_role("dialog")
    form.locator("[data-kind=push]").click()
    form.locator("[name=name]").fill("执法车 02")
    form.locator("[name=push_path]").fill("push/car02")
    form.locator("[data-action=save]").click()
    expect(form.locator("[data-field=push_key]")).to_have_text("kR3-made-once")
    form.locator("[data-action=done]").click()
    expect(page.locator(".ts-source-list")).to_contain_text("push/car02")


def test_switching_off_and_removing(page: Page) -> None:
    row(page, IDLE).locator("[data-action=switch]").click()
    expect(row(page, IDLE)).to_have_attribute("data-state", "disabled")
    row(page, OFF).locator("[data-action=remove]").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("已有录像保留到期满")
    page.locator("[data-action=remove-sure]").click()
    expect(row(page, OFF)).to_have_count(0)


def test_a_camera_is_found_asked_and_added(page: Page) -> None:
    page.locator("[data-action=search-onvif]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[data-camera='192.0.2.61']")).to_contain_text("已接入")
    dialog.locator("[data-camera='192.0.2.64']").click()
    dialog.locator("[name=onvif_password]").fill("wrong")
    dialog.locator("[data-action=describe]").click()
    expect(dialog.get_by_role("alert")).to_contain_text("摄像机拒绝了 ONVIF 用户")
    dialog.locator("[name=onvif_password]").fill("right")
    dialog.locator("[data-action=describe]").click()
    expect(dialog.locator("[data-stream=mainStream]")).to_contain_text("H.265 · 2560×1440 · 25 fps")
    expect(dialog).to_contain_text("时钟偏差 -31 秒")
    dialog.locator("[data-action=use]").click()
    form = page.get_by_role("dialog")
    expect(form.locator("[name=url]")).to_have_value("rtsp://192.0.2.64:554/101")
    expect(form.locator("[name=sub_url]")).to_have_value("rtsp://192.0.2.64:554/102")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    sent = asked(page)[-1]
    assert (sent["manufacturer"], sent["username"], sent["password"]) == ("HIKVISION", "admin", "right")
    assert sent["onvif_address"] == "http://192.0.2.64/onvif/device_service"


def test_without_sources_the_page_says_what_they_are_for(page: Page, running: str) -> None:
    httpx.post(f"{running}fake/sources/reset?empty=true").raise_for_status()
    expect(page.locator(".ts-sources")).to_contain_text("还没有接入源")


def test_who_may_not_manage_devices_has_no_such_page(visit: Visit, running: str) -> None:
    visit.log_in(running, "viewer", "viewer")
    expect(visit.page.locator("[data-view=sources]")).to_have_count(0)
    visit.page.goto(f"{running}?view=sources")
    expect(visit.page.locator(".ts-wall")).to_be_visible()
