"""RTSP: for players, recorders and other platforms that pull streams.

Requests are answered and packets sent by the data plane (``media/native/plane/src/outputs/rtsp``); here is
the address. Packets go between the messages of the connection (``rtsp_tcp`` in the statistics) or as
datagrams (``rtsp_udp``), as the player asks. H.264 (RFC 6184), H.265 (RFC 7798), G.711 and AAC (RFC 3640) are
sent as they came. A description cannot change: when codec, picture size or sound do, the session ends with
RTCP BYE, and the player asks anew. Instead of the signed query a player may show the one user and password of
the settings.
"""

from typing import Final

from media.outputs.output import Output

READ: Final = Output("rtsp", "/live/{session_id}", has_tls=False)
