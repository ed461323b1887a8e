//! Python binding of the Tongshi data plane: the module `media._native`, imported by `media.engine` alone.
//!
//! Few coarse calls. Every call that may wait releases the interpreter lock; a panic becomes `NativeError`.

mod asking;
mod convert;
mod feeding;
mod oracle;
mod plane;
mod recordings;
mod relaying;
mod shared;
mod tap;

use pyo3::prelude::*;

pyo3::create_exception!(
    _native,
    NativeError,
    pyo3::exceptions::PyException,
    "A call was refused: (kind, message, errno)."
);

/// The compiled data plane.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add_class::<plane::Plane>()?;
    module.add_class::<tap::Tap>()?;
    module.add_function(wrap_pyfunction!(plane::probe_buffers, module)?)?;
    module.add_function(wrap_pyfunction!(oracle::ingest_packets, module)?)?;
    module.add_function(wrap_pyfunction!(oracle::frame_chunks, module)?)?;
    Ok(())
}
