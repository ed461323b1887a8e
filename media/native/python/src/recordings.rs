//! Playbacks of our own recordings.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tongshi_plane::{PlaneError, PlaybackSnapshot, RecordingsRequest, SegmentRef, Stamps};
use tongshi_wire::g711::Law;

use crate::plane::refuse;

/// Path, begin and end (µs since 1970), and the codec of the sound as the camera sent it.
pub type Segment = (PathBuf, i64, i64, String);

/// How they are played; the keys are those of `media._native.PlayOptions`.
pub fn request(
    session_id: String,
    segments: Vec<Segment>,
    (begin_us, end_us): (i64, i64),
    options: &Bound<'_, PyDict>,
) -> PyResult<RecordingsRequest> {
    let missing = |name: &str| {
        refuse(&PlaneError::BadArgument(format!(
            "the option {name} is missing"
        )))
    };
    let flag = |name: &str| -> PyResult<bool> {
        let value = options.get_item(name)?.ok_or_else(|| missing(name))?;
        value.extract()
    };
    let scale = options
        .get_item("scale")?
        .ok_or_else(|| missing("scale"))?
        .extract()?;
    Ok(RecordingsRequest {
        session_id,
        segments: segments.into_iter().map(segment_of).collect(),
        begin_us,
        end_us,
        scale,
        download: flag("download")?,
        stamps: if flag("recorded_stamps")? {
            Stamps::Recorded
        } else {
            Stamps::Rescaled
        },
        whole_groups: flag("whole_groups")?,
        paused: flag("paused")?,
        exact: flag("exact")?,
    })
}

fn segment_of((path, start_us, end_us, sound): Segment) -> SegmentRef {
    SegmentRef {
        path,
        start_us,
        end_us,
        law: match sound.as_str() {
            "G711A" => Some(Law::A),
            "G711U" => Some(Law::Mu),
            _ => None,
        },
    }
}

/// The values of `media._native.PlaybackState`.
pub fn state<'py>(py: Python<'py>, playback: &PlaybackSnapshot) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("state", playback.state.name())?;
    dict.set_item("position_us", playback.position_us)?;
    dict.set_item("scale", playback.scale)?;
    dict.set_item("pictures", playback.pictures)?;
    dict.set_item("bytes", playback.bytes)?;
    dict.set_item("files_skipped", playback.files_skipped)?;
    dict.set_item("pictures_damaged", playback.pictures_damaged)?;
    dict.set_item("gaps", playback.gaps)?;
    dict.set_item("starved", playback.starved)?;
    dict.set_item("held_bytes", playback.held_bytes)?;
    Ok(dict)
}
