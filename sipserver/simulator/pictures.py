"""Draws what a simulated camera sees: a colour of its own, things that move, its name and a clock.

The pattern returns to its beginning after ``period_s``, so that an encoded loop has no seam.
"""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sipserver.simulator.font import ROWS, text_bitmap

Plane: TypeAlias = NDArray[np.uint8]

# Chroma of the background by camera: twelve colours that a wall of tiles tells apart.
_COLOURS: Final = tuple(
    (round(128 + 52 * math.cos(math.tau * step / 12)), round(128 + 52 * math.sin(math.tau * step / 12)))
    for step in (7, 1, 10, 4, 8, 2, 11, 5, 9, 3, 0, 6)
)
_GRAIN_FIELDS: Final = 8
_WHITE: Final = 235
_BLACK: Final = 16


class Painter:
    """Draws the pictures of one camera into one reused buffer.

    Args:
        width, height: even numbers of pixels.
        index: which camera of the fleet; decides the colour and the phase.
        name: shown below the clock; ASCII capitals and digits.
        period_s: seconds after which the movement repeats.
        grain: strength of the noise, 0 to 255: encoders need it to fill a high bitrate.
    """

    def __init__(
        self, width: int, height: int, index: int, name: str, period_s: float, grain: int = 0
    ) -> None:
        self._width, self._height = width, height
        self._period_s = period_s
        self._name = name
        self._phase = index * 0.37
        self._text_scale = max(height // 90, 1)
        self.buffer: Plane = np.empty((height * 3 // 2, width), dtype=np.uint8)
        self._background = self._draw_background()
        blue, red = _COLOURS[index % len(_COLOURS)]
        chroma = np.empty((height // 2, width), dtype=np.uint8)
        chroma.reshape(2, -1)[0], chroma.reshape(2, -1)[1] = blue, red
        self.buffer[height:] = chroma
        self._disc = _disc(height // 7)
        source = np.random.default_rng(index)
        self._grain = [
            source.integers(-grain, grain + 1, (height, width), dtype=np.int16)
            for _ in range(_GRAIN_FIELDS if grain else 0)
        ]
        self._drawn = 0

    def draw(self, at_s: float, clock: str) -> Plane:
        """The picture at a time, as planar YUV 4:2:0 in one array of ``height * 3 / 2`` rows."""
        luma = self.buffer[: self._height]
        luma[:] = self._background
        turn = at_s / self._period_s % 1.0
        self._draw_bar(luma, turn)
        self._draw_disc(luma, turn)
        self._draw_text(luma, clock, self._height // 16, self._text_scale * 2)
        self._draw_text(luma, self._name, self._height * 5 // 6, self._text_scale)
        if self._grain:
            self._drawn += 1
            noisy = luma + self._grain[self._drawn % _GRAIN_FIELDS]
            np.clip(noisy, 0, 255, out=noisy)
            luma[:] = noisy
        return self.buffer

    def _draw_background(self) -> Plane:
        rows = np.linspace(0, 60, self._height)[:, None]
        columns = np.linspace(0, 40, self._width)[None, :]
        return (70 + rows + columns).astype(np.uint8)

    def _draw_bar(self, luma: Plane, turn: float) -> None:
        """A bright bar goes from left to right once in a period."""
        width = max(self._width // 24, 2)
        left = int((turn + self._phase) % 1.0 * self._width)
        luma[self._height * 2 // 5 : self._height * 3 // 4, left : left + width] = 200

    def _draw_disc(self, luma: Plane, turn: float) -> None:
        """A dark disc circles, twice in a period."""
        radius = self._disc.shape[0] // 2
        angle = math.tau * (2 * turn + self._phase)
        x = int(self._width / 2 + (self._width / 2 - 2 * radius) * math.cos(angle)) - radius
        y = int(self._height * 0.58 + self._height * 0.16 * math.sin(angle)) - radius
        top, left = max(y, 0), max(x, 0)
        region = luma[top : y + self._disc.shape[0], left : x + self._disc.shape[1]]
        region[self._disc[top - y : top - y + region.shape[0], left - x : left - x + region.shape[1]]] = 40

    def _draw_text(self, luma: Plane, text: str, top: int, scale: int) -> None:
        """White text on a dark box, in the middle; cut off at the edge when it is too long."""
        bitmap = text_bitmap(text, scale)[:, : self._width - 2 * scale]
        left = (self._width - bitmap.shape[1]) // 2
        region = luma[top : top + ROWS * scale, left : left + bitmap.shape[1]]
        region[:] = np.where(bitmap[: region.shape[0]], _WHITE, _BLACK)


def _disc(radius: int) -> NDArray[np.bool_]:
    ys, xs = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    inside: NDArray[np.bool_] = xs * xs + ys * ys <= radius * radius
    return inside
