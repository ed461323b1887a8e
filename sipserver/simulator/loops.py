"""Pre-encoded pictures that repeat without a seam, shared by every camera that asks for the same.

Encoding costs far more than sending. A fleet encodes a few seconds once, in a thread, and hundreds of cameras
send the same bytes, each with its own numbers in the headers.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Final

from annotated_types import Ge, Le

from media.nal import VideoCodec
from sipserver.simulator.encoder import EncodedPicture, PictureEncoder
from sipserver.simulator.pictures import Painter
from sipserver.simulator.sound import SAMPLE_RATE, beeps

# Above this rate a flat drawing cannot fill the rate; noise can.
_GRAIN_FROM_KBPS: Final = 1_500


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """What a camera shows and how it is encoded; equal settings share one loop.

    Chroma has half the resolution of luma, so odd sizes are rounded down to even ones.
    """

    codec: VideoCodec = VideoCodec.H264
    width: Annotated[int, Ge(64), Le(3840)] = 640
    height: Annotated[int, Ge(64), Le(2160)] = 360
    fps: Annotated[int, Ge(1), Le(60)] = 25
    bitrate_kbps: Annotated[int, Ge(64), Le(50_000)] = 512
    gop_s: Annotated[float, Ge(0.1), Le(60.0)] = 2.0
    loop_s: Annotated[int, Ge(1), Le(120)] = 10
    index: int = 0
    name: str = "CAMERA"
    with_audio: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", self.width & ~1)
        object.__setattr__(self, "height", self.height & ~1)

    @property
    def gop_pictures(self) -> int:
        return max(round(self.gop_s * self.fps), 1)

    @property
    def grain(self) -> int:
        return 20 if self.bitrate_kbps > _GRAIN_FROM_KBPS else 0


@dataclass(frozen=True, slots=True)
class EncodedLoop:
    """Access units of one turn; the first is a key frame. ``sound`` has the A-law bytes of each picture."""

    settings: PictureSettings
    pictures: Sequence[EncodedPicture]
    sound: Sequence[bytes]

    @property
    def bitrate_kbps(self) -> float:
        return sum(len(picture.annexb) for picture in self.pictures) * 8 / 1000 / self.settings.loop_s


def painter_of(settings: PictureSettings) -> Painter:
    return Painter(
        settings.width, settings.height, settings.index, settings.name, settings.loop_s, settings.grain
    )


def encoder_of(settings: PictureSettings) -> PictureEncoder:
    return PictureEncoder(
        settings.codec,
        settings.width,
        settings.height,
        settings.fps,
        settings.gop_pictures,
        settings.bitrate_kbps,
    )


def sound_of_picture(settings: PictureSettings, number: int) -> bytes:
    """The sound from one picture to the next; nothing when the camera is silent."""
    if not settings.with_audio:
        return b""
    whole = beeps(settings.loop_s, settings.index)
    index = number % (settings.loop_s * settings.fps)
    return whole[index * SAMPLE_RATE // settings.fps : (index + 1) * SAMPLE_RATE // settings.fps]


def encode_loop(settings: PictureSettings) -> EncodedLoop:
    """Draw and encode one turn. The clock in the picture counts the seconds of the turn."""
    painter, encoder = painter_of(settings), encoder_of(settings)
    count = settings.loop_s * settings.fps
    pictures = []
    for number in range(count):
        at_s = number / settings.fps
        pictures.append(encoder.encode(painter.draw(at_s, f"LOOP {at_s:05.2f}"), force_keyframe=number == 0))
    return EncodedLoop(settings, pictures, [sound_of_picture(settings, number) for number in range(count)])


# One thread encodes for everybody: a fleet that starts must not fill the loop's own executor with waiting.
_encoding: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loop encoder")
_lock: Final = Lock()
_loops: Final[dict[PictureSettings, EncodedLoop]] = {}


def cached_loop(settings: PictureSettings) -> EncodedLoop:
    """The loop of these settings, encoded at the first call. Blocks; threads wait for one another."""
    with _lock:
        if settings not in _loops:
            _loops[settings] = encode_loop(settings)
        return _loops[settings]


async def load_loop(settings: PictureSettings) -> EncodedLoop:
    """The same without blocking the event loop."""
    loop = _loops.get(settings)
    if loop is None:
        loop = await asyncio.get_running_loop().run_in_executor(_encoding, cached_loop, settings)
    return loop
