"""The page of subordinate platforms, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from console.api.subordinate_models import SubordinateCreate, SubordinateReplace
from tests.support.browsing import Visit, serve_fake

ONLINE, LOST, EXPECTED = (f"340201000020000000{number}" for number in (10, 20, 30))


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    yield from serve_fake()


@pytest.fixture
def page(visit: Visit, running: str) -> Iterator[Page]:
    httpx.post(f"{running}fake/subordinates/reset").raise_for_status()
    httpx.post(f"{running}fake/superiors/reset").raise_for_status()
    visit.log_in(running, "admin", "admin")
    visit.page.locator("[data-view=superiors]").click()
    visit.page.locator("[data-side=subordinates]").click()
    yield visit.page
    assert not visit.errors


def entry(page: Page, subordinate_id: str) -> Locator:
    return page.locator(f"[data-platform='{subordinate_id}']")


def asked(page: Page) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = page.evaluate("fetch('/fake/subordinates').then((r) => r.json())")
    return answer


def test_every_subordinate_says_how_it_stands(page: Page) -> None:
    expect(page.locator(".ts-platforms")).to_contain_text("3 个，1 个在线")
    expect(page.locator("[data-fact=cameras]")).to_have_text("摄像机 8214 个，在线 8102 个，目录 164 个")
    expect(page.locator("[data-fact=expected_hosts]")).to_have_text("198.51.100.0/24")
    entry(page, LOST).click()
    expect(page.locator("[data-why]")).to_contain_text("no keepalive for 183 s")
    expect(page.locator("[data-fact=catalogue]")).to_contain_text("不完整")
    entry(page, EXPECTED).click()
    expect(page.locator("[data-fact=state]")).to_have_text("尚未注册")
    page.reload()
    expect(entry(page, LOST)).to_be_visible()
    page.locator("[data-side=superiors]").click()
    expect(page.locator(".ts-platforms")).to_contain_text("省公安厅视频共享平台")


def test_what_comes_from_it_is_shown(page: Page) -> None:
    page.locator("[data-tab=streams]").click()
    row = page.locator(f"[data-stream='{ONLINE}~34020100001320000007']")
    expect(row).to_contain_text("观看 · 录像")
    expect(row).to_contain_text("1:02:05")
    expect(row).to_contain_text("34020101002000000001")
    entry(page, LOST).click()
    expect(page.locator("[data-empty]")).to_contain_text("现在没有从它取画面")


def test_a_test_call_tells_each_step(page: Page) -> None:
    page.locator("[data-tab=trial]").click()
    page.locator("[data-action=trial]").click()
    expect(page.locator(".ts-verdict")).to_have_attribute("data-ok", "true")
    expect(page.locator("[data-step=picture]")).to_contain_text("1920x1080")
    entry(page, LOST).click()
    page.locator("[data-action=trial]").click()
    expect(page.locator(".ts-verdict")).to_have_attribute("data-ok", "false")
    expect(page.locator("[data-step]")).to_have_count(1)


def test_a_subordinate_is_entered_and_changed(page: Page) -> None:
    page.locator("[data-action=add-platform]").click()
    form = page.get_by_role("dialog")
    form.locator("[name=name]").fill("繁昌区")
    form.locator("[name=id]").fill("34020100002000000040")
    form.locator("[name=platform_password]").fill("secret")
    form.locator("[name=expected_hosts]").fill("192.0.2.10，10.20.0.0/16")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    sent = asked(page)[-1]
    assert set(sent) == set(SubordinateCreate.model_fields)
    assert SubordinateCreate(**sent).expected_hosts == ["192.0.2.10/32", "10.20.0.0/16"]
    expect(page.locator("[data-detail='34020100002000000040']")).to_contain_text("繁昌区")
    entry(page, ONLINE).click()
    page.locator("[data-action=edit]").click()
    form.get_by_text("更多设置").click()
    form.locator("[name=catalog_every_s]").fill("3600")
    form.locator("[name=edition]").select_option("国标 GB/T 28181-2016（2.0）")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    changed = SubordinateReplace(**asked(page)[-1])
    assert (changed.catalog_every_s, changed.edition, changed.password) == (3600, "2.0", None)
    assert changed.expected_hosts == ["198.51.100.0/24"]


def test_switching_off_and_removing(page: Page) -> None:
    page.locator("[data-action=switch]").click()
    expect(entry(page, ONLINE)).to_have_attribute("data-state", "off")
    page.locator("[data-action=remove]").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("有录像的通道会保留")
    page.locator("[data-action=remove-sure]").click()
    expect(entry(page, ONLINE)).to_have_count(0)


def test_without_subordinates_the_page_says_what_they_are_for(page: Page, running: str) -> None:
    httpx.post(f"{running}fake/subordinates/reset?empty=true").raise_for_status()
    expect(page.locator(".ts-platforms")).to_contain_text("还没有下级平台")
