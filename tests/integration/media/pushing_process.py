"""Pushes H.265 in the enhanced form to the URL in its arguments, until it is ended.

A process of its own: PyAV holds the interpreter while it waits for the server, which here may be the caller.
"""

import sys
import time
from fractions import Fraction

import av
import numpy as np


def main(url: str) -> None:
    with av.open(url, "w", format="flv") as out:
        stream = out.add_stream("libx265", rate=25, options={"x265-params": "log-level=none:keyint=25"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index in range(3_000):
            shade = np.full((360, 320), (index * 5) % 200 + 20, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
