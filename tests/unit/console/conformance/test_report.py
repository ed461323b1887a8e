"""The report: everything foreign escaped and masked, both languages, nothing loaded."""

from __future__ import annotations

import html.parser

from hypothesis import given
from hypothesis import strategies as st

from console.conformance.model import Case, CaseResult, Fact, Report, Step, Verdict, Words
from console.conformance.report import as_html
from sipserver.devices.tracing.ladder import LadderStep
from tests.support.ladder_steps import NOW, message


def report(foreign: str = "", *messages: LadderStep, verdict: Verdict = Verdict.PASSED) -> Report:
    case = Case("live", Words("实时点播", "Live picture"), "9.2")
    step = Step(Words("邀请", "INVITE"), NOW, verdict, foreign, 1.25)
    result = CaseResult(case, verdict, foreign, NOW, 2.5, [step])
    result.keep(messages)
    return Report(
        Words("报告", "Report"), "34020000001320000001", NOW,
        facts=[Fact(Words("名称", "Name"), foreign)], results=[result], ended_time=NOW,
    )  # fmt: skip


class Tags(html.parser.HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def tags_of(page: str) -> Tags:
    found = Tags()
    found.feed(page)
    return found


PLAIN = tags_of(as_html(report("x", message())))


@given(st.text(max_size=80))
def test_no_text_of_a_device_becomes_an_element(foreign: str) -> None:
    page = as_html(report(foreign, message(f"INFO {foreign}", summary=foreign, what=foreign, remote=foreign)))
    found = tags_of(page)
    assert found.tags <= PLAIN.tags
    assert found.attributes <= PLAIN.attributes


def test_scripts_of_a_device_are_shown_and_not_run() -> None:
    script = "</style></pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    page = as_html(report(script, message(script, summary=script)))
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6


def test_secrets_are_masked_although_the_trace_masked_them_before() -> None:
    page = as_html(report("", message()))
    assert "0123456789abcdef" not in page
    assert "geheim" not in page
    assert "response=&quot;" + "*" * 32 in page
    assert "&lt;Password&gt;******&lt;/Password&gt;" in page


def test_without_the_right_to_the_trace_only_summaries_are_shown() -> None:
    page = as_html(report("", message(summary="Query Catalog")), with_messages=False)
    assert "Query Catalog" in page
    assert "<pre>" not in page
    assert "Authorization" not in page


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = as_html(report("x", message()))
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in page
    assert PLAIN.tags.isdisjoint({"script", "img", "link", "iframe", "object", "form", "input"})
    assert PLAIN.attributes.isdisjoint({"src", "onclick", "onload", "style"})
    assert "@import" not in page
    assert "url(" not in page


def test_both_languages_and_beijing_time() -> None:
    text = "".join(tags_of(as_html(report("", message()))).text)
    for words in ("实时点播", "Live picture", "通过", "passed", "邀请", "INVITE", "名称", "Name"):
        assert words in text
    assert "2026-01-31 08:30:00 (UTC+8)" in text
    assert "1.2 s" in text


def test_the_conclusion_says_what_failed_and_what_was_broken_off() -> None:
    assert "no mandatory case failed" in as_html(report())
    assert "mandatory cases failed" in as_html(report(verdict=Verdict.FAILED))
    broken = report()
    broken.broken_off = "Ctrl-C"
    assert "broken off: Ctrl-C" in as_html(broken)
    running = report()
    running.ended_time = None
    assert "not finished" in as_html(running)


def test_long_and_many_messages_are_cut_and_counted() -> None:
    made = report("", *(message(f"{number} " + "x" * 9_000) for number in range(100)))
    result = made.results[0]
    assert (len(result.messages), result.messages_left_out) == (60, 40)
    assert [each.text[:3] for each in result.messages[29:31]] == ["29 ", "70 "]
    page = as_html(made)
    assert "40 messages between are left out" in page
    assert "characters more" in page
