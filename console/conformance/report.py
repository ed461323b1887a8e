"""The report as one HTML file: no scripts, nothing loaded from elsewhere, made to be printed.

Everything that comes from a device or a person is escaped here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from console.conformance.model import VERDICTS, CaseResult, Report, Side, Step, Verdict, Words
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.masking import masked

STYLE: Final = (Path(__file__).parent / "report.css").read_text("utf-8")
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_COUNTED: Final = (
    Verdict.PASSED,
    Verdict.FAILED,
    Verdict.NOT_SUPPORTED,
    Verdict.SKIPPED,
    Verdict.NOT_SEEN,
)
_BEGUN_BY: Final = {
    Side.PLATFORM: Words("平台发起", "begun by the platform"),
    Side.DEVICE: Words("设备发起", "begun by the device"),
    Side.OPERATOR: Words("由被测方操作员触发", "begun by the operator of the other side"),
}


def as_html(report: Report, *, with_messages: bool = True) -> str:
    """The whole report.

    Args:
        with_messages: with the text of the messages; else only their one-line summaries.
    """
    parts = (
        _cover(report),
        _summary(report),
        *(_case(number, result, with_messages) for number, result in enumerate(report.results, 1)),
    )
    title = f"{report.title.chinese} {report.subject}"
    return (
        "<!DOCTYPE html>\n"
        '<html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


# ---------------------------------------------------------------- cover and summary


def _cover(report: Report) -> str:
    rows = [(fact.name, fact.value or "-") for fact in report.facts]
    rows.append((Words("开始时间", "Begun"), _time(report.began_time)))
    rows.append((Words("结束时间", "Ended"), _time(report.ended_time) if report.ended_time else "-"))
    table = "".join(f"<tr><th>{_words(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return (
        '<header class="cover">'
        f"<h1>{escape(report.title.chinese)}<small>{escape(report.title.english)}</small></h1>"
        f"{_conclusion(report)}"
        f'<table class="facts"><tbody>{table}</tbody></table></header>'
    )


def _conclusion(report: Report) -> str:
    if report.ended_time is None:
        kind, words = "running", Words("测试进行中", "The run is not finished")
    elif report.broken_off:
        kind = "failed"
        words = Words(f"测试中断: {report.broken_off}", f"The run was broken off: {report.broken_off}")
    elif report.has_failed:
        kind, words = "failed", Words("结论: 存在不通过的必测项", "Conclusion: mandatory cases failed")
    else:
        kind, words = "passed", Words("结论: 必测项无不通过", "Conclusion: no mandatory case failed")
    counts = "".join(
        f'<li class="{_kind(verdict)}"><b>{report.count(verdict)}</b>{_words(VERDICTS[verdict])}</li>'
        for verdict in _COUNTED
        if report.count(verdict)
    )
    return f'<div class="conclusion {kind}"><p>{_words(words)}</p><ul class="counts">{counts}</ul></div>'


def _summary(report: Report) -> str:
    rows = "".join(
        f'<tr><td class="number">{number}</td>'
        f'<td><a href="#{escape(result.case.case_id)}">{_words(result.case.title)}</a></td>'
        f"<td>{escape(result.case.proves)}</td>"
        f"<td>{_obligation(result)}</td>"
        f"<td>{_badge(result.verdict)}</td>"
        f'<td class="reason">{escape(result.reason)}</td>'
        f'<td class="number">{_seconds(result.took_s)}</td></tr>'
        for number, result in enumerate(report.results, 1)
    )
    heads = "".join(
        f"<th>{_words(words)}</th>"
        for words in (
            Words("序号", "No."),
            Words("测试项", "Case"),
            Words("依据", "Proves"),
            Words("要求", "Kind"),
            Words("结果", "Verdict"),
            Words("说明", "Reason"),
            Words("用时", "Took"),
        )
    )
    return (
        f'<section class="summary"><h2>汇总<small>Summary</small></h2><table class="cases">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{_legend(report)}</section>"
    )


def _legend(report: Report) -> str:
    lines = (
        Words(
            f"消息方向: → 由{report.ours.chinese}发出，← 由被测方发出；时间均为北京时间，密码与摘要以*代替。",
            f"Messages: → sent by {report.ours.english}, ← by the other side; times are Beijing time; secrets"
            " are replaced by *.",
        ),
        Words(
            "结果: 不支持 = 按规定拒绝，或不属于被测方声明的版本；选测项不影响结论。",
            "Verdicts: not supported = refused in the proper way, or of an edition that is not stated;"
            " optional cases do not change the conclusion.",
        ),
    )
    return "".join(f'<p class="about">{_words(words)}</p>' for words in lines)


# ---------------------------------------------------------------- one case


def _case(number: int, result: CaseResult, with_messages: bool) -> str:
    case = result.case
    about = " · ".join(
        (
            escape(case.proves),
            _obligation(result),
            _words(_BEGUN_BY[case.begun_by]),
            escape(_time(result.began_time)) if result.began_time else "-",
        )
    )
    reason = f'<p class="reason">{escape(result.reason)}</p>' if result.reason else ""
    instruction = f'<p class="instruction">{_words(case.instruction)}</p>' if case.instruction else ""
    return (
        f'<section class="case" id="{escape(case.case_id)}">'
        f"<h3><span>{number}. {_words(case.title)}</span>{_badge(result.verdict)}</h3>"
        f'<p class="about">{about}</p>{instruction}{reason}'
        f"{_steps(result.steps)}{_messages(result, with_messages)}</section>"
    )


def _steps(steps: Iterable[Step]) -> str:
    rows = "".join(
        f'<tr class="{_kind(step.verdict)}"><td class="time">{escape(_clock(step.began_time))}</td>'
        f"<td>{_words(step.words)}</td><td>{escape(step.detail)}</td>"
        f'<td>{_badge(step.verdict)}</td><td class="number">{_seconds(step.took_s)}</td></tr>'
        for step in steps
    )
    if not rows:
        return ""
    return (
        '<table class="steps"><thead><tr>'
        f"<th>{_words(Words('时间', 'Time'))}</th><th>{_words(Words('步骤', 'Step'))}</th>"
        f"<th>{_words(Words('所见', 'Found'))}</th><th>{_words(Words('结果', 'Verdict'))}</th>"
        f"<th>{_words(Words('用时', 'Took'))}</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _messages(result: CaseResult, with_text: bool) -> str:
    if not result.messages:
        return ""
    left_out = ""
    if result.messages_left_out:
        words = Words(
            f"中间 {result.messages_left_out} 条消息未列出",
            f"{result.messages_left_out} messages between are left out",
        )
        left_out = f'<p class="about">{_words(words)}</p>'
    shown = "".join(_message(message, with_text) for message in result.messages)
    heading = _words(
        Words(f"消息证据 ({len(result.messages)})", f"Messages as evidence ({len(result.messages)})")
    )
    return f'<div class="evidence"><h4>{heading}</h4>{left_out}{shown}</div>'


def _message(message: LadderStep, with_text: bool) -> str:
    arrow = "→" if message.is_sent else "←"
    line = (
        f'<p class="line"><span class="time">{escape(_clock(message.time))}</span>'
        f'<span class="arrow {"sent" if message.is_sent else "received"}">{arrow}</span>'
        f"<b>{escape(message.what)}</b> <span>{escape(message.remote)} {escape(message.transport)}</span> "
        f"<span>{escape(message.summary)}</span></p>"
    )
    if not with_text:
        return f'<div class="message">{line}</div>'
    # Masked once more: a report leaves the house.
    text = masked(message.text.replace("\r\n", "\n").encode("utf-8", "replace")).decode("utf-8", "replace")
    return f'<div class="message">{line}<pre>{escape(text.rstrip())}</pre></div>'


# ---------------------------------------------------------------- small parts


def _words(words: Words) -> str:
    if words.chinese == words.english:
        return escape(words.chinese)
    return f'{escape(words.chinese)}<i lang="en">{escape(words.english)}</i>'


def _badge(verdict: Verdict) -> str:
    return f'<em class="badge {_kind(verdict)}">{_words(VERDICTS[verdict])}</em>'


def _kind(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "-")


def _obligation(result: CaseResult) -> str:
    edition = result.case.since.value
    words = Words("必测", "mandatory") if result.case.is_mandatory else Words("选测", "optional")
    return _words(Words(f"{words.chinese} (≥{edition})", words.english))


def _seconds(took_s: float) -> str:
    return f"{took_s:.1f} s" if took_s >= 0.05 else ""


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M:%S} (UTC+8)"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(BEIJING):%H:%M:%S.%f}"[:-3]
