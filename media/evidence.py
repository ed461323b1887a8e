"""Why no picture came: the counters of a reception, read as a verdict."""

from __future__ import annotations

from media.errors import (
    MediaError,
    NoKeyframe,
    NoMedia,
    NoPackHeader,
    OnlyStrangers,
    UnsupportedMedia,
    WrongSsrc,
)
from media.stats import SessionStats


def verdict(stats: SessionStats, timeout_s: float) -> MediaError:
    """The error that says what an operator should look at, with the numbers that prove it."""
    waited = f"within {timeout_s:g} s"
    if stats.transport == "RECORDED":
        return NoMedia(f"the disk gave no recorded picture {waited}")
    if stats.transport == "FED":
        return _without_picture_fed(stats, waited)
    where = f"port {stats.port} ({stats.transport})"
    if stats.packets == 0:
        return _without_packets(stats, where, waited)
    got = f"{stats.packets} packets of {stats.source} on {where} {waited}"
    if stats.access_units == 0 and stats.unsupported is not None:
        return UnsupportedMedia(f"{got}, but they carry {stats.unsupported}, which is not supported")
    if stats.packs == 0 and stats.access_units == 0 and stats.dropped_before_keyframe == 0:
        if stats.format == "ts":
            return NoPackHeader(f"{got} with a transport stream, but no pictures in it")
        return NoPackHeader(f"{got}, but no pack header of a program stream in them")
    dropped = stats.dropped_before_keyframe + stats.dropped_damaged
    stands = f"; it stands still: {stats.stall.replace('_', ' ')}" if stats.stall else ""
    return NoKeyframe(
        f"{got} with {stats.packs} packs, but no whole key frame with parameter sets:"
        f" {dropped} pictures dropped, {stats.lost} packets lost{stands}"
    )


def _without_picture_fed(stats: SessionStats, waited: str) -> MediaError:
    if stats.packets == 0:
        return NoMedia(f"no frame was fed {waited}")
    if stats.access_units == 0 and stats.unsupported is not None:
        return UnsupportedMedia(
            f"{stats.packets} frames were fed {waited}, but they carry {stats.unsupported},"
            " which is not supported"
        )
    dropped = stats.dropped_before_keyframe + stats.dropped_damaged
    return NoKeyframe(
        f"{stats.packets} frames were fed {waited}, but no whole key frame with parameter sets:"
        f" {dropped} pictures dropped, {stats.feed_dropped} left out before"
    )


def _without_packets(stats: SessionStats, where: str, waited: str) -> MediaError:
    if stats.wrong_ssrc:
        return WrongSsrc(
            f"{stats.wrong_ssrc} packets on {where} {waited}, all with another SSRC than agreed, refused"
        )
    if stats.malformed or stats.stranger:
        return OnlyStrangers(
            f"no RTP of the device on {where} {waited}: {stats.malformed} datagrams that are no RTP,"
            f" {stats.stranger} from strangers"
        )
    if stats.transport.startswith("TCP"):
        if stats.connections == 0:
            return NoMedia(f"the device did not connect to {where} {waited}")
        return NoMedia(
            f"the device connected to {where}, but sent no RTP packet {waited}"
            f" ({stats.framing_skipped_bytes} bytes not understood)"
        )
    return NoMedia(f"no packet arrived on {where} {waited}")
