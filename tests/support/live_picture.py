"""A live fMP4 stream made with PyAV, in the protocol of the media listener's WebSocket: for page tests."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import struct
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

FPS = 25
CHANGED_AFTER = 2 * FPS
MIMES = {"H264": 'video/mp4; codecs="avc1.42c01e"', "H265": 'video/mp4; codecs="hvc1.1.6.L93.B0"'}


class LivePicture:
    """A moving picture of one colour, encoded as it is asked for."""

    def __init__(self, codec: str, hue: int, width: int = 640, height: int = 360) -> None:
        self.codec, self.hue, self.width, self.height = codec, hue, width, height

    def message(self) -> str:
        video = {"codec": self.codec, "width": self.width, "height": self.height}
        return json.dumps({"type": "stream", "mime": MIMES[self.codec], "video": video, "audio": None})

    def pieces(self) -> Iterator[bytes]:
        """The init segment, then one fragment after another, without end."""
        file = _Growing()
        container = av.open(
            file,
            "w",
            format="mp4",
            options={"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "200000"},
        )
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "g": "25"}
        stream.time_base = Fraction(1, FPS)
        number = 0
        while True:
            for packet in stream.encode(self._frame(number)):
                container.mux(packet)
            number += 1
            yield from file.take_boxes()
            yield b""  # a picture's time has passed

    def _frame(self, number: int) -> av.VideoFrame:
        image = np.zeros((self.height, self.width, 3), np.uint8)
        image[:, :, self.hue % 3] = np.linspace(40, 160, self.width, dtype=np.uint8)
        left = (number * 4) % (self.width - 60)
        image[self.height // 3 : self.height // 3 + 60, left : left + 60] = (230, 230, 230)
        image[-24:, : (number % FPS) * self.width // FPS] = (200, 180, 40)
        return av.VideoFrame.from_ndarray(image, format="rgb24")


def recorded_file(hue: int, seconds: int) -> bytes:
    """A fragmented MP4 file."""
    pictures = LivePicture("H264", hue).pieces()
    parts: list[bytes] = []
    for _ in range(seconds * FPS):
        while piece := next(pictures):
            parts.append(piece)
    return b"".join(parts)


async def serve_live(socket: WebSocket, picture: LivePicture, changed: LivePicture | None = None) -> None:
    """Stream until the viewer leaves; after two seconds go on with the changed picture, when there is one."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.send_text(picture.message())
        if picture.codec != "H264":
            await socket.receive_text()
            return
        await _send(socket, picture.pieces(), None if changed is None else CHANGED_AFTER)
        if changed is not None:
            await socket.send_text(changed.message())
            await _send(socket, changed.pieces(), None)


async def _send(socket: WebSocket, pieces: Iterator[bytes], pictures: int | None) -> None:
    sent = 0
    for piece in pieces:
        if piece:
            await socket.send_bytes(piece)
            continue
        await asyncio.sleep(1 / FPS)
        sent += 1
        if sent == pictures:
            return


class _Growing(io.RawIOBase):
    """A file that only grows; whole boxes are taken off its front."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._data += bytes(data)
        return len(data)

    def take_boxes(self) -> Iterator[bytes]:
        """ftyp+moov together, then each moof+mdat together."""
        while len(self._data) >= 8:
            size, kind = struct.unpack(">I4s", self._data[:8])
            if len(self._data) < size:
                return
            self._head += bytes(self._data[:size])
            del self._data[:size]
            if kind in (b"moov", b"mdat"):
                piece, self._head = self._head, b""
                yield piece
