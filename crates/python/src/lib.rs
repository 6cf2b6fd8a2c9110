//! `cordboard._core`: conversion and error mapping only.

mod capture;
mod convert;
mod endpoint;
mod events;
mod guard;
mod media;
mod message;
mod sdp;
mod tls;
mod virtual_core;

use cordboard_sip::digest::{self, Algorithm};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The hash a directory keeps in place of the password (RFC 7616 3.4.2), in hex.
#[pyfunction]
fn digest_ha1(username: &str, realm: &str, password: &str, algorithm: &str) -> PyResult<String> {
    let algorithm = Algorithm::from_token(algorithm)
        .ok_or_else(|| PyValueError::new_err(format!("algorithm must be MD5 or SHA-256, not {algorithm:?}")))?;
    Ok(digest::ha1_hex(algorithm, username, realm, password))
}

/// Whether a literal address means something in its own network only; a name does not.
#[pyfunction]
fn is_private(host: &str) -> bool {
    host.parse().is_ok_and(cordboard_sip::registrar::is_private)
}

/// The Rust core of Cordboard.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<message::PyHeaderNames>()?;
    module.add_class::<message::PyMessage>()?;
    module.add_class::<message::PyUri>()?;
    module.add_class::<events::PyFlow>()?;
    module.add_class::<events::PyLocation>()?;
    module.add_class::<events::RequestEvent>()?;
    module.add_class::<events::AckEvent>()?;
    module.add_class::<events::CancelledEvent>()?;
    module.add_class::<events::ResponseEvent>()?;
    module.add_class::<events::FailedEvent>()?;
    module.add_class::<events::NoAckEvent>()?;
    module.add_class::<events::NoPrackEvent>()?;
    module.add_class::<events::BindingEvent>()?;
    module.add_class::<endpoint::PyEndpoint>()?;
    module.add_class::<tls::PyTls>()?;
    module.add_class::<guard::PyGuard>()?;
    module.add_class::<media::PyMediaEngine>()?;
    module.add_class::<media::PyMediaLeg>()?;
    module.add_class::<media::PyMediaRoom>()?;
    module.add_class::<media::PyMediaStats>()?;
    module.add("MediaRefused", module.py().get_type::<media::MediaRefused>())?;
    module.add_class::<sdp::PySdp>()?;
    module.add_class::<sdp::PySdpMedia>()?;
    module.add_function(wrap_pyfunction!(digest_ha1, module)?)?;
    module.add_function(wrap_pyfunction!(is_private, module)?)?;
    module.add_function(wrap_pyfunction!(sdp::hold_change, module)?)?;
    Ok(())
}
