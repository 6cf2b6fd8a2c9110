//! Certificates as Python names them: by their files.

use std::path::PathBuf;

use cordboard_net::{TlsConfig, TlsIdentity, VerifyClient};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What TLS proves with and whom it believes.
#[pyclass(frozen, name = "Tls", module = "cordboard._core")]
pub(crate) struct PyTls(pub(crate) TlsConfig);

#[pymethods]
impl PyTls {
    #[new]
    #[pyo3(signature = (identities, *, ca=None, verify_client="no"))]
    fn new(identities: Vec<(PathBuf, PathBuf)>, ca: Option<PathBuf>, verify_client: &str) -> PyResult<Self> {
        let verify_client = match verify_client {
            "no" => VerifyClient::No,
            "optional" => VerifyClient::Optional,
            "required" => VerifyClient::Required,
            other => {
                return Err(PyValueError::new_err(format!(
                    "verify_client must be no, optional or required, not {other:?}"
                )));
            }
        };
        let identities = identities.into_iter().map(|(certificate, key)| TlsIdentity { certificate, key }).collect();
        Ok(Self(TlsConfig { identities, ca, verify_client }))
    }
}
