"""The cases for a server that a device provokes itself: registering, keepalives, nonsense, alarms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from console.conformance.caller import Caller, RawSocket
from console.conformance.log import CaseLog, failed, not_supported, skipped
from sipserver.gb import manscdp
from sipserver.gb.editions import VERSION_HEADER
from sipserver.gb.errors import MalformedTime
from sipserver.gb.gb_time import parse_time
from sipserver.gb.ids import GbId
from sipserver.gb.messages.alarm import AlarmNotify
from sipserver.gb.messages.keepalive import Keepalive
from sipserver.sip.credentials import Challenge
from sipserver.sip.errors import SipError
from sipserver.sip.flow import Transport
from sipserver.sip.message import SipResponse, parse_message

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
EXPIRES_S: Final = 3_600
REFUSALS: Final = frozenset({401, 403, 404, 407, 481})
ALARM_S: Final = 5.0
SILENCE_S: Final = 1.5
STRANGE_METHOD: Final = "DANCE"
STRANGE_COMMAND: Final = "TongshiConformance"
DATE_FORM: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")
CLOCK_WITHIN_S: Final = 5.0
GARBAGE: Final = (
    b"\x00\x00\x00\x00",
    b"\r\n\r\n",
    b"\xff" * 200,
    b"REGISTER sip:nobody SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nCSeq: nothing\r\n\r\n",
    b"MESSAGE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP",
)

Provoke = Callable[[Caller, CaseLog], Awaitable[None]]


async def challenge(caller: Caller, log: CaseLog) -> None:
    with log.step("发送未认证的REGISTER", "send REGISTER without credentials") as step:
        response = await caller.register(EXPIRES_S, None)
        step.detail = _line(response)
        if response.status == 200:
            raise failed("the server takes a device without a password")
        if response.status not in (401, 407):
            raise failed(f"answered {_line(response)}: is this device's id entered at the server?")
    with log.step("质询内容", "what the challenge says") as step:
        text = response.headers.get("WWW-Authenticate") or response.headers.get("Proxy-Authenticate")
        found = Challenge.parse(text)
        step.detail = f"realm {found.realm}, algorithm {found.algorithm}, qop {found.qop or 'none'}"
        if not found.realm or not found.nonce:
            raise failed("the challenge lacks realm or nonce")


async def unregistered_keepalive(caller: Caller, log: CaseLog) -> None:
    with log.step("未注册时发送心跳", "send a keepalive without being registered") as step:
        response = await caller.say(_keepalive(caller))
        step.detail = _line(response)
        if response.status not in REFUSALS:
            raise failed(f"answered {_line(response)}: a device that is not registered stays in limbo")


async def wrong_password(caller: Caller, log: CaseLog) -> None:
    if not caller.settings.password:
        raise skipped("no password was given")
    with log.step("以错误口令注册", "register with a wrong password") as step:
        response = await caller.register(EXPIRES_S, caller.digest("-wrong"))
        step.detail = _line(response)
        if response.status == 200:
            raise failed("a wrong password was accepted")
        if response.status not in (401, 403, 407):
            log.remark("状态码不常见", "an unusual status", _line(response))


async def register(caller: Caller, log: CaseLog) -> None:
    with log.step("以正确口令注册", "register with the password") as step:
        response = await caller.register(EXPIRES_S, caller.digest())
        step.detail = _line(response)
        if response.status == 302:
            raise skipped(f"redirected to {response.headers.get('Contact')}: examine that server")
        if response.status != 200:
            raise failed(f"answered {_line(response)}: check the device's id and password at the server")
        caller.is_registered = True
    expires = response.headers.get("Expires") or response.headers.get("Contact").partition("expires=")[2]
    log.check(bool(expires), "含 Expires", "it says Expires", expires)
    date = response.headers.get("Date")
    if not date:
        log.remark("未携带 Date", "no Date: devices cannot set their clock by it")
        return
    log.check(DATE_FORM.fullmatch(date) is not None, "Date 格式", "Date is YYYY-MM-DDThh:mm:ss.SSS", date)
    try:
        off_s = abs((parse_time(date) - datetime.now(UTC)).total_seconds())
    except MalformedTime:
        return
    if off_s > CLOCK_WITHIN_S:
        log.remark("与本机时钟相差", "its clock and ours differ", f"{off_s:.0f} s (Date is Beijing time)")


async def server_version(caller: Caller, log: CaseLog) -> None:
    with log.step("读取注册应答的 X-GB-Ver", "read X-GB-Ver of the answers to REGISTER") as step:
        said = {response.status: response.headers.get(VERSION_HEADER) for response in caller.responses}
        step.detail = ", ".join(f"{status}: {text or 'none'}" for status, text in sorted(said.items()))
        registering = [
            each for each in await caller.messages(EPOCH) if each.method == "REGISTER" and each.status
        ]
        log.attach(registering[-4:])
        if not any(said.values()):
            raise not_supported("no X-GB-Ver: a server of GB/T 28181-2016 or before")
    missing = [str(status) for status, text in said.items() if not text]
    log.check(not missing, "所有应答均携带", "every answer has it", ", ".join(missing))
    right = all(re.fullmatch(r"[0-9]\.[0-9]", text) for text in said.values() if text)
    log.check(right, "格式为 M.N", "it has the form M.N")


async def refresh(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    with log.step("刷新注册，不带认证", "refresh without credentials") as step:
        response = await caller.register(EXPIRES_S, None)
        step.detail = _line(response)
        if response.status == 200:
            raise failed("a known Call-ID alone refreshed the registration")
    with log.step("刷新注册，带认证", "refresh with credentials") as step:
        response = await caller.register(EXPIRES_S, caller.digest())
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}")


async def keepalive(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    with log.step("发送心跳", "send a keepalive") as step:
        response = await caller.say(_keepalive(caller))
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}")
    log.check(not response.body, "应答无消息体", "the answer has no body", f"{len(response.body)} bytes")


async def options(caller: Caller, log: CaseLog) -> None:
    with log.step("发送 OPTIONS", "send OPTIONS") as step:
        response = await caller.signalling.request(caller.bare("OPTIONS"))
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}")


async def unknown_method(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    with log.step(f"发送未知方法 {STRANGE_METHOD}", f"send the method {STRANGE_METHOD}") as step:
        response = await caller.signalling.request(caller.bare(STRANGE_METHOD))
        step.detail = _line(response)
        if response.status not in (405, 501):
            raise failed(f"answered {_line(response)}")
    allow = response.headers.get("Allow")
    log.check(bool(allow) or response.status == 501, "含 Allow", "it has Allow", allow)


async def unknown_command(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    with log.step("发送未知 CmdType", "send a CmdType that nobody knows") as step:
        response = await caller.say(_strange(caller))
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}: newer devices would be cut off")


async def retransmission(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    raw = await _raw(caller)
    try:
        request = caller.bare("MESSAGE")
        request.headers.set("Via", raw.via(caller.signalling.transport.token()))
        request.headers.set("Content-Type", manscdp.CONTENT_TYPE)
        request.body = manscdp.serialize_document(_strange(caller))
        data = request.serialize()
        with log.step("发送MESSAGE", "send a MESSAGE"):
            raw.send(data)
            if not await raw.answers(1):
                raise failed("no answer")
        with log.step("再次发送同一数据报", "send the same datagram again") as step:
            raw.send(data)
            answers = await raw.answers(2)
            if len(answers) < 2:
                raise failed("the repeated request was not answered: its first answer may have been lost")
            first, second = parse_message(answers[0]), parse_message(answers[1])
            step.detail = f"{first.start_line}; {second.start_line}"
            if first.start_line != second.start_line or first.headers.get("To") != second.headers.get("To"):
                raise failed("the second answer differs: the request was taken for a new one")
    finally:
        raw.close()
        # From another port than before; a keepalive from ours tells the server where we are.
        await caller.say(_keepalive(caller))


async def malformed(caller: Caller, log: CaseLog) -> None:
    raw = await _raw(caller)
    try:
        with log.step("发送畸形数据报", f"send {len(GARBAGE)} malformed datagrams") as step:
            for data in GARBAGE:
                raw.send(data)
            came = await raw.answers(1, SILENCE_S)
            step.detail = "no answer" if not came else f"{len(came)} answers: {came[0][:40]!r}"
            if came:
                raise failed(f"the server answered what is no SIP: {_first_line(came[0])}")
    finally:
        raw.close()
    with log.step("服务器仍然应答", "the server still answers") as step:
        response = await caller.signalling.request(caller.bare("OPTIONS"))
        step.detail = _line(response)


async def alarm(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    channel_id = caller.settings.all_channel_ids[0]
    notify = AlarmNotify(
        sn=caller.signalling.next_sn(),
        device_id=GbId(channel_id),
        priority=4,
        method=5,
        alarm_time=datetime.now(UTC),
        description="conformance test",
        alarm_type=2,
    )
    with log.step("发送报警通知", "send an alarm") as step:
        response = await caller.say(notify.to_xml())
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}")
    with log.step("收到业务应答", f"a Response comes within {ALARM_S:g} s") as step:
        end = monotonic() + ALARM_S
        while not (
            found := [each for each in caller.heard if (each.root, each.cmd_type) == ("Response", "Alarm")]
        ):
            if monotonic() > end:
                raise failed("no Response Alarm came")
            await asyncio.sleep(0.05)
        step.detail = f"SN {found[-1].sn}, Result {manscdp.child_text(found[-1].element, 'Result')}"
        if found[-1].sn != notify.sn:
            raise failed(f"its SN is {found[-1].sn}, that of the alarm {notify.sn}")


async def unregister(caller: Caller, log: CaseLog) -> None:
    _demand_registered(caller)
    with log.step("注销 (Expires: 0)", "unregister with Expires: 0") as step:
        response = await caller.register(0, caller.digest())
        step.detail = _line(response)
        if response.status != 200:
            raise failed(f"answered {_line(response)}")
        caller.is_registered = False
    with log.step("注销后心跳被拒绝", "a keepalive is refused afterwards") as step:
        response = await caller.say(_keepalive(caller))
        step.detail = _line(response)
    if response.status not in REFUSALS:
        log.remark("注销后心跳仍得到应答", "a keepalive after it was answered", _line(response))


PROVOKED: Final[Mapping[str, Provoke]] = {
    "challenge": challenge,
    "unregistered-keepalive": unregistered_keepalive,
    "wrong-password": wrong_password,
    "register": register,
    "server-version": server_version,
    "refresh": refresh,
    "keepalive": keepalive,
    "options": options,
    "unknown-method": unknown_method,
    "unknown-command": unknown_command,
    "retransmission": retransmission,
    "malformed": malformed,
    "alarm": alarm,
    "unregister": unregister,
}


# ---------------------------------------------------------------- inside


def _demand_registered(caller: Caller) -> None:
    if not caller.is_registered:
        raise skipped("the device is not registered")


async def _raw(caller: Caller) -> RawSocket:
    if caller.settings.transport is not Transport.UDP:
        raise skipped("only over UDP")
    return await RawSocket.open(caller)


def _keepalive(caller: Caller) -> manscdp.Element:
    return Keepalive(caller.signalling.next_sn(), GbId(caller.settings.device_id)).to_xml()


def _strange(caller: Caller) -> manscdp.Element:
    sn = caller.signalling.next_sn()
    return manscdp.new_document("Notify", STRANGE_COMMAND, sn, caller.settings.device_id)


def _line(response: SipResponse) -> str:
    return f"{response.status} {response.reason}".strip()


def _first_line(data: bytes) -> str:
    try:
        return parse_message(data).start_line
    except SipError:
        return repr(data[:60])
