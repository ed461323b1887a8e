"""Cases with live pictures: INVITE, ports, key frames, the rule for the same Subject, sound both ways."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import numpy as np

from console.conformance.bench import Bench
from console.conformance.device_registration import body
from console.conformance.log import CaseLog, failed, skipped
from console.conformance.sdp_check import line_order
from media.audio.g711 import SAMPLE_RATE, encode_alaw
from sipserver.devices.audio.plan import AudioMode
from sipserver.devices.errors import DeviceError
from sipserver.devices.invite import Invite
from sipserver.devices.invite_request import make_invite
from sipserver.devices.stream_hold import StreamHold
from sipserver.devices.stream_request import StreamRequest
from sipserver.gb.ssrc import to_int
from sipserver.sip.dialog import Dialog

CLOSE_S: Final = 15.0
LOOK_S: Final = 1.0
KEYFRAME_S: Final = 2.0
REPLACED_S: Final = 6.0
TONE_HZ: Final = 800.0
TONE_S: Final = 2.0
SOUND_S: Final = 30.0


async def live(bench: Bench, log: CaseLog) -> None:
    async with _picture(bench, log) as hold:
        evidence = hold.evidence
        offer, answer = evidence.offer, evidence.answer
        if evidence.instead_of is not None:
            log.remark("更换了传输方式", "another transport was tried before", str(evidence.instead_of))
        if offer is not None and answer is not None:
            log.check(answer.ssrc is not None, "应答含 y=", "the answer has y=")
            if answer.ssrc is not None:
                log.check(
                    answer.ssrc == offer.ssrc,
                    "y= 与请求一致",
                    "y= is that of the offer",
                    f"offered {offer.ssrc}, answered {answer.ssrc}",
                )
            log.check(
                answer.is_tcp == offer.is_tcp,
                "传输方式一致",
                "the transport is that of the offer",
                f"{offer.protocol}, {answer.protocol}",
            )
            if offer.is_tcp:
                log.check(
                    answer.setup is not None,
                    "应答含 a=setup",
                    "the answer has a=setup",
                    str(answer.setup or ""),
                )
        answered = [
            each
            for each in await bench.messages(call_id=evidence.call_id)
            if not each.is_sent and each.method == "INVITE" and each.status == 200
        ]
        if answered:
            order = line_order(body(answered[-1]))
            if not order.is_right:
                log.remark("SDP 行顺序不同于标准", "the lines of its SDP are in another order", order.found)
        await asyncio.sleep(LOOK_S)
        stats = hold.session.stats()
        seen = f"{stats.codec} {stats.width}x{stats.height}, {stats.fps:.0f} per second, {stats.lost} lost"
        log.check(stats.access_units > 0, "收到图像", "pictures arrive", seen)
        agreed = offer.ssrc if offer is not None else None
        if agreed is not None:
            log.check(
                stats.ssrc == to_int(agreed),
                "RTP SSRC 等于 y=",
                "the SSRC of RTP is y=",
                f"y={agreed}, RTP carries {stats.ssrc or 0:010d}",
            )
        log.check(
            stats.malformed == 0 and stats.stranger == 0,
            "媒体来自约定的源",
            "media comes from one source",
            f"{stats.malformed} that are no RTP, {stats.stranger} of strangers",
        )


async def keyframe(bench: Bench, log: CaseLog) -> None:
    async with _picture(bench, log, is_ours_alone=False) as hold:
        session = hold.session
        await asyncio.sleep(LOOK_S)
        gop_s = session.stats().gop_s
        with log.step("发送强制关键帧命令", "ask for a key frame"):
            before = session.stats().keyframes
            await bench.devices.request_keyframe(bench.key)
        with log.step("收到关键帧", f"a key frame comes within {KEYFRAME_S:g} s") as step:
            if not await bench.until(lambda: session.stats().keyframes > before, KEYFRAME_S):
                raise failed(f"none came within {KEYFRAME_S:g} s of the command")
            step.detail = f"{session.stats().keyframes - before} came"
        if 0 < gop_s <= KEYFRAME_S:
            log.remark(
                "关键帧间隔过短，无法区分",
                "its regular key frames cannot be told apart",
                f"one comes every {gop_s:.1f} s anyway",
            )


async def media_keepalive(bench: Bench, log: CaseLog) -> None:
    """A second INVITE with the same sender part of Subject: the old stream stops, the new one comes."""
    async with _picture(bench, log) as hold:
        invite = next((each for each in bench.devices.invites.all() if each.session is hold.session), None)
        if invite is None or invite.ssrc is None:
            raise failed("the stream ended")
        first, context = hold.session, bench.devices.invites.context
        flow = bench.entry().flow
        if flow is None:
            raise failed("the device is offline")
        second = await context.media.open_session(
            transport=invite.transport, ssrc=None, label=f"{bench.key} conformance"
        )
        try:
            dialog = await _invite_again(bench, log, invite, second.port)
            try:
                with log.step("新链路收到媒体流", "media arrives over the new link") as step:
                    info = await second.wait_first_keyframe(REPLACED_S)
                    step.detail = str(info.codec)
                with log.step("旧链路停止发送", "the old link falls silent") as step:
                    if not await bench.until(lambda: first.stats().silence_s >= LOOK_S, REPLACED_S):
                        raise failed(f"the first stream went on for {REPLACED_S:g} s beside the second")
                    step.detail = f"silent for {first.stats().silence_s:.1f} s"
            finally:
                with suppress(DeviceError):
                    bye = dialog.make_request("BYE")
                    await context.signalling.send(bench.device_id, bye, flow, timeout_s=5.0)
        finally:
            await second.close("conformance run")


async def _invite_again(bench: Bench, log: CaseLog, invite: Invite, port: int) -> Dialog:
    context, flow = bench.devices.invites.context, bench.entry().flow
    assert flow is not None and invite.ssrc is not None  # noqa: S101, PT018 - the caller looked
    request, _ = make_invite(
        context,
        bench.key,
        flow,
        StreamRequest.live(bench.devices.settings),
        transport=invite.transport,
        port=port,
        ssrc=invite.ssrc,
    )
    with log.step("以相同 Subject 再次邀请", "INVITE with the same Subject again") as step:
        call = context.transport.invite(request, flow)
        response = await call.final(bench.devices.settings.invite_timeout_s)
        if response.status >= 300:
            raise failed(f"the second INVITE was answered {response.status} {response.reason}")
        dialog = Dialog.from_answer(request, response)
        call.ack(dialog.make_ack())
        step.detail = request.headers.get("Subject")
    return dialog


@asynccontextmanager
async def _picture(bench: Bench, log: CaseLog, *, is_ours_alone: bool = True) -> AsyncIterator[StreamHold]:
    """A live picture of our own, and its orderly end. One that somebody watches is left alone."""
    invites, key = bench.devices.invites, bench.key
    known = invites.get(key)
    if known is not None and known.holders and is_ours_alone:
        who = ", ".join(sorted({purpose for purpose, _ in known.holders}))
        raise skipped(
            f"the channel is in use ({who}), and is not disturbed: repeat when nobody watches or records"
        )
    if known is not None and not known.holders:
        invites.stop(key)
        await bench.until(lambda: invites.get(key) is None, CLOSE_S)
    with log.step(
        "打开接收端口并邀请，等待首个关键帧", "open a port, INVITE, wait for the first key frame"
    ) as step:
        hold = await invites.hold(key, "conformance", tag=bench.run_id)
        info = hold.info
        where = f"port {hold.session.port} {hold.session.transport.value}"
        step.detail = f"{where}: {info.codec} {info.width}x{info.height}"
    try:
        yield hold
    finally:
        await _close(bench, log, hold)


async def _close(bench: Bench, log: CaseLog, hold: StreamHold) -> None:
    invites, key, call_id = bench.devices.invites, bench.key, hold.evidence.call_id
    await hold.release()
    view = invites.get(key)
    if view is not None and view.holders:
        return
    invites.stop(key)
    with log.step("BYE 得到应答，端口释放", "BYE is answered and the port is given back") as step:
        if not await bench.until(lambda: invites.get(key) is None, CLOSE_S):
            raise failed(f"BYE was not answered within {CLOSE_S:g} s")
        answers = await bench.answers(call_id, "BYE")
        if not answers:
            raise failed("BYE was not answered")
        step.detail = ", ".join(answers)


# ---------------------------------------------------------------- sound


async def broadcast(bench: Bench, log: CaseLog) -> None:
    await _sound(bench, log, AudioMode.BROADCAST)


async def talk(bench: Bench, log: CaseLog) -> None:
    await _sound(bench, log, AudioMode.TALK)


async def _sound(bench: Bench, log: CaseLog, mode: AudioMode) -> None:
    audio = bench.devices.audio
    with log.step("建立语音会话", "open the session") as step:
        session = audio.play(
            [bench.key], tone(), name="conformance tone", mode=mode, holder=bench.holder.name
        )
        try:
            async with asyncio.timeout(SOUND_S):
                await session.opened.wait()
            target = session.view().targets[0]
            if target.error is not None:
                raise target.error
            step.detail = f"{target.way} over {target.transport.upper()}, {target.form}"
        except BaseException:
            session.stop("conformance run")
            raise
    try:
        with log.step("发送音频", "send a tone") as step:
            async with asyncio.timeout(SOUND_S):
                await session.ended.wait()
            target = session.view().targets[0]
            step.detail = f"{target.frames_sent} frames sent, {target.packets_heard} packets heard"
            if target.lost_reason and not target.frames_sent:
                raise failed(target.lost_reason)
            if target.frames_sent < TONE_S * 25:
                raise failed(
                    f"only {target.frames_sent} frames were sent: {target.lost_reason or session.end_reason}"
                )
    finally:
        session.stop("conformance run")
    if mode is AudioMode.TALK:
        log.check(
            target.packets_heard > 0, "收到设备音频", "the device is heard", f"{target.packets_heard} packets"
        )
    answers = await bench.answers(target.call_id, "BYE")
    log.check(bool(answers), "BYE 得到应答", "BYE is answered", ", ".join(answers))


def tone() -> bytes:
    """A-law of a clear, quiet tone."""
    times = np.arange(int(SAMPLE_RATE * TONE_S)) / SAMPLE_RATE
    return encode_alaw((np.sin(2 * math.pi * TONE_HZ * times) * 6_000).astype(np.int16))
