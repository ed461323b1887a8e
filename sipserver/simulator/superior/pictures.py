"""Steps that look: live, playback with its controls, download."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sipserver.gb.gb_time import to_unix
from sipserver.gb.ids import GbId
from sipserver.gb.messages.record_info import RecordItem
from sipserver.gb.sdp import SessionKind
from sipserver.simulator.superior.errors import StepFailed
from sipserver.simulator.superior.media_way import WayName
from sipserver.simulator.superior.queries import list_records
from sipserver.simulator.superior.scene import CHANNEL, SUBORDINATE, Scene, Table, entry
from sipserver.simulator.superior.session import PictureSession, Wanted
from sipserver.simulator.superior.steps import Parameter, Step
from sipserver.simulator.superior.subordinate import Subordinate

PAUSE_SETTLE_S: Final = 1.0
"""What was under way may still come."""
SEARCH_TIMEOUT_S: Final = 20.0
MIN_RATE: Final = 0.5
"""Of the speed that was asked for; less is a failure."""

TRANSPORT: Final = Parameter("transport", "udp", "how pictures come", tuple(WayName))
SAVE: Final = Parameter("save", "", "write the program stream to this file (.ps)")
FIRST: Final = Parameter("first_s", 15.0, "within which the first picture has to come", most=600.0)
HOURS: Final = Parameter("hours", 24.0, "how far back a recording is looked for", least=0.01, most=1e6)


async def live(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    sub = {"main": None, "sub": 1}[step.text("stream")]
    wanted = Wanted(
        channel=scene.channel(step, below),
        way=WayName(step.text("transport")),
        stream_number=sub,
        save=_file(scene, step),
    )
    async with PictureSession(scene.desk, below, wanted) as session:
        await _begin(scene, step, session)
        await session.wait_end(step.number("seconds"))
        told = _judge(scene, session)
        if session.ended.is_set():
            raise StepFailed(f"{session.ended_by} after {told}")
    return told


async def playback(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    channel = scene.channel(step, below)
    record = await _record(scene, step, below, channel)
    wanted = Wanted(
        channel=channel,
        kind=SessionKind.PLAYBACK,
        way=WayName(step.text("transport")),
        start=to_unix(record.start),
        stop=to_unix(record.end),
        save=_file(scene, step),
    )
    async with PictureSession(scene.desk, below, wanted) as session:
        await _begin(scene, step, session)
        done = [await _watch(session, step.number("seconds"))]
        if step.number("pause_s"):
            done.append(await _pause(session, step.number("pause_s")))
        if step.number("seek_s") >= 0:
            done.append(await _seek(session, step.number("seek_s")))
        if step.number("scale"):
            done.append(await _scale(session, step.number("scale"), step.number("seconds")))
        told = _judge(scene, session)
    return "; ".join((*done, told))


async def download(scene: Scene, step: Step) -> str:
    below = scene.below(step)
    channel = scene.channel(step, below)
    record = await _record(scene, step, below, channel)
    start, stop = to_unix(record.start), to_unix(record.end)
    if step.whole("longest_s"):
        stop = min(stop, start + step.whole("longest_s"))
    wanted = Wanted(
        channel=channel,
        kind=SessionKind.DOWNLOAD,
        way=WayName(step.text("transport")),
        start=start,
        stop=stop,
        download_speed=step.whole("speed"),
        save=_file(scene, step),
    )
    async with PictureSession(scene.desk, below, wanted) as session:
        await _begin(scene, step, session)
        over = await session.wait_end(step.number("timeout_s"))
        told = _judge(scene, session)
        if not over:
            raise StepFailed(f"no end within {step.number('timeout_s'):g} s: {told}")
        scene.figures["end_of_file"] = session.end_of_file
    return f"{told}; {session.ended_by}"


async def _begin(scene: Scene, step: Step, session: PictureSession) -> None:
    """INVITE and the first picture; how long both took goes into the figures."""
    clock = scene.desk.transport.clock
    asked_at = clock()
    await session.invite()
    scene.figures["answered_s"] = round(clock() - asked_at, 3)
    await session.pictures(1, step.number("first_s"))
    scene.figures["first_picture_s"] = round(clock() - asked_at, 3)


def _judge(scene: Scene, session: PictureSession) -> str:
    """The figures of a stream in a line; raises StepFailed when they are not those of the answer."""
    picture = session.picture
    scene.figures |= picture.figures
    told = (
        f"{picture.pictures} {picture.codec or 'unknown'} pictures, {picture.keyframes} key frames,"
        f" {picture.packets} packets, {picture.lost} lost"
    )
    if session.expected_ssrc not in picture.ssrcs:
        raise StepFailed(f"SSRC {sorted(picture.ssrcs)}, agreed was {session.expected_ssrc}: {told}")
    if not picture.keyframes:
        raise StepFailed(f"no key frame: {told}")
    return told


async def _watch(session: PictureSession, seconds: float) -> str:
    before = session.picture.stream_s
    await session.wait_end(seconds)
    return f"{session.picture.stream_s - before:.1f} s of pictures in {seconds:g} s"


async def _pause(session: PictureSession, pause_s: float) -> str:
    picture = session.picture
    await session.control(session.controls.pause())
    await asyncio.sleep(min(PAUSE_SETTLE_S, pause_s / 2))
    before = picture.packets
    await asyncio.sleep(max(0.0, pause_s - PAUSE_SETTLE_S))
    came = picture.packets - before
    if came:
        raise StepFailed(f"{came} packets came during the pause")
    pictures = picture.pictures
    await session.control(session.controls.resume())
    await session.pictures(pictures + 2, SEARCH_TIMEOUT_S)
    return f"paused {pause_s:g} s and went on"


async def _seek(session: PictureSession, seek_s: float) -> str:
    pictures = session.picture.pictures
    await session.control(session.controls.seek(seek_s))
    await session.pictures(pictures + 2, SEARCH_TIMEOUT_S)
    return f"went to {seek_s:g} s"


async def _scale(session: PictureSession, scale: float, seconds: float) -> str:
    await session.control(session.controls.speed(scale))
    await session.wait_end(min(1.0, seconds / 2))  # what was under way at the old speed
    picture, clock = session.picture, asyncio.get_running_loop().time
    before, began = picture.stream_s, clock()
    await session.wait_end(seconds)
    rate = (picture.stream_s - before) / max(0.001, clock() - began)
    told = f"at {scale:g} times: {rate:.1f} s of pictures a second"
    if rate < MIN_RATE * abs(scale) and not session.ended.is_set():
        raise StepFailed(told)
    return told


async def _record(scene: Scene, step: Step, below: Subordinate, channel: GbId) -> RecordItem:
    """The recording that a step is about: the longest that was found."""
    if not below.records.get(channel):
        end = datetime.now(UTC)
        start = end - timedelta(hours=step.number("hours"))
        await list_records(scene.desk, below, channel, start, end, SEARCH_TIMEOUT_S)
    found = below.records.get(channel)
    if not found:
        raise StepFailed(f"no recording of {channel} in the last {step.number('hours'):g} hours")
    return max(found, key=lambda each: each.end - each.start)


def _file(scene: Scene, step: Step) -> Path | None:
    return scene.directory / step.text("save") if step.text("save") else None


TABLE: Final[Table] = dict(
    (
        entry("live", "a live picture comes", live, SUBORDINATE, CHANNEL, TRANSPORT,
              Parameter("stream", "main", "which stream", ("main", "sub")),
              Parameter("seconds", 5.0, "how long is looked", most=86_400.0), FIRST, SAVE),
        entry("playback", "a recording is played, and controlled where asked", playback, SUBORDINATE, CHANNEL,
              TRANSPORT, Parameter("seconds", 3.0, "how long is looked, each time", most=86_400.0),
              Parameter("pause_s", 0.0, "pause for so long; 0: do not", most=3600.0),
              Parameter("seek_s", -1.0, "go to so many seconds from its start; negative: do not", least=-1.0),
              Parameter("scale", 0.0, "play at so many times; 0: do not", least=-16.0, most=16.0),
              HOURS, FIRST, SAVE),
        entry("download", "a recording is downloaded to its end", download, SUBORDINATE, CHANNEL, TRANSPORT,
              Parameter("speed", 4, "how many times as fast as it was", least=1, most=64),
              Parameter("longest_s", 0, "only so many seconds of it; 0: all", most=1e6),
              Parameter("timeout_s", 300.0, "how long is waited for the end", most=86_400.0),
              HOURS, FIRST, SAVE),
    )
)  # fmt: skip
"""Steps by name."""
