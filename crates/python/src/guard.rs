//! The thresholds of limits and bans as Python names them.

use std::time::Duration;

use cordboard_net::{Ban, GuardConfig, Network};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert;

/// How often a source may fail, for how long it is banned then, and who never is.
#[pyclass(frozen, name = "Guard", module = "cordboard._core")]
pub(crate) struct PyGuard(pub(crate) GuardConfig);

#[pymethods]
impl PyGuard {
    #[new]
    #[pyo3(
        signature = (*, failures=30, ban=600.0, allow=Vec::new(), messages=20_000, bans=Vec::new()),
        text_signature = "(*, failures=30, ban=600.0, allow=(), messages=20000, bans=())"
    )]
    fn new(
        failures: u32,
        ban: f64,
        allow: Vec<String>,
        messages: u32,
        bans: Vec<(String, String, u64, u64)>,
    ) -> PyResult<Self> {
        let ban = Duration::try_from_secs_f64(ban).map_err(|e| PyValueError::new_err(e.to_string()))?;
        let mut config = GuardConfig {
            failure_burst: failures,
            ban,
            messages_per_second: messages,
            message_burst: messages.saturating_mul(2),
            ..GuardConfig::default()
        };
        for text in allow {
            let network = Network::parse(&text)
                .ok_or_else(|| PyValueError::new_err(format!("not an address or network: {text:?}")))?;
            config.allow.push(network);
        }
        for (source, transport, since, until) in bans {
            let source = source.parse().map_err(|_| PyValueError::new_err(format!("not an address: {source:?}")))?;
            let transport = convert::transport(&transport)?;
            config.bans.push(Ban { source, transport, since, until });
        }
        Ok(Self(config))
    }
}
