"""The verdict names what an operator should look at."""

from dataclasses import replace

import pytest

from media.errors import (
    MediaError,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    OnlyStrangers,
    UnsupportedMedia,
    WrongSsrc,
)
from media.evidence import verdict
from media.stats import SessionStats

NOTHING = SessionStats(
    session_id="ab", label="x", transport="UDP", port=30_000, age_s=10.0, packets=0, bytes=0, lost=0,
    reordered=0, duplicates=0, late=0, resets=0, malformed=0, rtcp=0, rtcp_refused=0,
    wrong_ssrc=0, stranger=0, jitter_ms=0.0,
    sender_clock_offset_s=None,
    packs=0, access_units=0, keyframes=0, dropped_damaged=0, dropped_before_keyframe=0, audio_frames=0,
    passed_damaged=0, on_loss="drop", sound_packets=0, format="", stall=None,
    fps=0.0, bitrate_bps=0, gop_frames=0, gop_s=0.0, media_s=0.0, rtp_timestamp=0, keyframe_age_s=None,
    silence_s=10.0, codec=None,
    width=None, height=None, audio_codec=None, ssrc=None, source=None, ssrc_mismatch=False,
    unsupported=None, framing="", framing_resyncs=0, framing_skipped_bytes=0, connections=0,
    receive_buffer_bytes=0, feed_dropped=0, viewers=0, recorders=0,
)  # fmt: skip
FED = replace(NOTHING, transport="FED", port=0)
SOME = replace(NOTHING, packets=100, source="192.0.2.1:9")


@pytest.mark.parametrize(
    ("stats", "error", "text"),
    [
        (NOTHING, NoMedia, r"no packet arrived on port 30000 \(UDP\) within 10 s"),
        (replace(NOTHING, transport="TCP_PASSIVE"), NoMedia, "did not connect to port 30000"),
        (replace(NOTHING, transport="TCP_PASSIVE", connections=1), NoMedia, "connected .* sent no RTP"),
        (replace(NOTHING, malformed=3), OnlyStrangers, "3 datagrams that are no RTP"),
        (replace(NOTHING, stranger=3), OnlyStrangers, "3 from strangers"),
        (replace(NOTHING, wrong_ssrc=5), WrongSsrc, "5 packets .* another SSRC"),
        (SOME, NoPackHeader, "100 packets of 192.0.2.1:9 .* no pack header"),
        (replace(SOME, format="ts"), NoPackHeader, "a transport stream, but no pictures"),
        (replace(SOME, unsupported="SVAC video", packs=9), UnsupportedMedia, "SVAC video"),
        (replace(SOME, packs=9, dropped_before_keyframe=8, lost=2), NoKeyframe, "8 pictures dropped, 2 pack"),
        (replace(SOME, packs=9, access_units=4, unsupported="G.729 audio"), NoKeyframe, "no whole key frame"),
        (FED, NoMedia, "no frame was fed within 10 s"),
        (replace(FED, packets=7, unsupported="AAC audio"), UnsupportedMedia, "7 frames were fed .* AAC"),
        (replace(FED, packets=7, feed_dropped=3), NoKeyframe, "7 frames were fed .* 3 left out before"),
    ],
)  # fmt: skip
def test_each_kind_of_evidence_has_its_verdict(
    stats: SessionStats, error: type[MediaError], text: str
) -> None:
    found = verdict(stats, 10)
    assert type(found) is error
    with pytest.raises(error, match=text):
        raise found
