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
mod settings;
mod shared;
mod tap;

use pyo3::prelude::*;

/// Of the data plane alone; Python keeps its own. Pictures are taken and freed by different threads, and lie in large
/// pages: most of what receiving costs in a program is waiting for the memory that pictures are written to.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
