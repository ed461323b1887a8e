"""The page of superior platforms, against a fake of the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from console.api.superior_grant_models import SuperiorGrantsReplace
from console.api.superior_models import SuperiorCreate, SuperiorReplace
from tests.support.browsing import Visit, serve_fake

ONLINE, REFUSED, OFF = (f"340000000020000000{number}" for number in (10, 20, 30))


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    yield from serve_fake()


@pytest.fixture
def page(visit: Visit, running: str) -> Iterator[Page]:
    httpx.post(f"{running}fake/superiors/reset").raise_for_status()
    visit.log_in(running, "admin", "admin")
    visit.page.locator("[data-view=superiors]").click()
    yield visit.page
    assert not visit.errors


def entry(page: Page, superior_id: str) -> Locator:
    return page.locator(f"[data-platform='{superior_id}']")


def tab(page: Page, name: str) -> Locator:
    page.locator(f"[data-tab={name}]").click()
    return page.locator(".ts-platform-tab")


def asked(page: Page) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = page.evaluate("fetch('/fake/superiors').then((r) => r.json())")
    return answer


def test_every_superior_says_how_we_stand_with_it(page: Page) -> None:
    expect(page.locator(".ts-platforms")).to_contain_text("3 个，1 个在线")
    expect(entry(page, ONLINE)).to_contain_text("已注册")
    expect(entry(page, ONLINE)).to_contain_text("正在观看 2 路")
    expect(page.locator("[data-fact=address]")).to_have_text("192.0.2.10:5060 · UDP · 备用 192.0.2.11:5060")
    expect(page.locator("[data-fact=next]")).to_have_text("1740 秒后")
    expect(page.locator("[data-fact=subscriptions]")).to_have_text("目录 · 报警 × 2")
    entry(page, REFUSED).click()
    expect(page.locator("[data-why]")).to_contain_text("403 Forbidden")
    expect(page.locator("[data-fact=shown]")).to_have_text("行政区划 340102 · 不含 设备 34010200001180000001")
    entry(page, OFF).click()
    expect(page.locator("[data-fact=shown]")).to_contain_text("上级看不到任何通道")
    page.reload()
    expect(entry(page, REFUSED)).to_be_visible()


def test_what_it_is_shown_is_listed_page_by_page(page: Page) -> None:
    listed = tab(page, "catalogue")
    expect(listed.locator("tbody tr")).to_have_count(200)
    expect(listed.locator("[data-item='34010200001320000007']")).to_contain_text("离线")
    listed.locator("[data-action=more]").click()
    listed.locator("[data-action=more]").click()
    expect(listed.locator("tbody tr")).to_have_count(450)
    expect(listed.locator("[data-action=more]")).to_have_count(0)
    entry(page, OFF).click()
    expect(page.locator("[data-empty]")).to_contain_text("添加共享规则")


def test_what_it_knows_is_compared_and_told_again(page: Page) -> None:
    ledger = tab(page, "ledger")
    expect(ledger.locator("[data-sum]")).to_have_text("应共享 3 项，上级已确认 1 项，差异 2 项")
    expect(ledger.locator("tbody tr")).to_have_count(2)
    expect(ledger.locator("[data-item='34010200001320000003']")).to_contain_text("被上级拒绝 403")
    expect(ledger.locator("[data-strangers]")).to_contain_text("34010200001320000999")
    ledger.locator("[data-field=filter]").select_option("never_sent")
    expect(ledger.locator("tbody tr")).to_have_count(1)
    ledger.locator("[data-field=filter]").select_option("all")
    expect(ledger.locator("tbody tr")).to_have_count(3)
    ledger.locator("[data-action=check]").click()
    expect(page.locator(".ts-message")).to_contain_text("上级平台没有应答")
    ledger.locator("[data-field=filter]").select_option("differing")
    ledger.locator("[data-action=push]").click()
    expect(page.locator(".ts-message")).to_contain_text("将重新上报 2 项")
    expect(ledger.locator("[data-empty]")).to_contain_text("没有差异")
    expect(ledger.locator("[data-action=push]")).to_be_disabled()


def test_what_it_watches_is_shown(page: Page) -> None:
    watched = tab(page, "streams")
    expect(watched.locator("tbody tr")).to_have_count(2)
    expect(watched.locator("[data-stream='34010200001320000001']")).to_contain_text("原样转发")
    expect(watched.locator("[data-stream='34010200001320000002']")).to_contain_text("下载")
    entry(page, REFUSED).click()
    expect(page.locator("[data-empty]")).to_contain_text("没有观看任何画面")


def test_a_superior_is_entered(page: Page) -> None:
    page.locator("[data-action=add-platform]").click()
    form = page.get_by_role("dialog")
    form.locator("[name=name]").fill("市局")
    form.locator("[name=id]").fill(ONLINE)
    form.locator("[name=host]").fill("192.0.2.40")
    form.locator("[name=platform_password]").fill("secret")
    form.locator("[data-rule=kind]").select_option("region")
    form.locator("[data-rule=value]").fill("340102")
    form.locator("[data-action=add-rule]").click()
    form.locator("[data-rule=shown]").nth(1).select_option("不共享")
    form.locator("[data-rule=kind]").nth(1).select_option("device")
    form.locator("[data-rule=value]").nth(1).fill("34010200001180000001")
    form.locator("[data-action=save]").click()
    expect(form.get_by_role("alert")).to_contain_text("该上级平台已存在")
    form.locator("[name=id]").fill("34000000002000000040")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-detail='34000000002000000040']")).to_contain_text("市局")
    sent = asked(page)[-1]
    assert (sent["password"], sent["port"], sent["edition"]) == ("secret", 5060, "3.0")
    assert sent["shares"] == [
        {"kind": "region", "value": "340102", "shown": True},
        {"kind": "device", "value": "34010200001180000001", "shown": False},
    ]


def test_a_change_keeps_the_password_and_all_that_was_not_touched(page: Page) -> None:
    page.locator("[data-action=edit]").click()
    form = page.get_by_role("dialog")
    expect(form.locator("[name=id]")).to_be_disabled()
    form.get_by_text("目录与通知").click()
    form.locator("[name=fragment_items]").fill("20")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    sent = asked(page)[-1]
    assert (sent["fragment_items"], sent["alternate"]) == (20, "192.0.2.11:5060")
    assert not {"password", "superior_id", "link", "streams", "has_password"} & set(sent)
    assert SuperiorReplace(**sent).fragment_items == 20


def test_a_new_one_has_a_field_for_every_setting(page: Page) -> None:
    page.locator("[data-action=add-platform]").click()
    form = page.get_by_role("dialog")
    form.locator("[name=id]").fill("34000000002000000041")
    form.locator("[name=host]").fill("192.0.2.41")
    form.locator("[name=transport]").select_option("TLS")
    form.locator("[data-action=save]").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    sent = asked(page)[-1]
    assert set(sent) == set(SuperiorCreate.model_fields) - {"password"}
    assert SuperiorCreate(**sent).transport == "TLS"


def test_rights_are_seen_decided_and_forgotten(page: Page) -> None:
    rights = tab(page, "rights")
    expect(rights.locator("[data-initial]")).to_be_visible()
    expect(rights.locator("[data-usage]")).to_contain_text("2 路，8.1 Mbit/s")
    expect(rights.locator("[data-action=save-rights]")).to_be_disabled()
    rights.locator("[data-action=add-grant]").click()
    new = rights.locator("[data-grant]").nth(1)
    new.locator("[data-right=live]").uncheck()
    new.locator("[data-right=ptz]").check()
    new.locator("[data-field=scope]").select_option("device")
    new.locator("[data-field=value]").fill("34010200001180000001")
    new.locator("[data-action=add-hours]").click()
    new.locator("[data-hours] label").nth(5).click()
    new.locator("[data-field=end]").fill("24:00")
    rights.locator("[name=streams]").fill("8")
    rights.locator("[data-action=save-rights]").click()
    expect(rights.locator("[data-initial]")).to_have_count(0)
    decided = SuperiorGrantsReplace(**asked(page)[-1])
    (hours,) = decided.grants[1].hours
    assert (decided.grants[1].actions, decided.grants[1].scope) == (["ptz"], "device")
    assert (hours.weekdays, hours.start, hours.end) == ([1, 2, 3, 4, 5, 6], "08:00", "24:00")
    assert (decided.limits.streams, decided.limits.kbps) == (8, None)
    rights.locator("[data-action=reset-rights]").click()
    expect(rights.locator("[data-initial]")).to_be_visible()
    entry(page, REFUSED).click()
    expect(rights.locator("[name=kbps]")).to_have_value("64000")
    rights.locator("[data-action=drop-grant]").first.click()
    rights.locator("[data-action=drop-grant]").first.click()
    expect(rights.locator("[data-empty]")).to_contain_text("只能看到目录")


def test_what_it_did_is_listed(page: Page) -> None:
    did = tab(page, "audit")
    expect(did.locator("tbody tr")).to_have_count(3)
    expect(did.locator("[data-entry='3']")).to_contain_text("没有此项权限")
    expect(did.locator("[data-entry='2']")).to_contain_text("王警官")
    entry(page, REFUSED).click()
    expect(page.locator("[data-empty]")).to_contain_text("还没有操作记录")


def test_a_test_call_says_what_the_superior_said(page: Page) -> None:
    entry(page, REFUSED).click()
    tried = tab(page, "trial")
    expect(tried).to_contain_text("未注册时立即重新注册")
    tried.locator("[data-action=trial]").click()
    expect(tried.locator("[data-step=registration]")).to_contain_text("refused: 403 Forbidden")


def test_switching_off_and_removing(page: Page) -> None:
    page.locator("[data-action=switch]").click()
    expect(entry(page, ONLINE)).to_have_attribute("data-state", "off")
    page.locator("[data-action=remove]").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("分配给它的通道编号")
    page.locator("[data-action=remove-sure]").click()
    expect(entry(page, ONLINE)).to_have_count(0)


def test_without_superiors_the_page_says_what_they_are_for(page: Page, running: str) -> None:
    httpx.post(f"{running}fake/superiors/reset?empty=true").raise_for_status()
    expect(page.locator(".ts-platforms")).to_contain_text("还没有上级平台")


def test_who_may_not_manage_devices_has_no_such_page(visit: Visit, running: str) -> None:
    visit.log_in(running, "viewer", "viewer")
    expect(visit.page.locator("[data-view=superiors]")).to_have_count(0)
    visit.page.goto(f"{running}?view=superiors")
    expect(visit.page.locator(".ts-wall")).to_be_visible()
