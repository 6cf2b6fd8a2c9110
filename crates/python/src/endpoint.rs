//! The endpoint as Python holds it: live over the engine, or virtual over nothing.

mod arguments;
mod backend;

use std::sync::Mutex;
use std::time::Duration;

use cordboard_net::capture::{CollectorConfig, hep};
use cordboard_net::{Config, GuardConfig, HandleError};
use cordboard_sip::digest::client::Secret;
use cordboard_sip::directory::{Entry, MethodSet};
use cordboard_sip::endpoint::{
    Command, Control, Credentials, Destination, DialogId, HeaderLine, Numbers, Policy, TransactionId,
};
use cordboard_sip::{Flow, Method};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use self::arguments::{bytes_argument, hashes, headers_argument, status_argument};
use self::backend::{Address, Backend, advertised, listening, lock, settings, start};
use crate::capture::{Row, rows};
use crate::convert::{address, body, time, transport};
use crate::events::{PyFlow, to_list};
use crate::guard::PyGuard;
use crate::tls::PyTls;
use crate::virtual_core::VirtualCore;

/// The SIP core behind one door.
#[pyclass(frozen, name = "Endpoint", module = "cordboard._core")]
pub(crate) struct PyEndpoint {
    backend: Backend,
    numbers: Numbers,
}

