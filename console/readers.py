"""Who takes a stream, in the models of the API."""

from console.api.reader_models import PushRow, SenderRow, StreamReaders, ViewerRow
from media.outputs.rtmp import RtmpPush
from media.outputs.rtp import SenderStats
from media.session import MediaSession
from media.stats import ViewerStats


def readers_of(session: MediaSession) -> StreamReaders:
    """Everybody now; nobody after the end."""
    if session.is_closed:
        return StreamReaders()
    return StreamReaders(
        viewers=[_viewer(row) for row in session.viewer_stats()],
        senders=[_sender(sender.stats()) for sender in session.senders],
        pushes=[_push(push) for push in session.pushes],
        recorders=session.recorders,
    )


def _viewer(row: ViewerStats) -> ViewerRow:
    return ViewerRow(
        way=row.way,
        session_id=row.tag,
        username=row.user,
        source=row.source,
        age_s=round(row.age_s, 3),
        queued_bytes=row.queued_bytes,
        sent_bytes=row.sent_bytes,
        skipped=row.skipped,
    )


def _sender(row: SenderStats) -> SenderRow:
    return SenderRow(
        sender_id=row.sender_id,
        label=row.label,
        transport=row.transport,
        peer=row.peer,
        ssrc=f"{row.ssrc:010d}",
        state=row.state,
        form=row.form,
        age_s=round(row.age_s, 3),
        packets=row.packets,
        payload_bytes=row.payload_bytes,
        dropped_frames=row.dropped_frames,
        queued_bytes=row.queued_bytes,
        reports=row.reports,
        fraction_lost=row.fraction_lost,
        lost=row.lost,
        jitter_ms=row.jitter_ms,
        round_trip_ms=row.round_trip_ms,
    )


def _push(push: RtmpPush) -> PushRow:
    stats = push.stats()
    return PushRow(
        push_id=push.push_id,
        address=push.address,
        state=stats.state.value,
        attempts=stats.attempts,
        connections=stats.connections,
        sent_bytes=stats.sent_bytes,
        skipped=stats.skipped,
        last_reason=stats.last_reason,
    )
