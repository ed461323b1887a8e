"""The ways out of a session: one module each, and the table of all of them."""

from collections.abc import Mapping
from typing import Final

from media.outputs import flv, fmp4, hls, rtmp, rtsp
from media.outputs.output import Output

OUTPUTS: Final[Mapping[str, Output]] = {
    "fmp4_ws": fmp4.OVER_WEBSOCKET,
    "fmp4_http": fmp4.OVER_HTTP,
    "flv_ws": flv.OVER_WEBSOCKET,
    "flv_http": flv.OVER_HTTP,
    "hls": hls.PLAYLIST,
    "rtsp": rtsp.READ,
    "rtmp": rtmp.OVER_RTMP,
}
"""Name in the API to way out; read from top to bottom, the first is the default player's.

A way without a listener has no URLs.
"""
