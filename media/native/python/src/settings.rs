//! Settings of the plane out of a dictionary of Python.

use std::net::IpAddr;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tongshi_plane::{PlaneConfig, PlaneError, RtspConfig};

use crate::plane::refuse;
use crate::relaying;

pub(crate) fn setting<'py, T>(settings: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    match settings.get_item(name)? {
        Some(value) => value.extract::<T>(),
        None => Err(pyo3::exceptions::PyKeyError::new_err(name.to_owned())),
    }
}

fn nested<'py>(settings: &Bound<'py, PyDict>, name: &str) -> PyResult<Bound<'py, PyDict>> {
    match settings.get_item(name)? {
        Some(value) => Ok(value.cast_into::<PyDict>()?),
        None => Err(pyo3::exceptions::PyKeyError::new_err(name.to_owned())),
    }
}

pub(crate) fn plane_config(settings: &Bound<'_, PyDict>) -> PyResult<PlaneConfig> {
    Ok(PlaneConfig {
        output_host: setting(settings, "output_host")?,
        output_port: setting(settings, "output_port")?,
        threads: setting(settings, "threads")?,
        url_key: setting(settings, "url_key")?,
        nap_us: setting(settings, "nap_us")?,
        receive_buffer_bytes: setting(settings, "receive_buffer_bytes")?,
        receive_host: setting(settings, "receive_host")?,
        shared_udp_port: setting(settings, "shared_udp_port")?,
        shared_tcp_port: setting(settings, "shared_tcp_port")?,
        shared_buffer_bytes: setting(settings, "shared_buffer_bytes")?,
        connections_per_source: setting(settings, "connections_per_source")?,
        cool_down_us: setting(settings, "cool_down_us")?,
        strict_ssrc: setting(settings, "strict_ssrc")?,
        reorder_packets: setting(settings, "reorder_packets")?,
        reorder_us: setting(settings, "reorder_us")?,
        gop_bytes: setting(settings, "gop_bytes")?,
        gop_pictures: setting(settings, "gop_pictures")?,
        audio_wait_us: setting(settings, "audio_wait_us")?,
        pass_damaged: setting(settings, "pass_damaged")?,
        stall_us: setting(settings, "stall_us")?,
        silence_us: setting(settings, "silence_us")?,
        relock_us: setting(settings, "relock_us")?,
        ssrc_window_us: setting(settings, "ssrc_window_us")?,
        feed_queue_bytes: setting(settings, "feed_queue_bytes")?,
        publish_replaces: setting(settings, "publish_replaces")?,
        rtmp_port: setting(settings, "rtmp_port")?,
        rtmp_start_us: setting(settings, "rtmp_start_us")?,
        rtmp_per_source: setting(settings, "rtmp_per_source")?,
        max_viewers: setting(settings, "max_viewers")?,
        viewer_queue_bytes: setting(settings, "viewer_queue_bytes")?,
        viewer_stuck_us: setting(settings, "viewer_stuck_us")?,
        request_deadline_us: setting(settings, "request_deadline_us")?,
        viewer_send_buffer_bytes: setting(settings, "viewer_send_buffer_bytes")?,
        max_strangers: setting(settings, "max_strangers")?,
        tls_certificate: setting(settings, "tls_certificate")?,
        tls_key: setting(settings, "tls_key")?,
        hls_segment_us: setting(settings, "hls_segment_us")?,
        hls_part_us: setting(settings, "hls_part_us")?,
        hls_segments: setting(settings, "hls_segments")?,
        hls_bytes: setting(settings, "hls_bytes")?,
        hls_idle_us: setting(settings, "hls_idle_us")?,
        rtsp: RtspConfig {
            port: setting(settings, "rtsp_port")?,
            udp: setting(settings, "rtsp_udp")?,
            udp_port: setting(settings, "rtsp_udp_port")?,
            user: setting(settings, "rtsp_user")?,
            password: setting(settings, "rtsp_password")?,
            timeout_us: setting(settings, "rtsp_timeout_us")?,
        },
        recorder_queue_bytes: setting(settings, "recorder_queue_bytes")?,
        recorder_fragment_us: setting(settings, "recorder_fragment_us")?,
        playback_threads: setting(settings, "playback_threads")?,
        playback_read_us: setting(settings, "playback_read_us")?,
        relay: relaying::relay_config(&nested(settings, "relay")?)?,
    })
}

pub(crate) fn ip_address(host: &str) -> PyResult<IpAddr> {
    host.parse().map_err(|_| {
        refuse(&PlaneError::BadArgument(format!(
            "{host:?} is no IP address"
        )))
    })
}