#[pymethods]
impl PyEndpoint {
    #[staticmethod]
    #[pyo3(
        signature = (listen, *, realm, software, journal=None, advertise=Vec::new(), event_limit=2_000, tls=None, guard=None),
        text_signature = "(listen, *, realm, software, journal=None, advertise=(), event_limit=2000, tls=None, guard=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn live(
        py: Python<'_>,
        listen: Vec<Address>,
        realm: String,
        software: String,
        journal: Option<std::path::PathBuf>,
        advertise: Vec<(String, String)>,
        event_limit: usize,
        tls: Option<PyRef<'_, PyTls>>,
        guard: Option<PyRef<'_, PyGuard>>,
    ) -> PyResult<Self> {
        let config = Config {
            listen: listening(listen)?,
            advertise: advertised(advertise)?,
            journal,
            event_limit,
            tls: tls.map(|tls| tls.0.clone()),
            guard: guard.map_or_else(GuardConfig::default, |guard| guard.0.clone()),
            ..Config::default()
        };
        let (handle, numbers) = start(py, config, settings(realm, software))?;
        Ok(Self { backend: Backend::Live(handle), numbers })
    }

    #[staticmethod]
    #[pyo3(name = "virtual", signature = (local, *, realm, software, seed))]
    fn virtual_(local: Vec<Address>, realm: String, software: String, seed: u64) -> PyResult<Self> {
        let local = local
            .into_iter()
            .map(|(t, host, port)| Ok((transport(&t)?, address(&host, port)?)))
            .collect::<PyResult<Vec<_>>>()?;
        let core = VirtualCore::new(local, settings(realm, software), seed);
        let numbers = core.numbers();
        Ok(Self { backend: Backend::Virtual(Box::new(Mutex::new(core))), numbers })
    }

    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = match &self.backend {
            Backend::Live(handle) => handle.take_events(),
            Backend::Virtual(core) => lock(core).events(),
        };
        to_list(py, events)
    }

    #[pyo3(
        signature = (dn, *, ha1=Vec::new(), authenticate=Vec::new(), registers=true, peers=Vec::new(), username=None),
        text_signature = "(self, dn, *, ha1=(), authenticate=(), registers=True, peers=(), username=None)"
    )]
    fn set_dn(
        &self,
        dn: String,
        ha1: Vec<(String, String)>,
        authenticate: Vec<String>,
        registers: bool,
        peers: Vec<String>,
        username: Option<String>,
    ) -> PyResult<()> {
        let ha1s = hashes(&ha1)?;
        let peers = peers
            .iter()
            .map(|peer| {
                let whole = peer.parse::<std::net::SocketAddr>().map(|a| (a.ip(), Some(a.port())));
                whole
                    .or_else(|_| peer.parse::<std::net::IpAddr>().map(|ip| (ip, None)))
                    .map_err(|_| PyValueError::new_err(format!("not an address or address:port: {peer:?}")))
            })
            .collect::<PyResult<Vec<_>>>()?;
        let authenticate = MethodSet::from_tokens(authenticate.iter().map(String::as_str));
        let username = username.map(|name| name.as_str().into());
        self.control(Control::SetDn { dn, entry: Entry { ha1s, username, authenticate, registers, peers } });
        Ok(())
    }

    #[pyo3(
        signature = (*, allow, registration_expires, retry_after, path_needs_support=false, service_route=String::new(), flow_timer=120, nat_keep_alive=0),
        text_signature = "(self, *, allow, registration_expires, retry_after, path_needs_support=False, service_route='', flow_timer=120, nat_keep_alive=0)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn set_policy(
        &self,
        allow: String,
        registration_expires: u32,
        retry_after: u32,
        path_needs_support: bool,
        service_route: String,
        flow_timer: u32,
        nat_keep_alive: u32,
    ) -> PyResult<()> {
        for (name, line) in [("allow", &allow), ("service_route", &service_route)] {
            if line.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(PyValueError::new_err(format!("{name} must be one line")));
            }
        }
        self.control(Control::SetPolicy(Policy {
            allow,
            registration_expires,
            retry_after,
            path_needs_support,
            service_route,
            flow_timer,
            nat_keep_alive,
        }));
        Ok(())
    }

    fn set_options_headers(&self, #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>) {
        self.control(Control::SetOptionsHeaders { headers });
    }

    fn refuse_new(&self, part: f64) -> PyResult<()> {
        if !(0.0..=1.0).contains(&part) {
            return Err(PyValueError::new_err(format!("no part between 0 and 1: {part}")));
        }
        self.control(Control::RefuseNew { part });
        Ok(())
    }

    fn remove_dn(&self, dn: String) {
        self.control(Control::RemoveDn { dn });
    }

    #[pyo3(
        signature = (realm, username, *, ha1=Vec::new(), password=None, host=String::new()),
        text_signature = "(self, realm, username, *, ha1=(), password=None, host='')"
    )]
    fn set_credentials(
        &self,
        realm: String,
        username: String,
        ha1: Vec<(String, String)>,
        password: Option<String>,
        host: String,
    ) -> PyResult<()> {
        let secret = match password {
            Some(password) if ha1.is_empty() => Secret::Password(password),
            None if !ha1.is_empty() && !realm.is_empty() => Secret::Ha1s(hashes(&ha1)?),
            _ => return Err(PyValueError::new_err("either a password or hashes for one realm")),
        };
        self.control(Control::SetCredentials(Credentials { realm, host, username, secret }));
        Ok(())
    }

    #[pyo3(signature = (realm, username, *, host=String::new()), text_signature = "(self, realm, username, *, host='')")]
    fn remove_credentials(&self, realm: String, username: String, host: String) {
        self.control(Control::RemoveCredentials { realm, host, username });
    }

    #[pyo3(
        signature = (transaction, status, *, reason=None, headers=Vec::new(), body=Vec::new(), content_type="application/sdp", reliable=false),
        text_signature = "(self, transaction, status, *, reason=None, headers=(), body=b'', content_type='application/sdp', reliable=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn respond(
        &self,
        transaction: u64,
        #[pyo3(from_py_with = status_argument)] status: u16,
        reason: Option<String>,
        #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>,
        #[pyo3(from_py_with = bytes_argument)] body: Vec<u8>,
        content_type: &str,
        reliable: bool,
    ) {
        let body = self::body(content_type, body);
        let transaction = TransactionId(transaction);
        self.command(Command::Respond { transaction, status, reason, headers, body, reliable });
    }

    #[pyo3(
        signature = (method, uri, *, from_, to, transport, remote, connection=0, contact_user="".to_owned(), headers=Vec::new(), body=Vec::new(), content_type="application/sdp", patience=0.0),
        text_signature = "(self, method, uri, *, from_, to, transport, remote, connection=0, contact_user='', headers=(), body=b'', content_type='application/sdp', patience=0.0)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the face of _core.pyi")]
    fn send(
        &self,
        method: &str,
        uri: String,
        from_: String,
        to: String,
        transport: &str,
        remote: (String, u16),
        connection: u64,
        contact_user: String,
        #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>,
        #[pyo3(from_py_with = bytes_argument)] body: Vec<u8>,
        content_type: &str,
        patience: f64,
    ) -> PyResult<u64> {
        let patience = Duration::try_from_secs_f64(patience).map_err(|e| PyValueError::new_err(e.to_string()))?;
        let destination =
            Destination { transport: self::transport(transport)?, remote: address(&remote.0, remote.1)?, connection };
        let transaction = self.numbers.next();
        self.command(Command::Send {
            transaction: TransactionId(transaction),
            method: Method::from_token(method),
            uri,
            from: from_,
            to,
            destination,
            contact_user,
            headers,
            body: self::body(content_type, body),
            patience,
        });
        Ok(transaction)
    }

    #[pyo3(
        signature = (dialog, method, *, headers=Vec::new(), body=Vec::new(), content_type="application/sdp"),
        text_signature = "(self, dialog, method, *, headers=(), body=b'', content_type='application/sdp')"
    )]
    fn send_in_dialog(
        &self,
        dialog: u64,
        method: &str,
        #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>,
        #[pyo3(from_py_with = bytes_argument)] body: Vec<u8>,
        content_type: &str,
    ) -> u64 {
        let transaction = self.numbers.next();
        self.command(Command::SendInDialog {
            transaction: TransactionId(transaction),
            dialog: DialogId(dialog),
            method: Method::from_token(method),
            headers,
            body: self::body(content_type, body),
        });
        transaction
    }

    #[pyo3(
        signature = (dialog, *, headers=Vec::new(), body=Vec::new(), content_type="application/sdp"),
        text_signature = "(self, dialog, *, headers=(), body=b'', content_type='application/sdp')"
    )]
    fn ack(
        &self,
        dialog: u64,
        #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>,
        #[pyo3(from_py_with = bytes_argument)] body: Vec<u8>,
        content_type: &str,
    ) {
        self.command(Command::Ack { dialog: DialogId(dialog), headers, body: self::body(content_type, body) });
    }

    #[pyo3(signature = (transaction, *, headers=Vec::new()), text_signature = "(self, transaction, *, headers=())")]
    fn cancel(&self, transaction: u64, #[pyo3(from_py_with = headers_argument)] headers: Vec<HeaderLine>) {
        self.command(Command::Cancel { transaction: TransactionId(transaction), headers });
    }

    fn forget(&self, dialog: u64) {
        self.command(Command::Forget { dialog: DialogId(dialog) });
    }

    fn counters(&self) -> std::collections::BTreeMap<&'static str, u64> {
        match &self.backend {
            Backend::Live(handle) => handle.counters().into_iter().collect(),
            Backend::Virtual(core) => lock(core).counters().into_iter().collect(),
        }
    }

    fn fileno(&self) -> PyResult<i32> {
        Ok(self.live_handle()?.event_fd())
    }

    fn flush(&self) -> PyResult<()> {
        match &self.backend {
            Backend::Virtual(_) => Ok(()),
            Backend::Live(handle) => match handle.flush() {
                // What is kept goes with the next flush.
                Ok(()) | Err(HandleError::Full) => Ok(()),
                Err(error) => Err(PyRuntimeError::new_err(error.to_string())),
            },
        }
    }

    fn listening(&self) -> PyResult<Vec<(&'static str, String, u16)>> {
        let listening = self.live_handle()?.listening();
        Ok(listening.iter().map(|l| (l.transport.uri_token(), l.address.ip().to_string(), l.address.port())).collect())
    }

    fn bans(&self) -> PyResult<Vec<(String, &'static str, u64, u64)>> {
        let bans = self.live_handle()?.bans();
        Ok(bans.into_iter().map(|b| (b.source.to_string(), b.transport.uri_token(), b.since, b.until)).collect())
    }

    #[pyo3(signature = (address=None))]
    fn unban(&self, address: Option<&str>) -> PyResult<()> {
        let address = address
            .map(|text| text.parse().map_err(|_| PyValueError::new_err(format!("not a literal address: {text:?}"))))
            .transpose()?;
        self.live_handle()?.unban(address);
        Ok(())
    }

    fn reload_tls(&self, py: Python<'_>, tls: PyRef<'_, PyTls>) -> PyResult<()> {
        let handle = self.live_handle()?;
        let config = tls.0.clone();
        py.detach(|| handle.reload_tls(&config)).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn keep_messages(&self, limit: usize) -> PyResult<()> {
        self.live_handle()?.capture().keep(limit);
        Ok(())
    }

    #[pyo3(signature = (call_ids, *, after=0))]
    fn messages<'py>(&self, py: Python<'py>, call_ids: Vec<String>, after: u64) -> PyResult<Vec<Row<'py>>> {
        let capture = self.live_handle()?.capture();
        let found = py.detach(|| capture.messages(&call_ids, after));
        Ok(rows(py, &found))
    }

    #[pyo3(signature = (collector, *, agent=0, password=String::new()), text_signature = "(self, collector, *, agent=0, password='')")]
    fn collect(&self, py: Python<'_>, collector: Option<(String, u16)>, agent: u32, password: String) -> PyResult<()> {
        let config = collector
            .map(|(host, port)| Ok::<_, PyErr>(CollectorConfig { address: address(&host, port)?, agent, password }))
            .transpose()?;
        let capture = self.live_handle()?.capture();
        py.detach(|| capture.collect(config)).map_err(PyOSError::new_err)
    }

    fn correlate(&self, call_id: &str, call: &str) -> PyResult<()> {
        self.live_handle()?.capture().correlate(call_id, call);
        Ok(())
    }

    #[pyo3(signature = (call, at, json, *, source, target, quality=false))]
    fn tell_collector(
        &self,
        call: &str,
        at: f64,
        #[pyo3(from_py_with = bytes_argument)] json: Vec<u8>,
        source: (String, u16),
        target: (String, u16),
        quality: bool,
    ) -> PyResult<()> {
        let addresses = (address(&source.0, source.1)?, address(&target.0, target.1)?);
        let kind = if quality { hep::QUALITY } else { hep::LOG };
        self.live_handle()?.capture().tell(kind, call, time(at)?.0, addresses, &json);
        Ok(())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let handle = self.live_handle()?;
        py.detach(|| handle.close());
        Ok(())
    }

    fn receive(
        &self,
        data: &[u8],
        transport: &str,
        local: (String, u16),
        remote: (String, u16),
        now: f64,
    ) -> PyResult<()> {
        let flow = Flow {
            transport: self::transport(transport)?,
            local: address(&local.0, local.1)?,
            remote: address(&remote.0, remote.1)?,
            connection: 0,
        };
        self.virtual_core()?.receive(data, flow, time(now)?);
        Ok(())
    }

    fn transport_failed(&self, transport: &str, remote: (String, u16), now: f64) -> PyResult<()> {
        let remote = address(&remote.0, remote.1)?;
        self.virtual_core()?.transport_failed(self::transport(transport)?, remote, time(now)?);
        Ok(())
    }

    fn advance(&self, now: f64) -> PyResult<()> {
        self.virtual_core()?.advance(time(now)?);
        Ok(())
    }

    fn next_timeout(&self) -> PyResult<Option<f64>> {
        Ok(self.virtual_core()?.next_timeout().map(|t| t.0 as f64 / 1e6))
    }

    fn transmits<'py>(&self, py: Python<'py>) -> PyResult<Vec<(PyFlow, Bound<'py, PyBytes>)>> {
        let transmits = self.virtual_core()?.transmits();
        Ok(transmits.into_iter().map(|t| (PyFlow(t.flow), PyBytes::new(py, &t.bytes))).collect())
    }
}
