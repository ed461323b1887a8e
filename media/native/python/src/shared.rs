//! What is known of the shared ports, as values of Python.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tongshi_plane::{SharedPortStats, Way};

/// The values of `media._native.SharedPorts`.
pub fn stats<'py>(py: Python<'py>, stats: &SharedPortStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("udp_port", stats.udp_port)?;
    dict.set_item("tcp_port", stats.tcp_port)?;
    dict.set_item("receive_buffer_bytes", stats.receive_buffer_bytes)?;
    dict.set_item("steered", stats.steered)?;
    for (name, value) in [
        ("malformed", stats.malformed),
        ("stray_rtcp", stats.stray_rtcp),
        ("unknown", stats.unknown),
        ("handed", stats.handed),
        ("handed_dropped", stats.handed_dropped),
        ("connections", stats.connections),
        ("refused", stats.refused),
        ("unclaimed", stats.unclaimed),
    ] {
        dict.set_item(name, value)?;
    }
    dict.set_item("waiting", stats.waiting)?;
    let rows = PyList::empty(py);
    for row in &stats.unknown_rows {
        let way = match row.way {
            Way::Udp => "udp",
            Way::Tcp => "tcp",
        };
        rows.append((row.ssrc, row.source.to_string(), way, row.count))?;
    }
    dict.set_item("unknown_rows", rows)?;
    let sources: Vec<(String, usize)> = stats
        .sources
        .iter()
        .map(|(ip, count)| (ip.to_string(), *count))
        .collect();
    dict.set_item("sources", sources)?;
    Ok(dict)
}
