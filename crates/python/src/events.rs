//! Events as Python reads them: one class a kind, fields made when asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use cordboard_sip::endpoint::{BindingChange, Device, Event, Failure, Fault, Location};
use cordboard_sip::{Flow, Message};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::message::PyMessage;

/// Where a message came from.
#[pyclass(frozen, name = "Flow", module = "cordboard._core")]
pub(crate) struct PyFlow(pub(crate) Flow);

#[pymethods]
impl PyFlow {
    #[getter]
    fn transport(&self) -> &'static str {
        self.0.transport.uri_token()
    }

    #[getter]
    fn local(&self) -> (String, u16) {
        host_port(self.0.local)
    }

    #[getter]
    fn remote(&self) -> (String, u16) {
        host_port(self.0.remote)
    }

    #[getter]
    fn connection(&self) -> u64 {
        self.0.connection
    }

    fn __repr__(&self) -> String {
        format!("<Flow {} {} -> {}>", self.0.transport.uri_token(), self.0.local, self.0.remote)
    }
}

fn host_port(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

/// Where a registered phone can be reached.
#[pyclass(frozen, name = "Location", module = "cordboard._core")]
pub(crate) struct PyLocation(Location);

#[pymethods]
impl PyLocation {
    #[getter]
    fn uri(&self) -> &str {
        &self.0.uri
    }

    #[getter]
    fn flow(&self) -> PyFlow {
        PyFlow(self.0.flow)
    }

    #[getter]
    fn q(&self) -> f64 {
        f64::from(self.0.q) / 1000.0
    }

    #[getter]
    fn path(&self) -> Vec<String> {
        self.0.path.clone()
    }

    #[getter]
    fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    #[getter]
    fn instance(&self) -> &str {
        &self.0.instance
    }

    #[getter]
    fn reg_id(&self) -> u32 {
        self.0.reg_id
    }

    #[getter]
    fn nat(&self) -> bool {
        self.0.nat
    }
}

/// A new request.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct RequestEvent {
    #[pyo3(get)]
    transaction: u64,
    #[pyo3(get)]
    dialog: Option<u64>,
    #[pyo3(get)]
    in_dialog: bool,
    #[pyo3(get)]
    message: Py<PyMessage>,
    flow: Flow,
    dn: Option<Arc<str>>,
    #[pyo3(get)]
    replaces: Option<u64>,
    gruu: Option<Device>,
}

#[pymethods]
impl RequestEvent {
    #[getter]
    fn flow(&self) -> PyFlow {
        PyFlow(self.flow)
    }

    #[getter]
    fn source(&self) -> String {
        self.flow.remote.ip().to_string()
    }

    #[getter]
    fn dn(&self) -> Option<&str> {
        self.dn.as_deref()
    }

    #[getter]
    fn gruu(&self) -> Option<(&str, &str)> {
        self.gruu.as_ref().map(|device| (&*device.dn, &*device.instance))
    }
}

/// The ACK for a 2xx of ours.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct AckEvent {
    #[pyo3(get)]
    dialog: u64,
    #[pyo3(get)]
    message: Py<PyMessage>,
}

/// A CANCEL that took effect.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct CancelledEvent {
    #[pyo3(get)]
    transaction: u64,
    #[pyo3(get)]
    dialog: u64,
    #[pyo3(get)]
    message: Py<PyMessage>,
}

/// A response to a request of ours.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct ResponseEvent {
    #[pyo3(get)]
    transaction: u64,
    #[pyo3(get)]
    dialog: Option<u64>,
    #[pyo3(get)]
    status: u16,
    #[pyo3(get)]
    message: Py<PyMessage>,
}

/// A request of ours that got no final response.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct FailedEvent {
    #[pyo3(get)]
    transaction: u64,
    #[pyo3(get)]
    dialog: Option<u64>,
    call_id: Box<str>,
    #[pyo3(get)]
    failure: &'static str,
    #[pyo3(get)]
    reason: &'static str,
}

#[pymethods]
impl FailedEvent {
    #[getter]
    fn call_id(&self) -> &str {
        &self.call_id
    }
}

/// A 2xx of ours that was never acknowledged.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct NoAckEvent {
    #[pyo3(get)]
    dialog: u64,
}

/// A reliable provisional response of ours that was never acknowledged.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct NoPrackEvent {
    #[pyo3(get)]
    transaction: u64,
    #[pyo3(get)]
    dialog: u64,
    #[pyo3(get)]
    message: Py<PyMessage>,
}

/// The bindings of a DN changed.
#[pyclass(frozen, module = "cordboard._core")]
pub(crate) struct BindingEvent {
    dn: Arc<str>,
    #[pyo3(get)]
    change: &'static str,
    locations: Vec<Location>,
}

#[pymethods]
impl BindingEvent {
    #[getter]
    fn dn(&self) -> &str {
        &self.dn
    }

    #[getter]
    fn locations(&self) -> Vec<PyLocation> {
        self.locations.iter().cloned().map(PyLocation).collect()
    }
}

/// Events as a Python list, in order.
pub(crate) fn to_list(py: Python<'_>, events: Vec<Event>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for event in events {
        list.append(to_python(py, event)?)?;
    }
    Ok(list)
}

fn to_python(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    let read = |message: Arc<Message>| Py::new(py, PyMessage(message));
    Ok(match event {
        Event::Request { transaction, dialog, in_dialog, message, flow, dn, replaces, gruu } => {
            let (dialog, replaces) = (dialog.map(|d| d.0), replaces.map(|d| d.0));
            let (transaction, message) = (transaction.0, read(message)?);
            Py::new(py, RequestEvent { transaction, dialog, in_dialog, message, flow, dn, replaces, gruu })?.into_any()
        }
        Event::Ack { dialog, message } => {
            Py::new(py, AckEvent { dialog: dialog.0, message: read(message)? })?.into_any()
        }
        Event::Cancelled { transaction, dialog, message } => {
            let message = read(message)?;
            Py::new(py, CancelledEvent { transaction: transaction.0, dialog: dialog.0, message })?.into_any()
        }
        Event::Response { transaction, dialog, message } => {
            let (dialog, status, message) = (dialog.map(|d| d.0), message.status(), read(message)?);
            Py::new(py, ResponseEvent { transaction: transaction.0, dialog, status, message })?.into_any()
        }
        Event::Failed { transaction, dialog, call_id, failure } => {
            let (failure, reason) = match failure {
                Failure::Timeout => ("timeout", "no response"),
                Failure::Transport(Fault::Tls(words)) => ("tls", words),
                Failure::Transport(fault) => ("transport", fault.words()),
            };
            let dialog = dialog.map(|d| d.0);
            Py::new(py, FailedEvent { transaction: transaction.0, dialog, call_id, failure, reason })?.into_any()
        }
        Event::NoAck { dialog } => Py::new(py, NoAckEvent { dialog: dialog.0 })?.into_any(),
        Event::NoPrack { transaction, dialog, message } => {
            let message = read(message)?;
            Py::new(py, NoPrackEvent { transaction: transaction.0, dialog: dialog.0, message })?.into_any()
        }
        Event::Binding { dn, change, locations } => {
            let change = match change {
                BindingChange::Appeared => "appeared",
                BindingChange::Moved => "moved",
                BindingChange::Gone => "gone",
            };
            Py::new(py, BindingEvent { dn, change, locations })?.into_any()
        }
    })
}
