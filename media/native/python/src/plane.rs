//! The class `Plane`.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tongshi_plane::{
    CaptureRequest, Control, Plane as NativePlane, PlaneError, PushRequest, RecorderConfig,
    SessionRequest, Transport,
};

use crate::NativeError;
use crate::asking;
use crate::convert;
use crate::feeding;
use crate::recordings;
use crate::relaying;
use crate::settings::{ip_address, plane_config};
use crate::shared;
use crate::tap::Tap;

/// Receiving threads, one output thread, one disk thread.
#[pyclass(module = "media._native", frozen)]
pub struct Plane {
    inner: NativePlane,
}

pub(crate) fn refuse(error: &PlaneError) -> PyErr {
    NativeError::new_err((error.kind(), error.to_string(), error.errno()))
}

/// Runs native work without the interpreter lock; refusals and panics become `NativeError`.
fn run<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, PlaneError> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(outcome) => outcome.map_err(|error| refuse(&error)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            Err(NativeError::new_err(("panic", text, 0)))
        }
    }
}

/// Receive and send buffers, in bytes, that the system grants a socket that asks for `wanted`.
#[pyfunction]
pub fn probe_buffers(py: Python<'_>, wanted: usize) -> PyResult<(usize, usize)> {
    let grant = run(py, || NativePlane::probe_buffers(wanted))?;
    Ok((grant.receive_bytes, grant.send_bytes))
}

