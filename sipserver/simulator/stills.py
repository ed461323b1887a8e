"""Stills of a simulated camera: taken, uploaded over HTTP, and reported (图像抓拍)."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import av
import httpx
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from sipserver.gb.config_blocks.picture import SnapShotConfig
from sipserver.gb.ids import GbId
from sipserver.gb.messages.snapshot import UploadSnapShotFinished
from sipserver.gb.session_ids import SnapshotFileId
from sipserver.simulator.features import DeviceParts
from sipserver.simulator.loops import PictureSettings
from sipserver.simulator.pictures import Painter

UPLOAD_TIMEOUT_S: Final = 20.0
BURSTS_MAX: Final = 16
JPEG: Final = "image/jpeg"

logger = logging.getLogger(__name__)


class Stills:
    """Takes the pictures that SnapShotConfig asks for; each burst is a task of its own."""

    def __init__(self, parts: DeviceParts) -> None:
        self._parts = parts
        self._bursts: set[asyncio.Task[None]] = set()
        self.uploaded = 0
        self.refused: list[int] = []
        """Status codes with which uploads were refused."""

    async def open(self) -> None:
        """Waits for a command."""

    async def close(self) -> None:
        bursts = list(self._bursts)
        for burst in bursts:
            burst.cancel()
        await asyncio.gather(*bursts, return_exceptions=True)

    def take(self, target_id: GbId, command: SnapShotConfig) -> None:
        """Begin a burst; more at a time than a camera could do are forgotten."""
        if len(self._bursts) >= BURSTS_MAX:
            return
        burst = asyncio.get_running_loop().create_task(self._burst(target_id, command))
        self._bursts.add(burst)
        burst.add_done_callback(self._bursts.discard)

    async def _burst(self, target_id: GbId, command: SnapShotConfig) -> None:
        channel = self._parts.channels.get(target_id)
        pictures = self._parts.settings.pictures if channel is None else channel.pictures
        wanted = (command.count or 1) - self._parts.behaviour.upload_missing
        file_ids: list[str] = []
        async with httpx.AsyncClient(timeout=UPLOAD_TIMEOUT_S, trust_env=False) as client:
            for number in range(1, wanted + 1):
                if number > 1:
                    await asyncio.sleep(command.interval_s or 1)
                now = datetime.now(UTC)
                jpeg = await asyncio.to_thread(draw_jpeg, pictures, now, number)
                if self._parts.behaviour.upload_broken:
                    jpeg = jpeg[: len(jpeg) // 2]
                file_id = str(SnapshotFileId(target_id, now, number))
                if await self._upload(client, command.upload_url or "", file_id, jpeg):
                    file_ids.append(file_id)
        if self._parts.behaviour.upload_notice:
            serial = self._parts.signalling.next_sn()
            session_id = command.session_id or ""
            notice = UploadSnapShotFinished(serial, target_id, session_id, tuple(file_ids))
            self._parts.say(notice.to_xml())

    async def _upload(self, client: httpx.AsyncClient, url: str, file_id: str, jpeg: bytes) -> bool:
        try:
            answer = await _STYLES[self._parts.behaviour.upload_style](client, url, f"{file_id}.jpg", jpeg)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            logger.info("%s could not upload a still: %s", self._parts.settings.device_id, error)
            return False
        if answer.status_code >= 300:
            self.refused.append(answer.status_code)
            return False
        self.uploaded += 1
        return True


async def _post(client: httpx.AsyncClient, url: str, name: str, jpeg: bytes) -> httpx.Response:
    disposition = f'attachment; filename="{name}"'
    headers = {"content-type": JPEG, "content-disposition": disposition}
    return await client.post(url, content=jpeg, headers=headers)


async def _put(client: httpx.AsyncClient, url: str, name: str, jpeg: bytes) -> httpx.Response:
    return await client.put(f"{url}/{name}", content=jpeg, headers={"content-type": JPEG})


async def _query(client: httpx.AsyncClient, url: str, name: str, jpeg: bytes) -> httpx.Response:
    return await client.post(url, params={"filename": name}, content=jpeg, headers={"content-type": JPEG})


async def _form(client: httpx.AsyncClient, url: str, name: str, jpeg: bytes) -> httpx.Response:
    return await client.post(url, data={"kind": "snapshot"}, files={"picture": (name, jpeg, JPEG)})


async def _bare(client: httpx.AsyncClient, url: str, _name: str, jpeg: bytes) -> httpx.Response:
    return await client.post(url, content=jpeg)


_STYLES: Final = {"post": _post, "put": _put, "query": _query, "multipart": _form, "bare": _bare}
"""How a device uploads, by ``Behaviour.upload_style``; the standard leaves it open."""


def draw_jpeg(settings: PictureSettings, moment: datetime, number: int) -> bytes:
    """A picture of the camera as a JPEG file. Blocks for some milliseconds."""
    name = f"{settings.name} {number}"
    painter = Painter(settings.width, settings.height, settings.index, name, settings.loop_s)
    plane = painter.draw(moment.timestamp() % settings.loop_s, f"{moment:%H:%M:%S}")
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)  # noqa: S101 - it is a video encoder
    encoder.width, encoder.height = settings.width, settings.height
    encoder.pix_fmt, encoder.framerate = "yuvj420p", Fraction(1)
    frame = VideoFrame.from_ndarray(plane, format="yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
