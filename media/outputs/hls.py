"""HLS and its low-latency form, for Safari, televisions and everything that takes no MediaSource.

The playlist names segments of fragmented MP4, cut at key frames, and the parts of the newest ones. Its
addresses carry the pass of the request; who goes on asking may go on after the pass has expired, until it
ends or is revoked. A reader counts as one viewer until it asks for nothing for ``hls_idle_s``.
"""

from typing import Final

from media.outputs.output import Output

PLAYLIST: Final = Output("http", "/live/{session_id}/index.m3u8", scope="/live/{session_id}/")
