//! Facts and snapshots as plain Python values. The keys are documented in `media/_native.pyi`.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tongshi_plane::{
    Fact, FactKind, MediaInfo, PushStats, SegmentState, SessionSnapshot, Transport, ViewerSnapshot,
};

type Dict<'py> = Bound<'py, PyDict>;

macro_rules! dict {
    ($py:expr $(, $key:ident : $value:expr)* $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item(stringify!($key), $value)?;)*
        dict
    }};
}

pub fn info<'py>(py: Python<'py>, info: &MediaInfo) -> PyResult<Dict<'py>> {
    let audio = match &info.audio {
        Some(audio) => Some(
            dict!(py, codec: audio.codec, sample_rate: audio.sample_rate, channels: audio.channels),
        ),
        None => None,
    };
    Ok(
        dict!(py, codec: info.codec, width: info.width, height: info.height, audio: audio, mime: &info.mime),
    )
}

fn segment<'py>(py: Python<'py>, state: &SegmentState) -> PyResult<Dict<'py>> {
    Ok(dict!(
        py,
        segment_id: &state.segment_id,
        size_bytes: state.size_bytes,
        duration_s: state.duration_s,
        start_wall_us: state.start_wall_us,
        end_wall_us: state.end_wall_us,
        first_pts_90k: state.first_pts_90k,
        last_pts_90k: state.last_pts_90k,
        info: info(py, &state.info)?,
    ))
}

/// `(kind, session_id, values)`.
pub fn fact<'py>(py: Python<'py>, fact: Fact) -> PyResult<Bound<'py, PyTuple>> {
    let (kind, values) = match &fact.kind {
        FactKind::SourceLocked {
            source,
            ssrc,
            relocked,
        } => (
            "source_locked",
            dict!(py, source: source.to_string(), ssrc: ssrc, relocked: relocked),
        ),
        FactKind::WrongSsrc {
            expected,
            received,
            accepted,
        } => (
            "wrong_ssrc",
            dict!(py, expected: expected, received: received, accepted: accepted),
        ),
        FactKind::UnknownSsrc { ssrc, source, way } => (
            "unknown_ssrc",
            dict!(py, ssrc: ssrc, source: source.to_string(), way: way),
        ),
        FactKind::MediaStarted { info: media } => {
            ("media_started", dict!(py, info: info(py, media)?))
        }
        FactKind::ConfigChanged { info: media } => {
            ("config_changed", dict!(py, info: info(py, media)?))
        }
        FactKind::Unsupported { what } => ("unsupported", dict!(py, what: what)),
        FactKind::SilenceBegan { silence_us } => {
            ("silence_began", dict!(py, silence_us: silence_us))
        }
        FactKind::SilenceEnded => ("silence_ended", dict!(py)),
        FactKind::Stalled { reason, lasted_us } => {
            ("stalled", dict!(py, reason: reason, lasted_us: lasted_us))
        }
        FactKind::Resumed { lasted_us } => ("resumed", dict!(py, lasted_us: lasted_us)),
        FactKind::CaptureEnded {
            capture_id,
            reason,
            packets,
            size_bytes,
            dropped,
            files,
        } => (
            "capture_ended",
            dict!(
                py,
                capture_id: capture_id,
                reason: reason,
                packets: packets,
                size_bytes: size_bytes,
                dropped: dropped,
                files: files,
            ),
        ),
        FactKind::ConnectionOpened { source } => {
            ("connection_opened", dict!(py, source: source.to_string()))
        }
        FactKind::ConnectionClosed { source, reason } => (
            "connection_closed",
            dict!(py, source: source.to_string(), reason: reason),
        ),
        FactKind::CertificateRead { message } => ("certificate_read", dict!(py, message: message)),
        FactKind::PushChanged {
            push_id,
            state,
            reason,
        } => (
            "push_changed",
            dict!(py, push_id: push_id, state: state, reason: reason),
        ),
        publish @ (FactKind::PublishRequested { .. }
        | FactKind::PublishStarted { .. }
        | FactKind::PublishEnded { .. }) => publish_fact(py, publish)?,
        FactKind::SessionFailed { message } => ("session_failed", dict!(py, message: message)),
        FactKind::ThreadPanicked { thread, message } => (
            "thread_panicked",
            dict!(py, thread: thread, message: message),
        ),
        FactKind::RecordingSkipped {
            file,
            start_wall_us,
            reason,
        } => (
            "recording_skipped",
            dict!(py, file: file, start_wall_us: start_wall_us, reason: reason),
        ),
        FactKind::RecordingEnded {
            reason,
            position_wall_us,
            seeks,
        } => (
            "recording_ended",
            dict!(py, reason: reason, position_wall_us: position_wall_us, seeks: seeks),
        ),
        viewer @ (FactKind::ViewerOpened { .. } | FactKind::ViewerClosed { .. }) => {
            viewer_fact(py, viewer)?
        }
        sender @ (FactKind::SenderConnected { .. }
        | FactKind::SenderStarted { .. }
        | FactKind::SenderClosed { .. }) => sender_fact(py, sender)?,
        recorder => recorder_fact(py, recorder)?,
    };
    (kind, fact.session_id, values).into_pyobject(py)
}

