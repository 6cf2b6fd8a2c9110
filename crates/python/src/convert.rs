//! Python's arguments to the core's types.

use std::net::{IpAddr, SocketAddr};

use cordboard_sip::endpoint::{Body, HeaderLine};
use cordboard_sip::{Time, Transport};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A transport by its URI token.
pub(crate) fn transport(name: &str) -> PyResult<Transport> {
    Transport::from_token(name).ok_or_else(|| PyValueError::new_err(format!("no such transport: {name:?}")))
}

/// A literal address and a port.
pub(crate) fn address(host: &str, port: u16) -> PyResult<SocketAddr> {
    let ip: IpAddr =
        host.parse().map_err(|_| PyValueError::new_err(format!("not a literal IPv4 or IPv6 address: {host:?}")))?;
    Ok(SocketAddr::new(ip, port))
}

/// Seconds on the caller's clock.
pub(crate) fn time(seconds: f64) -> PyResult<Time> {
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!("not a time: {seconds}")));
    }
    Ok(Time((seconds * 1e6).round() as u64))
}

/// A status code that may be answered with.
pub(crate) fn status(status: u16) -> PyResult<u16> {
    match status {
        101..=699 => Ok(status),
        _ => Err(PyValueError::new_err(format!("a status is 101 to 699, not {status}"))),
    }
}

/// A body.
pub(crate) fn body(content_type: &str, bytes: Vec<u8>) -> Body {
    match bytes.is_empty() {
        true => Body::default(),
        false => Body { content_type: content_type.to_owned(), bytes },
    }
}

/// Header lines; names must be tokens.
pub(crate) fn headers(lines: Vec<HeaderLine>) -> PyResult<Vec<HeaderLine>> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    match lines.iter().find(|(name, _)| name.is_empty() || !name.bytes().all(token)) {
        Some((name, _)) => Err(PyValueError::new_err(format!("not a header name: {name:?}"))),
        None => Ok(lines),
    }
}
