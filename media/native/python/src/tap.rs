//! The class `Tap`: a session's pictures and sound for Python.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use tongshi_plane::{StreamConfig, Tapped, Unit};

use crate::convert;

/// A reader of one session; dropping it ends the reading.
#[pyclass(module = "media._native", frozen)]
pub struct Tap {
    inner: Mutex<Option<tongshi_plane::Tap>>,
}

impl Tap {
    pub(crate) fn new(tap: tongshi_plane::Tap) -> Tap {
        Tap {
            inner: Mutex::new(Some(tap)),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&tongshi_plane::Tap) -> T) -> Option<T> {
        let inner = self.inner.lock().ok()?;
        inner.as_ref().map(work)
    }
}

#[pymethods]
impl Tap {
    /// Readable while something waits; -1 after the end.
    fn fd(&self) -> i32 {
        self.with(tongshi_plane::Tap::raw_fd).unwrap_or(-1)
    }

    /// Everything that waits, as (kind, values).
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for item in self.with(tongshi_plane::Tap::take).unwrap_or_default() {
            let values = PyDict::new(py);
            let kind = match item {
                Tapped::Described(config) => described(py, &config, &values)?,
                Tapped::Unit(unit) => picture(py, &unit, &values)?,
                Tapped::Skipped(units) => {
                    values.set_item("units", units)?;
                    "skipped"
                }
                Tapped::Ended(reason) => {
                    values.set_item("reason", reason)?;
                    "ended"
                }
            };
            list.append((kind, values))?;
        }
        Ok(list)
    }

    /// Ends the reading. The second call does nothing.
    fn close(&self) {
        if let Ok(mut inner) = self.inner.lock() {
            inner.take();
        }
    }
}

fn described<'py>(
    py: Python<'py>,
    config: &StreamConfig,
    values: &Bound<'py, PyDict>,
) -> PyResult<&'static str> {
    values.set_item("info", convert::info(py, &config.info)?)?;
    let sets = config.video.as_ref().map(|video| video.to_annexb());
    values.set_item(
        "parameter_sets",
        PyBytes::new(py, &sets.unwrap_or_default()),
    )?;
    let asc = config.audio.as_ref().map_or(&[][..], |audio| &audio.asc);
    values.set_item("asc", PyBytes::new(py, asc))?;
    Ok("described")
}

fn picture<'py>(
    py: Python<'py>,
    unit: &Unit,
    values: &Bound<'py, PyDict>,
) -> PyResult<&'static str> {
    let mut annexb = Vec::new();
    let mut shift = 0;
    if let Some(picture) = &unit.picture {
        annexb.reserve(picture.nals.len() + 256);
        if let (true, Some(video)) = (picture.keyframe, &unit.config.video) {
            annexb.extend_from_slice(&video.to_annexb());
        }
        tongshi_wire::nal::append_annexb(&picture.nals, &mut annexb);
        shift = picture.pts_90k - picture.dts_90k;
    }
    values.set_item("annexb", PyBytes::new(py, &annexb))?;
    values.set_item("is_key", unit.is_key())?;
    values.set_item("dts_90k", unit.time)?;
    values.set_item("pts_90k", unit.time + shift)?;
    values.set_item("duration_90k", unit.duration)?;
    values.set_item("wall_us", unit.wall_us)?;
    let sounds = PyList::empty(py);
    for sample in &unit.audio {
        let data = PyBytes::new(py, sample.original());
        sounds.append((data, sample.time, sample.duration))?;
    }
    values.set_item("sound", sounds)?;
    Ok("unit")
}
