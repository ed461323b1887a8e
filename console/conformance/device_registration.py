"""Cases about registering, being alive, restarting: mostly seen, not asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from console.conformance.bench import Bench
from console.conformance.log import CaseLog, failed, not_supported, skipped
from sipserver.devices.tracing.ladder import LadderStep
from sipserver.gb.control_commands import TeleBoot
from sipserver.gb.editions import Edition, from_header
from sipserver.gb.gb_time import BEIJING
from sipserver.gb.registration_client import ServerAddress

HEARTBEAT_SPARE_S: Final = 10.0
HEARTBEAT_MAX_S: Final = 300.0
BACK_WITHIN_S: Final = 300.0
NO_REGISTER: Final = (
    "no REGISTER of the device is in the trace since the platform started: repeat the run with the reboot"
    " case, or after the device has registered again"
)
_HEADER: Final = r"(?im)^{}\s*:\s*(.*?)\s*$"


async def register_unauthenticated(bench: Bench, log: CaseLog) -> None:
    registers = await _registers(bench)
    with log.step("查找未携带认证信息的注册", "look for a REGISTER without credentials") as step:
        bare = [each for each in registers if not header(each, "Authorization")]
        if not bare:
            raise skipped("the device always sends the credentials of last time; that is allowed")
        step.detail = f"{len(bare)} of {len(registers)} requests, the last at {_clock(bare[-1].time)}"
    with log.step("平台应答401质询", "it is challenged with 401") as step:
        answer = await _answer_to(bench, bare[-1])
        log.attach([bare[-1], *([answer] if answer else [])])
        if answer is None or answer.status != 401:
            raise failed(f"it was answered {answer.what if answer else 'not at all'}")
        step.detail = header(answer, "WWW-Authenticate")
    _check_request(log, bare[-1], bench)


async def register_authenticated(bench: Bench, log: CaseLog) -> None:
    registers = await _registers(bench)
    with log.step("查找携带认证信息的注册", "look for a REGISTER with credentials") as step:
        proven = [
            each
            for each in registers
            if header(each, "Authorization") and header(each, "Expires").partition(";")[0] != "0"
        ]
        if not proven:
            raise failed("every REGISTER came without credentials")
        step.detail = f"{len(proven)} of {len(registers)} requests, the last at {_clock(proven[-1].time)}"
    with log.step("平台应答200", "it is accepted with 200") as step:
        answers = [(each, await _answer_to(bench, each)) for each in proven[-8:]]
        good = [(each, answer) for each, answer in answers if answer is not None and answer.status == 200]
        log.attach([message for pair in (good or answers)[-1:] for message in pair if message is not None])
        if not good:
            raise failed(f"the last was answered {answers[-1][1].what if answers[-1][1] else 'not at all'}")
        step.detail = (
            f"Expires {header(good[-1][1], 'Expires')}, Date {header(good[-1][1], 'Date') or 'not sent'}"
        )
    request = good[-1][0]
    _check_request(log, request, bench)
    names = re.findall(r"(\w+)=", header(request, "Authorization"))
    missing = [name for name in ("username", "realm", "nonce", "uri", "response") if name not in names]
    log.check(not missing, "Authorization 参数完整", "Authorization is complete", ", ".join(missing))


async def version_header(bench: Bench, log: CaseLog) -> None:
    registers = await _registers(bench, needed=False)
    with log.step("读取注册消息的 X-GB-Ver", "read X-GB-Ver of the REGISTER") as step:
        if not registers:
            if bench.entry().edition is Edition.V3_0:
                step.detail = "stated 3.0 before this platform started"
                return
            raise skipped(NO_REGISTER)
        text = header(registers[-1], "X-GB-Ver")
        log.attach(registers[-1:])
        if not text:
            raise not_supported("REGISTER has no X-GB-Ver: a device of GB/T 28181-2016 or before")
        step.detail = f"X-GB-Ver: {text}"
    known = re.fullmatch(r"[0-9]\.[0-9]", text) is not None
    log.check(known, "格式为 M.N", "it has the form M.N", f"understood as {from_header(text).value}")


async def heartbeat(bench: Bench, log: CaseLog) -> None:
    entry, clock = bench.entry(), bench.devices.presence
    interval_s = entry.interval_s or bench.devices.settings.keepalive_interval_s
    wait_s = min(interval_s * 1.5 + HEARTBEAT_SPARE_S, HEARTBEAT_MAX_S)
    with log.step("等待心跳", f"wait up to {wait_s:.0f} s for a keepalive") as step:
        entered = bench.began_at

        def came() -> bool:
            view = clock.get(bench.device_id)
            return view is not None and (view.last_keepalive_at or 0.0) > entered

        if not await bench.until(came, wait_s):
            raise failed(f"no keepalive within {wait_s:.0f} s")
        beats = [each for each in await bench.messages() if each.method == "MESSAGE" and _is_beat(each)]
        beats = [each for each in beats if not each.is_sent]
        step.detail = f"{len(beats)} seen in this run" + (
            f", interval {interval_s:.0f} s" if entry.interval_s else ""
        )
    if not beats:
        log.check(False, "心跳携带消息体", "it has a body", "keepalives arrive with an empty body (Q3)")
        return
    beat = beats[-1]
    said = [each for each in await bench.messages(beat.time) if each.call_id == beat.call_id]
    answers = [each for each in said if each.status is not None]
    log.attach([beat, *answers[-1:]])
    for name in ("SN", "DeviceID", "Status"):
        log.check(f"<{name}>" in beat.text, f"含 {name}", f"it has {name}")
    own = f"<DeviceID>{bench.device_id}</DeviceID>" in re.sub(r"\s", "", beat.text)
    if not own:
        log.remark("DeviceID 不是设备编码", "DeviceID is not that of the device")
    log.check(any(each.status == 200 for each in answers), "平台应答200", "it was answered 200")


async def reboot(bench: Bench, log: CaseLog) -> None:
    await _restart(bench, log)
    with log.step("恢复业务", "it answers again") as step:
        info = await bench.devices.query_info(bench.device_id)
        step.detail = f"{info.manufacturer} {info.model} {info.firmware}"


async def redirect(bench: Bench, log: CaseLog) -> None:
    """The device is sent to where it is already: it must follow, and come back."""
    devices, flow = bench.devices, bench.entry().flow
    if flow is None:
        raise failed("the device is offline")
    if devices.redirects.is_on:
        raise skipped("this platform redirects all devices: see [registration] redirect_targets")
    host, port = devices.own_address_for(flow)
    target = ServerAddress(devices.settings.id, host, port)
    since = datetime.now(tz=log.began_time.tzinfo)
    devices.redirects.send_once(bench.device_id, target)
    try:
        await _restart(bench, log)
    finally:
        devices.redirects.keep(bench.device_id)
    with log.step("收到302后向新地址注册", f"after 302 it registers at {target}") as step:
        said = [each for each in await bench.messages(since) if each.method == "REGISTER"]
        moved = next((index for index, each in enumerate(said) if each.status == 302), None)
        if moved is None:
            raise failed("no REGISTER was answered 302: the device did not register anew")
        if not any(each.status == 200 for each in said[moved + 1 :]):
            raise failed("the device did not register after 302")
        step.detail = header(said[moved], "Contact")


# ---------------------------------------------------------------- inside


async def _restart(bench: Bench, log: CaseLog) -> None:
    """TeleBoot, and wait for the registration that follows."""
    since = datetime.now(tz=log.began_time.tzinfo)
    before = bench.entry().registered_at
    with log.step("发送远程启动命令", "send TeleBoot"):
        await bench.devices.commands.send(bench.device_id, bench.device_id, TeleBoot())
    with log.step("设备重新注册", f"it registers again within {BACK_WITHIN_S:.0f} s") as step:

        def is_back() -> bool:
            entry = bench.entry()
            return entry.is_online and entry.registered_at != before

        if not await bench.until(is_back, BACK_WITHIN_S):
            raise failed("the device did not come back")
        said = [each for each in await bench.messages(since) if each.what == "REGISTER" and not each.is_sent]
        step.detail = f"{len(said)} REGISTER"
    left = [each for each in said if header(each, "Expires") == "0" or "expires=0" in each.text.lower()]
    if left:
        log.check(True, "重启前注销", "it unregistered before", _clock(left[0].time))
    else:
        log.remark("重启前未注销", "it did not unregister before", "a restart without Expires: 0 is common")


async def _registers(bench: Bench, *, needed: bool = True) -> list[LadderStep]:
    """The REGISTERs of the device, oldest first."""
    found = [each for each in await bench.messages() if each.what == "REGISTER" and not each.is_sent]
    own = [each for each in found if each.from_id == bench.device_id]
    if needed and not own:
        raise skipped(NO_REGISTER)
    return own


async def _answer_to(bench: Bench, request: LadderStep) -> LadderStep | None:
    found = await bench.messages(request.time, request.call_id)
    return next((each for each in found if each.status is not None and each.cseq == request.cseq), None)


def _check_request(log: CaseLog, request: LadderStep, bench: Bench) -> None:
    log.check(bool(header(request, "Contact")), "含 Contact", "it has a Contact", header(request, "Contact"))
    expires = header(request, "Expires") or ("in Contact" if "expires=" in header(request, "Contact") else "")
    log.check(bool(expires), "含 Expires", "it has Expires", expires)
    log.check(request.to_id == bench.device_id, "To 与 From 同为设备编码", "From and To both name the device")


def header(message: LadderStep, name: str) -> str:
    """The first header of a message with this name; empty when there is none."""
    head = message.text.partition("\r\n\r\n")[0]
    found = re.search(_HEADER.format(re.escape(name)), head)
    return found[1] if found else ""


def body(message: LadderStep) -> str:
    return message.text.partition("\r\n\r\n")[2]


def call_ids(messages: Sequence[LadderStep]) -> list[str]:
    return list(dict.fromkeys(message.call_id for message in messages))


def _is_beat(message: LadderStep) -> bool:
    return ">Keepalive<" in message.text.replace(" ", "")


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(BEIJING):%H:%M:%S}"
