"""FLV: over HTTP for the many players that know it, over WebSocket for those in browsers.

The tags are made and sent by the data plane (``media/native/plane/src/outputs/flv.rs``); here stand the
addresses. H.264, AAC and G.711 have the classic numbers (7, 10, and 7 and 8 for A-law and µ-law); H.265 the
enhanced form with FourCC ``hvc1``. WebSocket messages are binary, and joined they are the HTTP body. A stream
that changes is told by new metadata and sequence headers.
"""

from typing import Final

from media.outputs.output import Output

OVER_HTTP: Final = Output("http", "/live/{session_id}.flv")
OVER_WEBSOCKET: Final = Output("ws", "/live/{session_id}.flv")
