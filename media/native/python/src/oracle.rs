//! The wire formats without sockets, so that tests can hold them against the plain Python ones.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tongshi_wire::MediaEvent;
use tongshi_wire::framing::{FramingKind, TcpFramer};
use tongshi_wire::ingest::{Ingest, IngestConfig};

/// Runs RTP packets through one reception; `times_us` are their arrivals (default: 1 ms apart).
#[pyfunction]
#[pyo3(signature = (packets, *, ordered = false, times_us = None))]
pub fn ingest_packets<'py>(
    py: Python<'py>,
    packets: Vec<Vec<u8>>,
    ordered: bool,
    times_us: Option<Vec<u64>>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyDict>)> {
    let mut ingest = Ingest::new(IngestConfig {
        ordered,
        ..IngestConfig::default()
    });
    let mut events = Vec::new();
    py.detach(|| {
        for (index, packet) in packets.iter().enumerate() {
            let at = times_us
                .as_ref()
                .and_then(|times| times.get(index).copied());
            let now_us = at.unwrap_or(1_000_000 + index as u64 * 1_000);
            ingest.handle_timer(now_us, &mut events);
            ingest.receive(packet, now_us, &mut events);
        }
        ingest.flush(&mut events);
    });
    let list = PyList::empty(py);
    for event in &events {
        list.append(event_dict(py, event)?)?;
    }
    let stats = ingest.stats();
    let numbers = PyDict::new(py);
    for (name, value) in [
        ("packets", stats.packets),
        ("lost", stats.lost),
        ("reordered", stats.reordered),
        ("duplicates", stats.duplicates),
        ("late", stats.late),
        ("resets", stats.resets),
        ("malformed", stats.malformed),
        ("packs", stats.packs),
        ("access_units", stats.access_units),
        ("keyframes", stats.keyframes),
        ("dropped_damaged", stats.dropped_damaged),
        ("dropped_before_keyframe", stats.dropped_before_keyframe),
        ("audio_frames", stats.audio_frames),
    ] {
        numbers.set_item(name, value)?;
    }
    Ok((list, numbers))
}

fn event_dict<'py>(py: Python<'py>, event: &MediaEvent) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let kind = match event {
        MediaEvent::VideoConfig(config) => {
            dict.set_item("codec", config.codec.name())?;
            dict.set_item("width", config.width)?;
            dict.set_item("height", config.height)?;
            dict.set_item("profile", &config.profile)?;
            dict.set_item("parameter_sets", PyBytes::new(py, &config.to_annexb()))?;
            "video_config"
        }
        MediaEvent::Video(unit) => {
            let mut annexb = Vec::with_capacity(unit.nals.len());
            tongshi_wire::nal::append_annexb(&unit.nals, &mut annexb);
            dict.set_item("codec", unit.codec.name())?;
            dict.set_item("annexb", PyBytes::new(py, &annexb))?;
            dict.set_item("pts_90k", unit.pts_90k)?;
            dict.set_item("dts_90k", unit.dts_90k)?;
            dict.set_item("keyframe", unit.keyframe)?;
            "video"
        }
        MediaEvent::AudioConfig(config) => {
            dict.set_item("codec", config.codec.name())?;
            dict.set_item("sample_rate", config.sample_rate)?;
            dict.set_item("channels", config.channels)?;
            "audio_config"
        }
        MediaEvent::Audio(frame) => {
            dict.set_item("codec", frame.codec.name())?;
            dict.set_item("data", PyBytes::new(py, &frame.data))?;
            dict.set_item("pts_90k", frame.pts_90k)?;
            "audio"
        }
        MediaEvent::Damaged { lost_packets, .. } => {
            dict.set_item("lost_packets", lost_packets)?;
            "damaged"
        }
        MediaEvent::Unsupported { what } => {
            dict.set_item("what", what.to_string())?;
            "unsupported"
        }
    };
    dict.set_item("kind", kind)?;
    Ok(dict)
}

/// Runs the pieces of one TCP connection through the framer: the packets, and what it counted.
#[pyfunction]
#[pyo3(signature = (chunks, *, ssrc = None))]
pub fn frame_chunks<'py>(
    py: Python<'py>,
    chunks: Vec<Vec<u8>>,
    ssrc: Option<u32>,
) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyDict>)> {
    let mut framer = TcpFramer::new();
    if let Some(ssrc) = ssrc {
        framer.expect_ssrc(ssrc);
    }
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for chunk in &chunks {
        framer.feed(chunk, &mut |packet| packets.push(packet.to_vec()));
    }
    let list = PyList::empty(py);
    for packet in &packets {
        list.append(PyBytes::new(py, packet))?;
    }
    let stats = framer.stats();
    let numbers = PyDict::new(py);
    let kind = match stats.kind {
        FramingKind::Undecided => "",
        FramingKind::Rfc4571 => "rfc4571",
        FramingKind::Interleaved => "interleaved",
    };
    numbers.set_item("kind", kind)?;
    numbers.set_item("frames", stats.frames)?;
    numbers.set_item("resyncs", stats.resyncs)?;
    numbers.set_item("skipped_bytes", stats.skipped_bytes)?;
    Ok((list, numbers))
}
