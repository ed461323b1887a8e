"""Films for tests of playbacks: recorded by the data plane itself, and what viewers saw of them, by PyAV."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import av
import websockets

from media.ps_format import AudioCodec
from media.recordings import Play, RecordedSegment, RecordingStream
from media.session import MediaPlane, MediaTransport, RecorderDetached, RecorderFact, SegmentClosed
from tests.integration.media.conftest import until
from tests.integration.media.pretend_camera import Picture, PretendCamera, encoded

FPS = 25


@dataclass
class Film:
    """Files without a gap between them; each picture is known by its bytes."""

    segments: list[RecordedSegment]
    index_of: dict[bytes, int]
    gop: int
    sounds: int = 0
    """Pieces of sound in all files."""

    @property
    def start(self) -> datetime:
        return self.segments[0].start_time

    @property
    def end(self) -> datetime:
        return self.segments[-1].end_time

    def at(self, index: int) -> datetime:
        return self.start + timedelta(seconds=index / FPS)

    async def play(self, plane: MediaPlane, play: Play | None = None, **changes: Any) -> RecordingStream:
        values = {"segments": self.segments, "start": self.start, "end": self.end} | changes
        return await plane.open_recordings(play=play, label="playback", **values)


class LongCamera(PretendCamera):
    """No two pictures are alike."""

    count = 250

    def pictures(self) -> tuple[Picture, ...]:
        return encoded(self.codec, self.width, self.height, self.gop, self.count)


async def film(
    plane: MediaPlane,
    directory: Path,
    pictures: int,
    *,
    segment_s: float = 2.0,
    audio: AudioCodec | None = None,
    **camera: Any,
) -> Film:
    """Record ``pictures``; the times of the files are those of the pictures, not of the sending."""
    await asyncio.to_thread(directory.mkdir, exist_ok=True)
    sender = LongCamera(audio=audio, **camera)
    session = await plane.open_session(transport=MediaTransport.UDP, ssrc=None, label="camera")
    facts: list[RecorderFact] = []
    session.attach_recorder("00ff", directory, segment_s=segment_s, metadata=b"{}", on_fact=facts.append)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(pictures):
            sender.send_udp(out, session.port, 1)
            await asyncio.sleep(0.001)
    await until(lambda: session.stats().access_units >= pictures - 1, "all pictures are there")
    await session.close("recorded")
    await until(lambda: any(isinstance(fact, RecorderDetached) for fact in facts), "the files are closed")
    closed = [fact for fact in facts if isinstance(fact, SegmentClosed)]
    begin, segments = closed[0].start_time, []
    for fact in closed:
        end = begin + timedelta(seconds=fact.duration_s)
        path = directory / f"{fact.segment_id}.mp4"
        segments.append(RecordedSegment(path, begin, end, fact.audio_codec or ""))
        begin = end
    index_of: dict[bytes, int] = {}
    for index, data in enumerate(picture for each in segments for picture in packets_of(each.path, "video")):
        assert index_of.setdefault(data, index) == index, "two pictures are alike"
    assert len(index_of) == pictures
    sounds = sum(len(packets_of(each.path, "audio")) for each in segments) if audio is not None else 0
    return Film(segments, index_of, sender.gop, sounds)


def packets_of(file: Any, kind: Literal["video", "audio"]) -> list[bytes]:
    """The coded pictures, or pieces of sound, of an MP4, by PyAV."""
    with av.open(file, mode="r", format="mp4") as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


@dataclass
class Seen:
    """A picture that a viewer was given: which one, and when, in seconds of the stream."""

    index: int
    time_s: float
    is_key: bool


@dataclass
class Viewing:
    """Everything that came over one WebSocket."""

    parts: list[bytearray] = field(default_factory=list)
    descriptions: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0
    ended: str = ""

    def take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.parts[-1].extend(message)
            return
        told = json.loads(message)
        if told["type"] == "stream":
            self.descriptions.append(told)
            self.parts.append(bytearray())
        elif told["type"] == "skipped":
            self.skipped += told["fragments"]
        else:
            self.ended = told["reason"]

    def seen(self, film: Film) -> list[Seen]:
        found = []
        for part in self.parts:
            with av.open(io.BytesIO(bytes(part)), mode="r", format="mp4") as container:
                stream = container.streams.video[0]
                for packet in container.demux(stream):
                    if packet.size:
                        assert packet.dts is not None
                        assert stream.time_base is not None
                        time_s = float(packet.dts * stream.time_base)
                        found.append(Seen(film.index_of.get(bytes(packet), -1), time_s, packet.is_keyframe))
        return found


async def watch(
    stream: RecordingStream, until_s: Callable[[Viewing], bool] | None = None, timeout_s: float = 30.0
) -> Viewing:
    """Let a stream that was opened paused run for a viewer, up to its end."""
    viewing = Viewing()
    url = stream.session.grant("viewer")["fmp4_ws"]
    async with (
        asyncio.timeout(timeout_s),
        websockets.connect(url, max_size=None, max_queue=None) as viewer,
    ):
        viewing.take(await viewer.recv())
        viewing.take(await viewer.recv())
        viewing.take(await viewer.recv())  # the picture of the pause
        stream.resume()
        end = asyncio.ensure_future(_close_at_end(stream))
        try:
            async for message in viewer:
                viewing.take(message)
        finally:
            await end
    return viewing


async def _close_at_end(stream: RecordingStream) -> None:
    await stream.wait_ended()
    # Its viewer has everything when it reads the end behind it.
    await stream.close("over")
