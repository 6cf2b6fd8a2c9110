//! Session descriptions as Python reads and changes them.

use std::net::IpAddr;

use cordboard_sip::offer_answer::{self, HoldChange};
use cordboard_sip::sdp::{Connection, Direction, Media, Origin, SdpLimits, Session};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A session description; never changed in place.
#[pyclass(frozen, eq, name = "Sdp", module = "cordboard._core")]
#[derive(PartialEq)]
pub(crate) struct PySdp(Session);

/// One stream of a description.
#[pyclass(frozen, name = "SdpMedia", module = "cordboard._core", get_all)]
pub(crate) struct PySdpMedia {
    kind: String,
    address: String,
    port: u16,
    protocol: String,
    formats: Vec<String>,
    direction: &'static str,
    refused: bool,
}

#[pymethods]
impl PySdpMedia {
    fn __repr__(&self) -> String {
        format!("<SdpMedia {} {}:{} {}>", self.kind, self.address, self.port, self.direction)
    }
}

fn direction(name: &str) -> PyResult<Direction> {
    Direction::from_name(name).ok_or_else(|| {
        PyValueError::new_err(format!("a direction is sendrecv, sendonly, recvonly or inactive, not {name:?}"))
    })
}

fn origin(session_id: u64, address: &str) -> PyResult<Origin> {
    let ip: IpAddr = address
        .parse()
        .map_err(|_| PyValueError::new_err(format!("not a literal IPv4 or IPv6 address: {address:?}")))?;
    let connection = Connection::of(ip);
    Ok(Origin { session_id: session_id.to_string(), version: "1".into(), connection, ..Origin::default() })
}

impl PySdp {
    fn face(&self, media: &Media) -> PySdpMedia {
        PySdpMedia {
            kind: media.kind.clone(),
            address: media.connection(&self.0).map(|c| c.address.clone()).unwrap_or_default(),
            port: media.port,
            protocol: media.protocol.clone(),
            formats: media.formats.clone(),
            direction: media.direction(&self.0).name(),
            refused: media.is_refused(),
        }
    }
}

#[pymethods]
impl PySdp {
    #[staticmethod]
    fn parse(data: &[u8]) -> PyResult<Self> {
        let session = Session::parse(data, &SdpLimits::default()).map_err(|e| PyValueError::new_err(e.to_string()))?;
        Ok(Self(session))
    }

    #[staticmethod]
    fn black_hole(session_id: u64, address: &str) -> PyResult<Self> {
        Ok(Self(offer_answer::black_hole(origin(session_id, address)?)))
    }

    fn black_hole_answer(&self, session_id: u64, address: &str) -> PyResult<Self> {
        Ok(Self(offer_answer::black_hole_answer(&self.0, origin(session_id, address)?)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[getter]
    fn session_id(&self) -> &str {
        &self.0.origin.session_id
    }

    #[getter]
    fn session_version(&self) -> &str {
        &self.0.origin.version
    }

    #[getter]
    fn address(&self) -> &str {
        self.0.connection.as_ref().map_or("", |c| &c.address)
    }

    #[getter]
    fn media(&self) -> Vec<PySdpMedia> {
        self.0.media.iter().map(|m| self.face(m)).collect()
    }

    #[getter]
    fn audio_direction(&self) -> &'static str {
        offer_answer::audio_direction(&self.0).name()
    }

    #[getter]
    fn held(&self) -> bool {
        offer_answer::holds(&self.0)
    }

    #[pyo3(signature = (direction, *, media=None))]
    fn with_direction(&self, direction: &str, media: Option<usize>) -> PyResult<Self> {
        let direction = self::direction(direction)?;
        let mut session = self.0.clone();
        if let Some(at) = media {
            let count = session.media.len();
            let one = session.media.get_mut(at);
            one.ok_or_else(|| PyIndexError::new_err(format!("there are {count} media")))?.set_direction(direction);
        } else {
            session.media.iter_mut().filter(|m| !m.is_refused()).for_each(|m| m.set_direction(direction));
        }
        Ok(Self(session))
    }

    fn with_session_version(&self, version: u64) -> Self {
        let mut session = self.0.clone();
        session.origin.version = version.to_string();
        Self(session)
    }

    fn hold(&self) -> Self {
        Self(offer_answer::hold(&self.0))
    }

    fn retrieve(&self, before: &Self) -> Self {
        Self(offer_answer::retrieve(&self.0, &before.0))
    }

    fn following(&self, last: &Self) -> Self {
        Self(offer_answer::reoffer(&last.0, &self.0))
    }

    fn check_answer(&self, answer: &Self) -> PyResult<()> {
        offer_answer::check_answer(&self.0, &answer.0).map_err(|e| PyValueError::new_err(e.to_string()))
    }

    fn __repr__(&self) -> String {
        let media: Vec<_> =
            self.0.media.iter().map(|m| format!("{} {}", m.kind, m.direction(&self.0).name())).collect();
        format!("<Sdp {} {} {}>", self.session_id(), self.session_version(), media.join(", "))
    }
}

/// What `new` changes next to `old`, both sent by the same side.
#[pyfunction]
pub(crate) fn hold_change(old: Option<&PySdp>, new: &PySdp) -> &'static str {
    match offer_answer::hold_change(old.map(|s| &s.0), &new.0) {
        HoldChange::None => "none",
        HoldChange::Held => "held",
        HoldChange::Retrieved => "retrieved",
    }
}
