"""Fragmented MP4: over WebSocket for MediaSource, over HTTP for tools.

The bytes are made and sent by the data plane (``media/native/plane/src/outputs``); here stand the addresses.
WebSocket messages: text ``{"type": "stream", "mime", "video", "audio"}``, then a binary initialisation
segment, then one binary fragment for each picture. A new text announces a new initialisation segment;
``{"type": "skipped", "fragments"}`` follows drops; ``{"type": "ended", "reason"}`` comes last.
"""

from typing import Final

from media.outputs.output import Output

OVER_WEBSOCKET: Final = Output("ws", "/live/{session_id}")
OVER_HTTP: Final = Output("http", "/live/{session_id}.mp4")
