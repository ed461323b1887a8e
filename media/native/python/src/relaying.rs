//! Senders to other platforms: their requests and statistics as plain Python values.

use std::net::SocketAddr;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tongshi_plane::{PlaneError, RelayConfig, SenderRequest, SenderSnapshot, SenderTransport};
use tongshi_wire::AudioCodec;

use crate::plane::refuse;
use crate::settings::{ip_address, setting};

fn bad(text: String) -> PyErr {
    refuse(&PlaneError::BadArgument(text))
}

/// The values of `media._native.RelaySettings`.
pub fn relay_config(settings: &Bound<'_, PyDict>) -> PyResult<RelayConfig> {
    Ok(RelayConfig {
        payload_bytes: setting::<usize>(settings, "payload_bytes")?.max(1),
        queue_bytes: setting(settings, "queue_bytes")?,
        burst_bytes: setting(settings, "burst_bytes")?,
        rate_factor: setting(settings, "rate_factor")?,
        peak_bytes_per_ms: setting(settings, "peak_bytes_per_ms")?,
        start_timeout_us: setting(settings, "start_timeout_us")?,
        accept_timeout_us: setting(settings, "accept_timeout_us")?,
        connect_attempts: setting(settings, "connect_attempts")?,
        connect_interval_us: setting(settings, "connect_interval_us")?,
        connect_timeout_us: setting(settings, "connect_timeout_us")?,
        stuck_us: setting(settings, "stuck_us")?,
        refused_us: setting(settings, "refused_us")?,
        report_timeout_us: setting(settings, "report_timeout_us")?,
        linger_us: setting(settings, "linger_us")?,
    })
}

fn audio_codec(name: &str) -> PyResult<AudioCodec> {
    let codecs = [AudioCodec::G711A, AudioCodec::G711U, AudioCodec::Aac];
    let found = codecs.into_iter().find(|codec| codec.name() == name);
    found.ok_or_else(|| bad(format!("{name:?} is no codec of sound")))
}

/// The values of `media._native.SenderRequest`.
pub fn sender_request(values: &Bound<'_, PyDict>) -> PyResult<SenderRequest> {
    let transport: String = setting(values, "transport")?;
    let transport = match &*transport {
        "udp" => SenderTransport::Udp,
        "tcp_active" => SenderTransport::TcpActive,
        "tcp_passive" => SenderTransport::TcpPassive,
        other => return Err(bad(format!("{other:?} is no transport"))),
    };
    let host: String = setting(values, "local_host")?;
    let peer = match setting::<Option<(String, u16)>>(values, "peer")? {
        Some((host, port)) => Some(SocketAddr::new(ip_address(&host)?, port)),
        None => None,
    };
    let audio: Vec<String> = setting(values, "audio")?;
    Ok(SenderRequest {
        sender_id: setting(values, "sender_id")?,
        transport,
        local: SocketAddr::new(ip_address(&host)?, setting(values, "local_port")?),
        peer,
        rtcp_port: setting(values, "rtcp_port")?,
        ssrc: setting(values, "ssrc")?,
        first_sequence: setting(values, "first_sequence")?,
        payload_type: setting(values, "payload_type")?,
        audio: audio
            .iter()
            .map(|name| audio_codec(name))
            .collect::<PyResult<_>>()?,
        pass_through: setting(values, "pass_through")?,
        from_cache: setting(values, "from_cache")?,
    })
}

/// The values of `media._native.SenderSnapshot`.
pub fn sender_snapshot<'py>(
    py: Python<'py>,
    snapshot: &SenderSnapshot,
) -> PyResult<Bound<'py, PyDict>> {
    let stats = &snapshot.stats;
    let age_s = |at_us: u64| stats.now_us.saturating_sub(at_us) as f64 / 1e6;
    let dict = PyDict::new(py);
    dict.set_item("sender_id", &snapshot.sender_id)?;
    dict.set_item("transport", snapshot.transport.name())?;
    dict.set_item("port", snapshot.port)?;
    dict.set_item("ssrc", snapshot.ssrc)?;
    dict.set_item("state", stats.state)?;
    dict.set_item("form", stats.form)?;
    dict.set_item("peer", stats.peer.map(|peer| peer.to_string()))?;
    dict.set_item("packets", stats.packets)?;
    dict.set_item("payload_bytes", stats.payload_bytes)?;
    dict.set_item("frames", stats.frames)?;
    dict.set_item("passed_frames", stats.passed_frames)?;
    dict.set_item("dropped_frames", stats.dropped_frames)?;
    dict.set_item("drops", stats.drops)?;
    dict.set_item("queued_bytes", stats.queued_bytes)?;
    dict.set_item("refusals", stats.refusals)?;
    dict.set_item("strangers", stats.strangers)?;
    dict.set_item("connect_attempts", stats.connect_attempts)?;
    dict.set_item("reports", stats.reports)?;
    dict.set_item("fraction_lost", stats.fraction_lost)?;
    dict.set_item("lost", stats.lost)?;
    dict.set_item("jitter_us", stats.jitter_us)?;
    dict.set_item("round_trip_us", stats.round_trip_us)?;
    dict.set_item("age_s", age_s(stats.opened_at_us))?;
    dict.set_item("sending_s", stats.first_sent_at_us.map(age_s))?;
    Ok(dict)
}
