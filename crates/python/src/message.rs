//! Messages and URIs as Python reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cordboard_sip::header::{HeaderName, NameAddr};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, unfold};
use cordboard_sip::uri::Uri;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Headers whose lines are comma-separated lists of values.
const LISTS: [HeaderName; 19] = [
    HeaderName::Via,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Path,
    HeaderName::ServiceRoute,
    HeaderName::Allow,
    HeaderName::Supported,
    HeaderName::Require,
    HeaderName::ProxyRequire,
    HeaderName::Unsupported,
    HeaderName::Accept,
    HeaderName::AllowEvents,
    HeaderName::Diversion,
    HeaderName::HistoryInfo,
    HeaderName::PAssertedIdentity,
    HeaderName::AlertInfo,
    HeaderName::CallInfo,
    HeaderName::Reason,
];

/// A SIP message, read on demand.
#[pyclass(frozen, name = "Message", module = "cordboard._core")]
pub(crate) struct PyMessage(pub(crate) Arc<Message>);

#[pymethods]
impl PyMessage {
    #[staticmethod]
    fn parse(data: &[u8]) -> PyResult<Self> {
        Message::parse(data, &Limits::default())
            .map(|m| Self(Arc::new(m)))
            .map_err(|e| PyValueError::new_err(e.to_string()))
    }

    #[getter]
    fn is_request(&self) -> bool {
        self.0.is_request()
    }

    #[getter]
    fn method(&self) -> String {
        self.0.method().as_str().to_owned()
    }

    #[getter]
    fn uri(&self) -> &str {
        self.0.uri()
    }

    #[getter]
    fn status(&self) -> u16 {
        self.0.status()
    }

    #[getter]
    fn reason(&self) -> &str {
        self.0.reason()
    }

    #[getter]
    fn call_id(&self) -> &str {
        self.0.call_id()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    fn header(&self, name: &str) -> Option<String> {
        self.0.get_by_name(name).map(|v| unfold(v).into_owned())
    }

    fn headers(&self, name: &str) -> Vec<String> {
        let id = HeaderName::from_bytes(name.as_bytes());
        if LISTS.contains(&id) {
            return self.0.list(id).map(|v| unfold(v).into_owned()).collect();
        }
        self.0.all_by_name(name).map(|v| unfold(v).into_owned()).collect()
    }

    fn all_headers(&self) -> Vec<(String, String)> {
        self.0.headers().map(|(_, name, value)| (name.to_owned(), unfold(value).into_owned())).collect()
    }

    fn address(&self, name: &str) -> Option<(String, String, BTreeMap<String, String>)> {
        let value = self.0.get_by_name(name)?;
        let first = cordboard_sip::header::split_list(value).next()?;
        let address = NameAddr::parse(first).ok()?;
        let params = address.params.iter().map(|p| (p.name.to_ascii_lowercase(), p.value.unwrap_or("").to_owned()));
        Some((address.display().into_owned(), address.uri.to_owned(), params.collect()))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0.to_bytes() == other.0.to_bytes()
    }

    fn __repr__(&self) -> String {
        match self.0.is_request() {
            true => format!("<Message {} {}>", self.0.method(), self.0.uri()),
            false => format!("<Message {} {}>", self.0.status(), self.0.reason()),
        }
    }
}

/// A URI split into its parts.
#[pyclass(frozen, name = "Uri", module = "cordboard._core")]
pub(crate) struct PyUri {
    #[pyo3(get)]
    scheme: String,
    #[pyo3(get)]
    user: String,
    #[pyo3(get)]
    host: String,
    #[pyo3(get)]
    port: Option<u16>,
    #[pyo3(get)]
    params: BTreeMap<String, String>,
    #[pyo3(get)]
    headers: String,
}

#[pymethods]
impl PyUri {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let uri = Uri::parse(text).map_err(|e| PyValueError::new_err(e.to_string()))?;
        let params = uri.params.iter().map(|p| (p.name.to_ascii_lowercase(), p.value.unwrap_or("").to_owned()));
        Ok(Self {
            scheme: uri.scheme.to_ascii_lowercase(),
            user: uri.user_decoded().into_owned(),
            host: uri.host.to_owned(),
            port: uri.port,
            params: params.collect(),
            headers: uri.headers.to_owned(),
        })
    }

    fn __repr__(&self) -> String {
        format!("<Uri {}:{}@{}>", self.scheme, self.user, self.host)
    }
}