fn publish_fact<'py>(py: Python<'py>, fact: &FactKind) -> PyResult<(&'static str, Dict<'py>)> {
    Ok(match fact {
        FactKind::PublishRequested {
            token,
            desk,
            path,
            query,
            source,
        } => (
            "publish_requested",
            dict!(py, token: token, desk: desk, path: path, query: query, source: source.to_string()),
        ),
        FactKind::PublishStarted { desk, source } => (
            "publish_started",
            dict!(py, desk: desk, source: source.to_string()),
        ),
        FactKind::PublishEnded {
            desk,
            source,
            reason,
        } => (
            "publish_ended",
            dict!(py, desk: desk, source: source.to_string(), reason: reason),
        ),
        _ => ("unknown", dict!(py)),
    })
}

fn viewer_fact<'py>(py: Python<'py>, fact: &FactKind) -> PyResult<(&'static str, Dict<'py>)> {
    Ok(match fact {
        FactKind::ViewerClosed {
            tag,
            user,
            way,
            viewers,
            reason,
            sent_bytes,
            skipped,
        } => (
            "viewer_closed",
            dict!(py, tag: tag, user: user, way: way, viewers: viewers, reason: reason, sent_bytes: sent_bytes, skipped: skipped),
        ),
        FactKind::ViewerOpened {
            tag,
            user,
            way,
            viewers,
        } => (
            "viewer_opened",
            dict!(py, tag: tag, user: user, way: way, viewers: viewers),
        ),
        _ => ("unknown", dict!(py)),
    })
}

fn sender_fact<'py>(py: Python<'py>, fact: &FactKind) -> PyResult<(&'static str, Dict<'py>)> {
    Ok(match fact {
        FactKind::SenderConnected { sender_id, peer } => (
            "sender_connected",
            dict!(py, sender_id: sender_id, peer: peer.to_string()),
        ),
        FactKind::SenderStarted { sender_id } => {
            ("sender_started", dict!(py, sender_id: sender_id))
        }
        FactKind::SenderClosed {
            sender_id,
            reason,
            detail,
            stats,
        } => (
            "sender_closed",
            dict!(
                py,
                sender_id: sender_id,
                reason: reason,
                detail: detail,
                stats: crate::relaying::sender_snapshot(py, stats)?,
            ),
        ),
        _ => ("unknown", dict!(py)),
    })
}

fn recorder_fact<'py>(py: Python<'py>, fact: &FactKind) -> PyResult<(&'static str, Dict<'py>)> {
    Ok(match fact {
        FactKind::SegmentOpened {
            recorder_id,
            segment_id,
            path,
            start_wall_us,
        } => (
            "segment_opened",
            dict!(py, recorder_id: recorder_id, segment_id: segment_id, path: path, start_wall_us: start_wall_us),
        ),
        FactKind::SegmentGrown { recorder_id, state } => (
            "segment_grown",
            dict!(py, recorder_id: recorder_id, state: segment(py, state)?),
        ),
        FactKind::SegmentClosed {
            recorder_id,
            state,
            reason,
        } => (
            "segment_closed",
            dict!(py, recorder_id: recorder_id, state: segment(py, state)?, reason: reason),
        ),
        FactKind::RecorderFailed {
            recorder_id,
            errno,
            message,
        } => (
            "recorder_failed",
            dict!(py, recorder_id: recorder_id, errno: errno, message: message),
        ),
        FactKind::RecorderGap {
            recorder_id,
            dropped_pictures,
            start_wall_us,
            end_wall_us,
            reason,
        } => (
            "recorder_gap",
            dict!(
                py,
                recorder_id: recorder_id,
                dropped_pictures: dropped_pictures,
                start_wall_us: start_wall_us,
                end_wall_us: end_wall_us,
                reason: reason,
            ),
        ),
        FactKind::RecorderDetached { recorder_id } => {
            ("recorder_detached", dict!(py, recorder_id: recorder_id))
        }
        _ => ("unknown", dict!(py)),
    })
}

