//! Messages and URIs as Python reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use cordboard_sip::Method;
use cordboard_sip::header::{HeaderName, NameAddr};
use cordboard_sip::limits::Limits;
use cordboard_sip::message::{Message, unfold};
use cordboard_sip::uri::Uri;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

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

const SDP: &str = "application/sdp";

/// Names of headers to look for in messages, made once.
#[pyclass(frozen, name = "HeaderNames", module = "cordboard._core")]
pub(crate) struct PyHeaderNames {
    listed: Vec<(HeaderName, String, Py<PyString>)>,
    /// Those of `listed` as bits: most lines of a message are none of them.
    ids: u128,
    prefix: String,
}

#[pymethods]
impl PyHeaderNames {
    #[new]
    #[pyo3(signature = (names, *, prefix = ""))]
    fn new(py: Python<'_>, names: Vec<String>, prefix: &str) -> Self {
        let listed = names.into_iter().map(|name| {
            let known = PyString::intern(py, &name).unbind();
            (HeaderName::from_bytes(name.as_bytes()), name, known)
        });
        let listed: Vec<_> = listed.collect();
        let ids = listed.iter().fold(0, |ids, (id, _, _)| ids | bit(*id));
        Self { listed, ids, prefix: prefix.to_owned() }
    }
}

/// A set of one.
fn bit(id: HeaderName) -> u128 {
    1 << id as u32
}

impl PyHeaderNames {
    /// The name by which a header was asked for, if it was.
    fn find<'py>(&self, py: Python<'py>, id: HeaderName, name: &str) -> Option<Bound<'py, PyString>> {
        if self.ids & bit(id) != 0 {
            let is_it = |(known, listed, _): &&(HeaderName, String, _)| {
                *known == id && (id != HeaderName::Other || listed.eq_ignore_ascii_case(name))
            };
            if let Some((_, _, asked)) = self.listed.iter().find(is_it) {
                return Some(asked.bind(py).clone());
            }
        }
        let begins = name.as_bytes().get(..self.prefix.len())?;
        let fits = !self.prefix.is_empty() && begins.eq_ignore_ascii_case(self.prefix.as_bytes());
        fits.then(|| PyString::new(py, name))
    }
}

/// The token of a method; those that calls are made of are strings made once.
fn token<'py>(py: Python<'py>, method: &Method) -> Bound<'py, PyString> {
    match method {
        Method::Invite => intern!(py, "INVITE").clone(),
        Method::Ack => intern!(py, "ACK").clone(),
        Method::Bye => intern!(py, "BYE").clone(),
        Method::Cancel => intern!(py, "CANCEL").clone(),
        other => PyString::intern(py, other.as_str()),
    }
}

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
    fn method<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        token(py, &self.0.method())
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
    fn is_anonymous(&self) -> bool {
        self.0.is_anonymous()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.body())
    }

    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, Bound<'py, PyString>) {
        let kind = match self.0.get(HeaderName::ContentType) {
            _ if self.0.body().is_empty() => intern!(py, SDP).clone(),
            None | Some("") => intern!(py, "application/octet-stream").clone(),
            Some(SDP) => intern!(py, SDP).clone(),
            Some(other) => PyString::new(py, &unfold(other)),
        };
        (self.body(py), kind)
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get_by_name(name).map(unfold)
    }

    fn headers(&self, name: &str) -> Vec<String> {
        let id = HeaderName::from_bytes(name.as_bytes());
        if LISTS.contains(&id) {
            return self.0.list(id).map(|v| unfold(v).into_owned()).collect();
        }
        self.0.all_by_name(name).map(|v| unfold(v).into_owned()).collect()
    }

    fn select<'py>(&self, py: Python<'py>, names: &PyHeaderNames) -> Vec<(Bound<'py, PyString>, Cow<'_, str>)> {
        let found = self.0.headers().filter_map(|(id, name, value)| Some((names.find(py, id, name)?, unfold(value))));
        found.collect()
    }

    fn supports(&self, option_tag: &str) -> bool {
        let mut tags = self.0.list(HeaderName::Supported).chain(self.0.list(HeaderName::Require));
        tags.any(|tag| tag.trim().eq_ignore_ascii_case(option_tag))
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
