//! Arguments of the endpoint's methods as the core has them.

use cordboard_sip::digest::{Algorithm, Ha1s};
use cordboard_sip::endpoint::HeaderLine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{headers, status};

pub(super) fn hashes(ha1: &[(String, String)]) -> PyResult<Ha1s> {
    let mut ha1s = Ha1s::default();
    for (algorithm, hex) in ha1 {
        let known = Algorithm::from_token(algorithm)
            .ok_or_else(|| PyValueError::new_err(format!("algorithm must be MD5 or SHA-256, not {algorithm:?}")))?;
        ha1s.set_hex(known, hex).map_err(|e| PyValueError::new_err(e.to_string()))?;
    }
    Ok(ha1s)
}

pub(super) fn status_argument(value: &Bound<'_, PyAny>) -> PyResult<u16> {
    status(value.extract()?)
}

pub(super) fn headers_argument(value: &Bound<'_, PyAny>) -> PyResult<Vec<HeaderLine>> {
    headers(value.extract()?)
}

pub(super) fn bytes_argument(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(value.extract::<&[u8]>()?.to_vec())
}
