"""What a stream that shows a picture still has wrong with it, by the counters of its reception."""

from __future__ import annotations

from typing import Final

from media.stats import SessionStats
from sipserver.devices.diagnosis.findings import Finding
from sipserver.devices.diagnosis.reasons import Reason
from sipserver.devices.invite_evidence import InviteEvidence
from sipserver.devices.media_verdicts import LOSS_THAT_MATTERS, loss_ratio

LONG_GOP_S: Final = 10.0


def summary(stats: SessionStats) -> str:
    """One line of numbers."""
    rate = f"{stats.bitrate_bps / 1000:.0f} kbit/s" if stats.bitrate_bps else f"{stats.bytes} bytes"
    return (
        f"{stats.packets} packets from {stats.source} over {stats.transport}, {rate}, {stats.lost} lost,"
        f" jitter {stats.jitter_ms:.0f} ms"
    )


def warnings(stats: SessionStats, evidence: InviteEvidence) -> list[Finding]:
    """From the worst to the mildest."""
    found = [
        _loss(stats, evidence),
        _source(stats, evidence),
        _ssrc(stats, evidence),
        _audio(stats, evidence),
        _gop(stats),
        _transport(evidence),
    ]
    return [finding for finding in found if finding is not None]


def promised_kbps(evidence: InviteEvidence) -> int | None:
    """The video rate in the answer's f= line."""
    answer = evidence.answer
    text = answer.format.video_kbps if answer is not None and answer.format is not None else ""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 9 else None


def _loss(stats: SessionStats, evidence: InviteEvidence) -> Finding | None:
    ratio = loss_ratio(stats)
    if ratio < LOSS_THAT_MATTERS:
        return None
    lines = [f"{ratio:.0%} of the packets never came: {stats.lost} of {stats.packets + stats.lost}"]
    if (kbps := promised_kbps(evidence)) is not None:
        lines.append(f"the answer promises {kbps} kbit/s, {stats.bitrate_bps / 1000:.0f} kbit/s arrive")
    return Finding(Reason.BANDWIDTH_SHORT, tuple(lines))


def _source(stats: SessionStats, evidence: InviteEvidence) -> Finding | None:
    host = (stats.source or "").rpartition(":")[0].strip("[]")
    if not host or not evidence.device_host or host == evidence.device_host:
        return None
    lines = [f"SIP goes to {evidence.device_host}, RTP comes from {stats.source}"]
    if evidence.answer is not None and evidence.answer.host:
        lines.append(f"the answer names {evidence.answer.host}")
    return Finding(Reason.OTHER_SOURCE, tuple(lines))


def _ssrc(stats: SessionStats, evidence: InviteEvidence) -> Finding | None:
    offer, answer = evidence.offer, evidence.answer
    agreed = (answer.ssrc if answer is not None else None) or (offer.ssrc if offer is not None else None)
    if agreed is None or stats.ssrc is None or stats.ssrc == int(agreed):
        return None
    return Finding(Reason.OTHER_SSRC, (f"y={agreed} was agreed, SSRC {stats.ssrc:010d} comes",))


def _audio(stats: SessionStats, evidence: InviteEvidence) -> Finding | None:
    stated = evidence.answer.format if evidence.answer is not None else None
    is_promised = stats.audio_codec is not None or (stated is not None and bool(stated.audio_codec))
    if not is_promised or stats.audio_frames:
        return None
    where = (
        f"f={stated}" if stated is not None and stated.audio_codec else f"{stats.audio_codec} in the stream"
    )
    return Finding(Reason.AUDIO_ABSENT, (f"announced by {where}; {stats.audio_frames} pieces of sound came",))


def _gop(stats: SessionStats) -> Finding | None:
    if stats.gop_s < LONG_GOP_S:
        return None
    return Finding(Reason.LATE_KEYFRAME, (f"{stats.gop_s:.1f} s from one key frame to the next",))


def _transport(evidence: InviteEvidence) -> Finding | None:
    if evidence.instead_of is None:
        return None
    text = f"asked for {evidence.instead_of}, and it is {evidence.transport} that works"
    return Finding(Reason.TRANSPORT_CHANGED, (text,))
