"""From the values of the data plane to the room's statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.settings import OnLoss
from media.stats import SessionStats

if TYPE_CHECKING:
    from media._native import Snapshot  # noqa: TID251  (a type alone)


def stats_of(native: Snapshot, label: str, transport: str) -> SessionStats:
    """One row of statistics."""
    info = native["info"]
    audio = info["audio"] if info is not None else None
    clock = native["sender_clock_offset_us"]
    return SessionStats(
        session_id=native["session_id"],
        label=label,
        transport=transport,
        port=native["port"],
        age_s=native["age_s"],
        packets=native["packets"],
        bytes=native["bytes"],
        lost=native["lost"],
        reordered=native["reordered"],
        duplicates=native["duplicates"],
        late=native["late"],
        resets=native["resets"],
        malformed=native["malformed"],
        rtcp=native["rtcp"],
        rtcp_refused=native["rtcp_refused"],
        wrong_ssrc=native["wrong_ssrc"],
        stranger=native["stranger"],
        jitter_ms=native["jitter_us"] / 1000,
        sender_clock_offset_s=None if clock is None else clock / 1e6,
        packs=native["packs"],
        access_units=native["access_units"],
        keyframes=native["keyframes"],
        dropped_damaged=native["dropped_damaged"],
        dropped_before_keyframe=native["dropped_before_keyframe"],
        passed_damaged=native["passed_damaged"],
        on_loss=OnLoss.PASS_MARKED if native["passes_damaged"] else OnLoss.DROP,
        audio_frames=native["audio_frames"],
        sound_packets=native["sound_packets"],
        fps=native["fps"],
        bitrate_bps=native["bitrate_bps"],
        gop_frames=native["gop_pictures"],
        gop_s=native["gop_us"] / 1e6,
        media_s=native["media_90k"] / 90_000,
        rtp_timestamp=native["rtp_timestamp"],
        keyframe_age_s=native["keyframe_age_s"],
        silence_s=native["silence_s"],
        codec=None if info is None else info["codec"],
        width=None if info is None else info["width"],
        height=None if info is None else info["height"],
        audio_codec=None if audio is None else audio["codec"],
        ssrc=native["ssrc"],
        source=native["source"],
        ssrc_mismatch=native["ssrc_mismatch"],
        format=native["format"],
        stall=native["stall"],
        unsupported=native["unsupported"],
        framing=native["framing"],
        framing_resyncs=native["framing_resyncs"],
        framing_skipped_bytes=native["framing_skipped_bytes"],
        connections=native["connections"],
        receive_buffer_bytes=native["receive_buffer_bytes"],
        feed_dropped=native["feed_dropped"],
        viewers=native["viewers"],
        recorders=native["recorders"],
        senders=native["senders"],
    )