#[pymethods]
impl Plane {
    #[new]
    fn new(py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<Plane> {
        let config = plane_config(settings)?;
        Ok(Plane {
            inner: run(py, || NativePlane::open(config))?,
        })
    }

    fn address(&self) -> (String, u16) {
        let address = self.inner.address();
        (address.ip().to_string(), address.port())
    }

    fn rtsp_address(&self) -> Option<(String, u16)> {
        let address = self.inner.rtsp_address()?;
        Some((address.ip().to_string(), address.port()))
    }

    fn fact_fd(&self) -> i32 {
        self.inner.fact_fd()
    }

    fn drain_facts<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, u64)> {
        let (facts, lost) = run(py, || Ok(self.inner.drain_facts()))?;
        let list = PyList::empty(py);
        for fact in facts {
            list.append(convert::fact(py, fact)?)?;
        }
        Ok((list, lost))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one coarse call instead of many small ones"
    )]
    #[pyo3(signature = (session_id, transport, host, port, ssrc, strict_ssrc, *, shared = false))]
    fn open_session(
        &self,
        py: Python<'_>,
        session_id: String,
        transport: &str,
        host: &str,
        port: u16,
        ssrc: Option<u32>,
        strict_ssrc: bool,
        shared: bool,
    ) -> PyResult<u16> {
        let bad = |text: String| refuse(&PlaneError::BadArgument(text));
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp_passive" => Transport::TcpPassive,
            other => return Err(bad(format!("{other:?} is no transport"))),
        };
        let host = ip_address(host)?;
        let request = SessionRequest {
            session_id,
            transport,
            host,
            port,
            ssrc,
            strict_ssrc,
            shared,
        };
        run(py, || self.inner.open_session(&request))
    }

    fn open_fed_session(&self, py: Python<'_>, session_id: &str) -> PyResult<()> {
        run(py, || self.inner.open_fed_session(session_id))
    }

    fn feed_video(
        &self,
        py: Python<'_>,
        session_id: &str,
        codec: &str,
        annexb: &[u8],
        pts_90k: i64,
        dts_90k: i64,
    ) -> PyResult<()> {
        let codec = feeding::video_codec(codec)?;
        let frame = feeding::video(codec, annexb, pts_90k, dts_90k);
        run(py, || self.inner.feed(session_id, vec![frame]))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one coarse call instead of many small ones"
    )]
    fn feed_audio(
        &self,
        py: Python<'_>,
        session_id: &str,
        codec: &str,
        data: &[u8],
        pts_90k: i64,
        sample_rate: u32,
        channels: u8,
        asc: &[u8],
    ) -> PyResult<()> {
        let codec = feeding::audio_codec(codec)?;
        let frame = feeding::audio(codec, data, pts_90k, (sample_rate, channels, asc));
        run(py, || self.inner.feed(session_id, vec![frame]))
    }

    /// `segments`: path, begin and end in µs since 1970, codec of the sound.
    fn open_recordings(
        &self,
        py: Python<'_>,
        session_id: String,
        segments: Vec<recordings::Segment>,
        period_us: (i64, i64),
        options: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let request = recordings::request(session_id, segments, period_us, options)?;
        run(py, || self.inner.open_recordings(request))
    }

    fn pause_recordings(&self, py: Python<'_>, session_id: &str, paused: bool) -> PyResult<()> {
        let control = if paused {
            Control::Pause
        } else {
            Control::Resume
        };
        run(py, || self.inner.control_recordings(session_id, control))
    }

    fn seek_recordings(
        &self,
        py: Python<'_>,
        session_id: &str,
        wall_us: i64,
        exact: bool,
    ) -> PyResult<()> {
        let control = Control::Seek { wall_us, exact };
        run(py, || self.inner.control_recordings(session_id, control))
    }

    fn scale_recordings(&self, py: Python<'_>, session_id: &str, scale: f64) -> PyResult<()> {
        run(py, || {
            self.inner
                .control_recordings(session_id, Control::Scale(scale))
        })
    }

    fn recordings_state<'py>(
        &self,
        py: Python<'py>,
        session_id: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let playback = run(py, || self.inner.recordings_snapshot(session_id))?;
        recordings::state(py, &playback)
    }

    fn tap(&self, py: Python<'_>, session_id: &str, max_bytes: usize) -> PyResult<Tap> {
        run(py, || self.inner.tap(session_id, max_bytes)).map(Tap::new)
    }

    /// A session id, or nothing and a reason. False when the publisher did not wait.
    fn answer_publish(
        &self,
        py: Python<'_>,
        token: u64,
        session_id: Option<String>,
        reason: String,
    ) -> PyResult<bool> {
        let answer = session_id.ok_or(reason);
        run(py, || Ok(self.inner.answer_publish(token, answer)))
    }

    fn open_push(
        &self,
        py: Python<'_>,
        session_id: &str,
        push_id: String,
        url: String,
        g711: bool,
        h265: bool,
    ) -> PyResult<()> {
        let request = PushRequest {
            push_id,
            url,
            g711,
            h265,
        };
        run(py, || self.inner.open_push(session_id, &request))
    }

    fn close_push(&self, py: Python<'_>, push_id: &str, reason: &str) -> PyResult<bool> {
        run(py, || Ok(self.inner.close_push(push_id, reason)))
    }

    fn push_stats<'py>(
        &self,
        py: Python<'py>,
        push_id: &str,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let stats = run(py, || Ok(self.inner.push_stats(push_id)))?;
        stats
            .map(|stats| convert::push_stats(py, &stats))
            .transpose()
    }

    fn expect_ssrc(&self, py: Python<'_>, session_id: &str, ssrc: u32) -> PyResult<()> {
        run(py, || self.inner.expect_ssrc(session_id, ssrc))
    }

    fn expect_peer(
        &self,
        py: Python<'_>,
        session_id: &str,
        host: &str,
        port: Option<u16>,
    ) -> PyResult<()> {
        let host = ip_address(host)?;
        run(py, || self.inner.expect_peer(session_id, host, port))
    }

    fn shared_ports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = run(py, || Ok(self.inner.shared_ports()))?;
        shared::stats(py, &stats)
    }

    /// Blocks up to `timeout_us` (with the interpreter free): to be called in a thread.
    fn connect(
        &self,
        py: Python<'_>,
        session_id: &str,
        host: &str,
        port: u16,
        timeout_us: u64,
    ) -> PyResult<()> {
        let host = ip_address(host)?;
        let peer = SocketAddr::new(host, port);
        run(py, || {
            self.inner
                .connect(session_id, peer, Duration::from_micros(timeout_us.max(1)))
        })
    }

    fn pass_damaged(&self, py: Python<'_>, session_id: &str, passes: bool) -> PyResult<()> {
        run(py, || self.inner.pass_damaged(session_id, passes))
    }

    #[pyo3(signature = (session_id, payload_type, label, *, config, bits, clock_rate, sets))]
    #[allow(
        clippy::too_many_arguments,
        reason = "one coarse call with keyword arguments"
    )]
    fn name_payload(
        &self,
        py: Python<'_>,
        session_id: &str,
        payload_type: u8,
        label: &str,
        config: &[u8],
        bits: (u8, u8, u8),
        clock_rate: u32,
        sets: Vec<Vec<u8>>,
    ) -> PyResult<()> {
        let label = asking::label(label, (config, bits.into(), clock_rate))?;
        run(py, || {
            self.inner
                .name_payload(session_id, payload_type, label, sets)
        })
    }

    #[pyo3(signature = (session_id, capture_id, *, directory, max_bytes, max_us))]
    fn start_capture(
        &self,
        py: Python<'_>,
        session_id: &str,
        capture_id: String,
        directory: PathBuf,
        max_bytes: u64,
        max_us: u64,
    ) -> PyResult<()> {
        let request = CaptureRequest {
            capture_id,
            directory,
            max_bytes,
            max_us,
        };
        run(py, || self.inner.start_capture(session_id, request))
    }

    fn stop_capture(&self, py: Python<'_>, session_id: &str) -> PyResult<()> {
        run(py, || self.inner.stop_capture(session_id))
    }

    fn retime(&self, py: Python<'_>, session_id: &str, by_arrival: bool) -> PyResult<()> {
        run(py, || self.inner.retime(session_id, by_arrival))
    }

    fn snapshot<'py>(&self, py: Python<'py>, session_id: &str) -> PyResult<Bound<'py, PyDict>> {
        let snapshot = run(py, || self.inner.snapshot(session_id))?;
        convert::snapshot(py, &snapshot)
    }

    fn snapshots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for snapshot in run(py, || Ok(self.inner.snapshots()))? {
            list.append(convert::snapshot(py, &snapshot)?)?;
        }
        Ok(list)
    }

    fn keyframe<'py>(
        &self,
        py: Python<'py>,
        session_id: &str,
    ) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>)>> {
        let found = run(py, || self.inner.keyframe(session_id))?;
        Ok(found.map(|(codec, bytes)| (codec, PyBytes::new(py, &bytes))))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one coarse call with keyword arguments"
    )]
    #[pyo3(signature = (session_id, recorder_id, *, run, directory, segment_us, fragment_us, metadata, first_number))]
    fn attach_recorder(
        &self,
        py: Python<'_>,
        session_id: &str,
        recorder_id: String,
        run: String,
        directory: PathBuf,
        segment_us: u64,
        fragment_us: u64,
        metadata: Vec<u8>,
        first_number: u32,
    ) -> PyResult<()> {
        let recorder = RecorderConfig {
            recorder_id,
            run,
            directory,
            segment_us,
            fragment_us,
            metadata,
            first_number,
        };
        self::run(py, || self.inner.attach_recorder(session_id, recorder))
    }

    fn detach_recorder(&self, py: Python<'_>, session_id: &str, recorder_id: &str) -> PyResult<()> {
        run(py, || self.inner.detach_recorder(session_id, recorder_id))
    }

    fn attach_sender(
        &self,
        py: Python<'_>,
        session_id: &str,
        request: &Bound<'_, PyDict>,
    ) -> PyResult<u16> {
        let request = relaying::sender_request(request)?;
        run(py, || self.inner.attach_sender(session_id, request))
    }

    fn start_sender(&self, py: Python<'_>, session_id: &str, sender_id: &str) -> PyResult<()> {
        run(py, || self.inner.start_sender(session_id, sender_id))
    }

    fn close_sender(
        &self,
        py: Python<'_>,
        session_id: &str,
        sender_id: &str,
        reason: &str,
    ) -> PyResult<()> {
        run(py, || {
            self.inner.close_sender(session_id, sender_id, reason)
        })
    }

    fn sender_snapshot<'py>(
        &self,
        py: Python<'py>,
        session_id: &str,
        sender_id: &str,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let found = run(py, || self.inner.sender_snapshot(session_id, sender_id))?;
        found
            .map(|snapshot| relaying::sender_snapshot(py, &snapshot))
            .transpose()
    }

    fn revoke(&self, py: Python<'_>, session_id: &str, tag: &str) -> PyResult<()> {
        run(py, || self.inner.revoke(session_id, tag))
    }

    fn viewers<'py>(&self, py: Python<'py>, session_id: &str) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for viewer in run(py, || self.inner.viewers(session_id))? {
            list.append(convert::viewer(py, &viewer)?)?;
        }
        Ok(list)
    }

    fn revoke_user(&self, py: Python<'_>, session_id: &str, user: &str) -> PyResult<()> {
        run(py, || self.inner.revoke_user(session_id, user))
    }

    fn allow(&self, py: Python<'_>, session_id: &str, tag: &str, user: &str) -> PyResult<()> {
        run(py, || self.inner.allow(session_id, tag, user))
    }

    fn close_session(&self, py: Python<'_>, session_id: &str, reason: &str) -> PyResult<()> {
        run(py, || self.inner.close_session(session_id, reason))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || {
            self.inner.close();
            Ok(())
        })
    }
}
