//! `cordboard._core`: conversion and error mapping only.

use pyo3::prelude::*;

/// The Rust core of Cordboard.
#[pymodule]
fn _core(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
