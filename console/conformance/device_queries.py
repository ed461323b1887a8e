"""Cases that ask: information, catalogue, status, settings, recordings."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import Final

from console.conformance.bench import Bench
from console.conformance.device_registration import body
from console.conformance.log import CaseLog, failed, not_supported, skipped
from sipserver.devices.configuration.outcomes import TypeState
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.config_blocks.block import Block
from sipserver.gb.editions import Edition

_SN: Final = re.compile(r"<SN>\s*(\d+)\s*</SN>")
_SUM: Final = re.compile(r"<SumNum>\s*(\d+)\s*</SumNum>")
_NUM: Final = re.compile(r"\bNum\s*=\s*[\"'](\d+)[\"']")
_CMD: Final = re.compile(r"<CmdType>\s*(\w+)\s*</CmdType>")


async def device_info(bench: Bench, log: CaseLog) -> None:
    with log.step("查询设备信息", "ask for device information") as step:
        info = await bench.devices.query_info(bench.device_id)
        step.detail = (
            f"{info.name}; {info.manufacturer}; {info.model}; {info.firmware}; {info.channels} channels"
        )
    for chinese, name, text in (
        ("厂商", "the manufacturer", info.manufacturer),
        ("型号", "the model", info.model),
        ("固件版本", "the firmware", info.firmware),
    ):
        if not text:
            log.remark(f"未说明{chinese}", f"it does not say {name}")


async def catalog(bench: Bench, log: CaseLog) -> None:
    with log.step("查询设备目录", "ask for the catalogue") as step:
        result = await bench.devices.sync_catalog(bench.device_id)
        step.detail = f"{result.items} of {result.sum_num} items, {result.duplicates} twice"
        if not result.complete:
            raise failed(f"{result.items} of {result.sum_num} items came before it fell silent")
    log.check(result.items > 0, "至少一个通道", "there is at least one item")
    if result.duplicates:
        log.remark("重复的目录项", "items that came twice", str(result.duplicates))


async def device_status(bench: Bench, log: CaseLog) -> None:
    with log.step("查询设备状态", "ask for device status") as step:
        status = await bench.devices.query_status(bench.device_id)
        duty = ", ".join(f"{each.device_id} {each.duty_status}" for each in status.alarms)
        step.detail = (
            f"online {status.online}, healthy {status.healthy}, encoding {status.encoding},"
            f" recording {status.recording}, time {status.device_time}{', ' + duty if duty else ''}"
        )
        if not status.ok:
            raise failed("Result ERROR")
    log.check(status.online is not None, "含 Online", "it says Online")
    log.check(status.healthy is not None, "含 Status", "it says Status")


async def config_basic(bench: Bench, log: CaseLog) -> None:
    await _config(bench, log, "BasicParam")


async def config_coding(bench: Bench, log: CaseLog) -> None:
    await _config(bench, log, "VideoParamAttribute" if bench.edition is Edition.V3_0 else "VideoParamConfig")


async def video_parameter_range(bench: Bench, log: CaseLog) -> None:
    await _config(bench, log, "VideoParamOpt")


async def _config(bench: Bench, log: CaseLog, name: str) -> None:
    with log.step(f"查询配置 {name}", f"ask for ConfigType {name}") as step:
        report = await bench.devices.configuration.download(
            bench.key, [name], despite_edition=bench.options.despite_edition
        )
        answer = report.answers[0]
        if answer.state is TypeState.REFUSED and not log.result.case.is_mandatory:
            raise not_supported(f"{name}: {answer.detail}")
        if answer.state is TypeState.SILENT and not log.result.case.is_mandatory:
            raise failed(f"{name} was taken with 200 and never answered; Result ERROR is what refuses it")
        if answer.block is None:
            raise failed(f"{name}: {answer.state.value} {answer.detail}")
        step.detail = f"to {report.target_id}: {_shown(answer.block)}"
    if not any(getattr(answer.block, each.name) for each in fields(answer.block)):
        log.remark("配置内容为空", "the answer holds no values", name)


def _shown(block: Block) -> str:
    return re.sub(r"(?i)(password[^=]*=)'[^']+'", r"\1'***'", str(block))[:400]


async def record_query(bench: Bench, log: CaseLog) -> None:
    with log.step("检索最近24小时录像", "ask for the recordings of the last 24 hours") as step:
        found = await bench.search()
        step.detail = f"{len(found.items)} recordings in {found.queries} queries"
        if not found.complete:
            raise failed(f"the answer is not whole: {len(found.items)} recordings came, SumNum says more")
    for answer in read_answers(await bench.messages(log.began_time)):
        said = max(answer.sums)
        if answer.items != said and answer.cmd_type == "RecordInfo":
            log.check(False, "应答完整", "the answer is whole", f"{answer.items} of SumNum {said} came")
    others = {item.device_id for item in found.items} - {bench.key.channel_id, bench.device_id}
    if others:
        log.remark("录像属于其他编码", "recordings carry other ids", ", ".join(sorted(others)[:5]))
    if not found.items:
        log.remark("没有录像", "there are no recordings", "answered with SumNum 0, which is right")


# ---------------------------------------------------------------- the rule for several messages


@dataclass(slots=True)
class _Answer:
    """The messages of one SN."""

    cmd_type: str
    sums: set[int] = field(default_factory=set)
    items: int = 0
    fragments: int = 0
    hurried: int = 0
    """Fragments that were sent before the one before them was answered."""


async def multi_response(bench: Bench, log: CaseLog) -> None:
    queries: tuple[tuple[str, str, Callable[[], Awaitable[object]]], ...] = (
        ("检索录像", "ask for recordings", lambda: _anew(bench)),
        ("查询目录", "ask for the catalogue", lambda: bench.devices.sync_catalog(bench.device_id)),
    )
    answers: list[_Answer] = []
    for chinese, english, ask in queries:
        with log.step(chinese, english) as step:
            await ask()
            answers = [
                each for each in read_answers(await bench.messages(log.began_time)) if each.fragments > 1
            ]
            step.detail = (
                ", ".join(f"{each.cmd_type} in {each.fragments} messages" for each in answers)
                or "one message"
            )
        if answers:
            break
    if not answers:
        raise skipped("every answer of this device fits into one message")
    for answer in answers[:10]:
        name = answer.cmd_type
        log.check(
            len(answer.sums) == 1,
            f"{name} 各条 SumNum 一致",
            f"{name}: SumNum is the same in all",
            ", ".join(map(str, sorted(answer.sums))),
        )
        log.check(
            answer.items == max(answer.sums, default=0),
            f"{name} 条数之和等于 SumNum",
            f"{name}: the items add up to SumNum",
            f"{answer.items} of {max(answer.sums, default=0)}",
        )
        log.check(
            not answer.hurried,
            f"{name} 收到200后再发下一条",
            f"{name}: the next only after the answer to the last",
            f"{answer.hurried} of {answer.fragments} were sent early" if answer.hurried else "",
        )


async def _anew(bench: Bench) -> None:
    bench.found = None
    await bench.search()


def read_answers(messages: list[LadderStep]) -> list[_Answer]:
    """Responses with SumNum, put together by command and SN; a repeated packet counts once."""
    found: dict[tuple[str, str], _Answer] = {}
    seen: set[tuple[str, int | None]] = set()
    open_requests: dict[str, tuple[str, str]] = {}
    for message in messages:
        if message.is_sent and message.status is not None:
            open_requests.pop(message.call_id, None)
            continue
        text = body(message)
        sn, cmd, total = _SN.search(text), _CMD.search(text), _SUM.search(text)
        identity = (message.call_id, message.cseq)
        is_fragment = message.what == "MESSAGE" and not message.is_sent and "<Response" in text
        if not (is_fragment and sn and cmd and total) or identity in seen:
            continue
        seen.add(identity)
        key = (cmd[1], sn[1])
        answer = found.setdefault(key, _Answer(cmd[1]))
        answer.hurried += key in open_requests.values()
        open_requests[message.call_id] = key
        answer.fragments += 1
        answer.sums.add(int(total[1]))
        count = _NUM.search(text)
        answer.items += int(count[1]) if count else text.count("<Item>")
    return list(found.values())