/// The values of `media._native.Viewer`.
pub fn viewer<'py>(py: Python<'py>, viewer: &ViewerSnapshot) -> PyResult<Dict<'py>> {
    Ok(dict!(
        py,
        way: viewer.way,
        tag: &viewer.tag,
        user: &viewer.user,
        source: viewer.source.to_string(),
        age_s: viewer.age_us as f64 / 1e6,
        queued_bytes: viewer.queued_bytes,
        sent_bytes: viewer.sent_bytes,
        skipped: viewer.skipped,
    ))
}

/// The values of `media._native.PushStats`.
pub fn push_stats<'py>(py: Python<'py>, stats: &PushStats) -> PyResult<Dict<'py>> {
    Ok(dict!(
        py,
        state: stats.state.name(),
        attempts: stats.attempts,
        connections: stats.connections,
        sent_bytes: stats.sent_bytes,
        skipped: stats.skipped,
        last_reason: &stats.last_reason,
    ))
}

/// Seconds since an instant, if there was one.
fn age(now_us: u64, at_us: Option<u64>) -> Option<f64> {
    at_us.map(|at| now_us.saturating_sub(at) as f64 / 1e6)
}

/// The values of `media._native.Snapshot`.
pub fn snapshot<'py>(py: Python<'py>, snapshot: &SessionSnapshot) -> PyResult<Dict<'py>> {
    let stats = &snapshot.stats;
    let media = match &snapshot.info {
        Some(media) => Some(info(py, media)?),
        None => None,
    };
    let transport = match snapshot.transport {
        Transport::Udp => "udp",
        Transport::TcpPassive => "tcp_passive",
        Transport::Fed => "fed",
        Transport::Recorded => "recorded",
    };
    let silent_since = stats.packet_at_us.unwrap_or(stats.opened_at_us);
    Ok(dict!(
        py,
        session_id: &snapshot.session_id,
        transport: transport,
        port: snapshot.port,
        info: media,
        viewers: snapshot.viewers,
        recorders: snapshot.recorders,
        senders: snapshot.senders,
        packets: stats.packets,
        bytes: stats.bytes,
        expected: stats.expected,
        lost: stats.lost,
        reordered: stats.reordered,
        duplicates: stats.duplicates,
        late: stats.late,
        resets: stats.resets,
        malformed: stats.malformed,
        rtcp: stats.rtcp,
        rtcp_refused: stats.rtcp_refused,
        wrong_ssrc: stats.wrong_ssrc,
        stranger: stats.stranger,
        jitter_us: stats.jitter_us,
        sender_clock_offset_us: stats.sender_clock_offset_us,
        packs: stats.packs,
        access_units: stats.access_units,
        keyframes: stats.keyframes,
        dropped_damaged: stats.dropped_damaged,
        dropped_before_keyframe: stats.dropped_before_keyframe,
        audio_frames: stats.audio_frames,
        passed_damaged: stats.passed_damaged,
        passes_damaged: stats.passes_damaged,
        format: stats.format,
        sound_packets: stats.sound_packets,
        connected: stats.connected,
        stall: stats.stall,
        fps: stats.fps,
        bitrate_bps: stats.bitrate_bps,
        gop_pictures: stats.gop_pictures,
        gop_us: stats.gop_us,
        media_90k: stats.media_90k,
        rtp_timestamp: stats.rtp_timestamp,
        keyframe_age_s: age(snapshot.now_us, stats.keyframe_at_us),
        silence_s: age(snapshot.now_us, Some(silent_since)),
        age_s: age(snapshot.now_us, Some(stats.opened_at_us)),
        framing: stats.framing,
        framing_resyncs: stats.framing_resyncs,
        framing_skipped_bytes: stats.framing_skipped_bytes,
        connections: stats.connections,
        source: stats.source.map(|source| source.to_string()),
        ssrc: stats.ssrc,
        ssrc_mismatch: stats.ssrc_mismatch,
        unsupported: &stats.unsupported,
        receive_buffer_bytes: stats.receive_buffer_bytes,
        feed_dropped: stats.feed_dropped,
    ))
}
