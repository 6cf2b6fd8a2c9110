//! What is behind an endpoint: the live engine, or a core without one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cordboard_net::{Advertise, Config, Engine, Handle, Listen, StartError};
use cordboard_sip::endpoint::{Command, Control, Endpoint, Numbers, Settings};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::PyEndpoint;
use crate::convert::{address, transport};
use crate::virtual_core::VirtualCore;

/// The one or the other.
pub(super) enum Backend {
    Live(Handle<Endpoint>),
    Virtual(Box<Mutex<VirtualCore>>),
}

pub(super) fn lock(core: &Mutex<VirtualCore>) -> MutexGuard<'_, VirtualCore> {
    core.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transport and where it is.
pub(super) type Address = (String, String, u16);

pub(super) fn settings(realm: String, software: String) -> Settings {
    Settings { realm, software, ..Settings::default() }
}

impl PyEndpoint {
    pub(super) fn command(&self, command: Command) {
        match &self.backend {
            Backend::Live(handle) => handle.command(command),
            Backend::Virtual(core) => lock(core).command(command),
        }
    }

    pub(super) fn control(&self, control: Control) {
        match &self.backend {
            Backend::Live(handle) => handle.control(control),
            Backend::Virtual(core) => lock(core).control(control),
        }
    }

    pub(super) fn live_handle(&self) -> PyResult<&Handle<Endpoint>> {
        match &self.backend {
            Backend::Live(handle) => Ok(handle),
            Backend::Virtual(_) => Err(PyRuntimeError::new_err("only a live endpoint has this")),
        }
    }

    pub(super) fn virtual_core(&self) -> PyResult<MutexGuard<'_, VirtualCore>> {
        match &self.backend {
            Backend::Live(_) => Err(PyRuntimeError::new_err("only a virtual endpoint has this")),
            Backend::Virtual(core) => Ok(lock(core)),
        }
    }
}

/// Where to listen.
pub(super) fn listening(listen: Vec<Address>) -> PyResult<Vec<Listen>> {
    listen
        .into_iter()
        .map(|(t, host, port)| Ok(Listen { transport: transport(&t)?, address: address(&host, port)? }))
        .collect()
}

/// What peers are told in the place of bound addresses.
pub(super) fn advertised(advertise: Vec<(String, String)>) -> PyResult<Vec<Advertise>> {
    advertise
        .into_iter()
        .map(|(bound, public)| {
            Advertise::parse(&bound, &public)
                .ok_or_else(|| PyValueError::new_err(format!("not two literal addresses: {bound:?}, {public:?}")))
        })
        .collect()
}

/// Starts the engine with a core that has the bindings of its last run.
pub(super) fn start(py: Python<'_>, config: Config, settings: Settings) -> PyResult<(Handle<Endpoint>, Numbers)> {
    py.detach(|| {
        let bound = Engine::bind(config)?;
        let now = bound.clock().now();
        let unix = cordboard_net::unix_seconds() * 1_000_000;
        let routes = Box::new(bound.routes());
        let ids = Box::new(bound.ids()?);
        let mut endpoint = Endpoint::new(settings, routes, ids, now, unix);
        endpoint.restore_bindings(bound.journal(), now);
        let numbers = endpoint.numbers();
        Ok((bound.start(endpoint)?, numbers))
    })
    .map_err(|error: StartError| {
        if matches!(error, StartError::Tls(_)) {
            return PyValueError::new_err(error.to_string());
        }
        let code = error.io().and_then(std::io::Error::raw_os_error).unwrap_or(0);
        PyOSError::new_err((code, error.to_string()))
    })
}
