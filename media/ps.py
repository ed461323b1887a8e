"""MPEG program streams as this standard wants them: one pack for each picture.

The simulator sends with ``PsMuxer``; ``PsDemuxer`` is the oracle of the native demuxer.

Source: GB/T 28181-2022 annex C; 7.4 to 7.6 of the protocol notes.
"""

from typing import Final

from media.nal import VideoCodec
from media.ps_demux import AccessUnit, PsDemuxer
from media.ps_format import (
    AUDIO_STREAM_ID,
    STREAM_TYPES,
    VIDEO_STREAM_ID,
    AudioCodec,
    MapEntry,
    pack_header,
    pes_packet,
    program_stream_map,
    system_header,
)

__all__ = ["MAX_PES_PAYLOAD", "AccessUnit", "AudioCodec", "PsDemuxer", "PsMuxer"]

MAX_PES_PAYLOAD: Final = 65_000


class PsMuxer:
    """Packs pictures and sound.

    A key frame gets pack header, system header, map and video; every other picture gets pack header and
    video (GB-C125). Sound goes into the pack of a picture or into a pack of its own.
    """

    def __init__(
        self,
        video_codec: VideoCodec,
        audio_codec: AudioCodec | None = None,
        max_pes_payload: int = MAX_PES_PAYLOAD,
        with_map: bool = True,
    ) -> None:
        self._max_pes_payload = max_pes_payload
        entries = [MapEntry(STREAM_TYPES[video_codec], VIDEO_STREAM_ID)]
        if audio_codec is not None:
            entries.append(MapEntry(STREAM_TYPES[audio_codec], AUDIO_STREAM_ID))
        self._key_head = system_header(has_audio=audio_codec is not None)
        if with_map:
            self._key_head += program_stream_map(entries)

    def mux_video(
        self,
        annexb: bytes,
        pts_90k: int,
        dts_90k: int | None = None,
        keyframe: bool = False,
        audio: bytes = b"",
    ) -> bytes:
        """One picture as one pack.

        Args:
            annexb: the access unit with start codes; parameter sets stand before a key frame.
            pts_90k: presentation time; its lower 33 bits are written.
            dts_90k: decoding time, written only when it differs.
            audio: sound that begins at the same time, for the same pack.
        """
        dts_90k = pts_90k if dts_90k is None else dts_90k
        head = pack_header(dts_90k) + (self._key_head if keyframe else b"")
        sound = self._pes(AUDIO_STREAM_ID, audio, pts_90k, pts_90k) if audio else b""
        return head + self._pes(VIDEO_STREAM_ID, annexb, pts_90k, dts_90k) + sound

    def mux_audio(self, data: bytes, pts_90k: int) -> bytes:
        """Some frames of sound as one pack."""
        return pack_header(pts_90k) + self._pes(AUDIO_STREAM_ID, data, pts_90k, pts_90k)

    def _pes(self, stream_id: int, data: bytes, pts_90k: int, dts_90k: int) -> bytes:
        step = self._max_pes_payload
        first = pes_packet(stream_id, data[:step], pts_90k, dts_90k if dts_90k != pts_90k else None)
        rest = (pes_packet(stream_id, data[at : at + step]) for at in range(step, len(data), step))
        return first + b"".join(rest)
