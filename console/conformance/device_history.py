"""Cases with recordings of the device: played, controlled, downloaded, each to its proper end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from console.conformance.bench import Bench
from console.conformance.log import CaseLog, failed
from media.session import MediaSession
from sipserver.devices.history.playbacks import Playback
from sipserver.devices.history.stream import HistoryStream, Outcome

TO_THE_END_S: Final = 6.0
CONTROLLED_S: Final = 60.0
DOWNLOADED_S: Final = 20.0
DOWNLOAD_SPEED: Final = 4
SLOW: Final = 0.5
FAST: Final = 2.0
WARM_UP_S: Final = 2.0
PAUSE_SETTLE_S: Final = 1.0
PAUSE_LOOK_S: Final = 1.5
PAUSE_PACKETS: Final = 5
"""Packets that may still be on their way when a pause begins to count."""
GOES_ON_S: Final = 5.0
END_SPARE_S: Final = 40.0


async def playback_end(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, TO_THE_END_S) as playback:
        await _await_end(bench, log, playback.stream, TO_THE_END_S)


async def download(bench: Bench, log: CaseLog) -> None:
    sessions: list[MediaSession] = []
    start, end = await bench.recording(log, DOWNLOADED_S)
    with log.step(f"以{DOWNLOAD_SPEED}倍速下载", f"download at {DOWNLOAD_SPEED} times its speed") as step:
        stream = await bench.devices.downloads.open_stream(
            bench.key,
            start,
            end,
            speed=DOWNLOAD_SPEED,
            tag=f"conformance-{bench.run_id}",
            on_session=sessions.append,
        )
        step.detail = f"{stream.info.codec}; a=filesize {stream.size_bytes or 'not stated'}"
    try:
        await _await_end(bench, log, stream, DOWNLOADED_S)
        came = sessions[-1].stats().bytes
        log.check(came > 0, "收到数据", "something came", f"{came} bytes")
    finally:
        await stream.close()


async def playback_pause(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, CONTROLLED_S) as playback:
        await _warm_up(log)
        with log.step("暂停", "pause"):
            await playback.pause()
        await asyncio.sleep(PAUSE_SETTLE_S)
        before = _packets(playback.stream)
        await asyncio.sleep(PAUSE_LOOK_S)
        came = _packets(playback.stream) - before
        log.check(
            came <= PAUSE_PACKETS, "暂停后停止发送", "nothing is sent while it pauses", f"{came} packets"
        )
        with log.step("恢复", "resume"):
            await playback.resume()
        await _goes_on(bench, log, playback.stream)


async def playback_slow(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, CONTROLLED_S) as playback:
        await _change_speed(log, playback, SLOW, "慢放")


async def playback_fast(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, CONTROLLED_S) as playback:
        await _change_speed(log, playback, FAST, "快放")
        with log.step("恢复正常速度", "back to the speed 1"):
            await playback.change_speed(1.0)
        await _goes_on(bench, log, playback.stream)


async def playback_drag(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, CONTROLLED_S) as playback:
        await _warm_up(log)
        middle_s = playback.stream.duration_s / 2
        with log.step(f"拖动到 {middle_s:.0f} 秒", f"drag to {middle_s:.0f} s"):
            await playback.seek(middle_s)
        await _goes_on(bench, log, playback.stream)


async def playback_stop(bench: Bench, log: CaseLog) -> None:
    async with _playing(bench, log, CONTROLLED_S) as playback:
        call_id = playback.stream.call_id
        with log.step("停止 (TEARDOWN 与 BYE)", "stop: TEARDOWN and BYE"):
            await bench.devices.playbacks.stop(playback.playback_id)
    for method in ("INFO", "BYE"):
        # Some end the dialog with TEARDOWN, and know the BYE no more: any answer will do.
        answers = await bench.answers(call_id, method)
        log.check(bool(answers), f"{method} 得到应答", f"{method} is answered", ", ".join(answers))


# ---------------------------------------------------------------- inside


@asynccontextmanager
async def _playing(bench: Bench, log: CaseLog, wanted_s: float) -> AsyncIterator[Playback]:
    """A playback of the device's newest recording, ended in any case."""
    start, end = await bench.recording(log, wanted_s)
    playback_id = f"conformance-{secrets.token_hex(8)}"
    with log.step("邀请历史回放", "INVITE with s=Playback") as step:
        playback = await bench.devices.playbacks.start(
            playback_id, bench.key, start, end, owner=bench.username
        )
        info = playback.stream.info
        step.detail = f"{info.codec} {info.width}x{info.height}, {playback.stream.duration_s:.0f} s asked for"
    try:
        yield playback
    finally:
        await bench.devices.playbacks.stop(playback_id)


async def _await_end(bench: Bench, log: CaseLog, stream: HistoryStream, length_s: float) -> None:
    with log.step("等待 MediaStatus 121", "wait for MediaStatus 121") as step:
        try:
            async with asyncio.timeout(length_s + END_SPARE_S):
                await stream.ended.wait()
        except TimeoutError:
            raise failed(f"no end within {length_s + END_SPARE_S:.0f} s") from None
        step.detail = (
            f"{stream.outcome}: {stream.detail} at {stream.position_s:.1f} of {stream.duration_s:.1f} s"
        )
        if stream.outcome is not Outcome.END_OF_FILE or stream.end_told_at is None:
            raise failed(f"the end was not told by MediaStatus 121: {step.detail}")
    told = [
        each
        for each in await bench.messages(log.began_time)
        if ">MediaStatus<" in each.text and not each.is_sent
    ]
    if told and all(each.call_id != stream.call_id for each in told):
        log.remark("MediaStatus 在对话之外", "MediaStatus came outside the dialog", told[-1].call_id)
    if not stream.is_at_end:
        log.check(
            False,
            "内容完整",
            "everything came before the end",
            f"{stream.position_s:.1f} of {stream.duration_s:.1f} s",
        )


async def _warm_up(log: CaseLog) -> None:
    """The usual pace is what a change is compared with."""
    with log.step("正常播放", "play at the usual speed"):
        await asyncio.sleep(WARM_UP_S)


async def _change_speed(log: CaseLog, playback: Playback, scale: float, chinese: str) -> None:
    await _warm_up(log)
    with log.step(f"{chinese} {scale:g} 倍", f"the speed {scale:g}"):
        await playback.change_speed(scale)
    with log.step("图像速度改变", "the pictures keep this speed") as step:
        is_kept = await playback.speed_is_kept()
        if playback.stream.outcome is not None:
            raise failed(f"the playback ended: {playback.stream.detail}")
        if is_kept is False:
            raise failed(f"Scale {scale:g} was answered 200, and the pictures kept their old pace (Q70)")
        fps = f"{playback.stream.session.stats().fps:.0f} pictures a second"
        if is_kept is None:
            raise failed(f"the pictures keep neither the old pace nor the new one: {fps}")
        step.detail = fps


async def _goes_on(bench: Bench, log: CaseLog, stream: HistoryStream) -> None:
    with log.step("继续收到图像", "pictures go on") as step:
        before = stream.session.stats().access_units

        def goes_on() -> bool:
            return stream.session.stats().access_units > before + 2

        if not await bench.until(goes_on, GOES_ON_S):
            raise failed(f"no picture within {GOES_ON_S:g} s")
        step.detail = f"at {stream.position_s:.0f} s"


def _packets(stream: HistoryStream) -> int:
    return stream.session.stats().packets
