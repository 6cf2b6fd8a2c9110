//! `Event` and `Subscription-State` (RFC 6665 8.2.1, 8.2.3).

use std::borrow::Cow;

use super::{HeaderError, Params, delta_seconds};
use crate::message::is_token;

fn token_and_params<'a>(text: &'a str, what: &'static str) -> Result<(&'a str, Params<'a>), HeaderError> {
    let text = text.trim();
    let (token, params) = text.split_at(text.find(';').unwrap_or(text.len()));
    let token = token.trim_end();
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(HeaderError { what, why: "does not start with a token" });
    }
    Ok((token, Params::new(params)))
}

/// The package of a subscription, with the `id` that tells two subscriptions of a dialog apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The package: `presence`, `message-summary`, `talk` ... Compared without case.
    pub package: &'a str,
    /// `id` and others.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads `presence;id=1`.
    ///
    /// # Errors
    /// If there is no package.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let (package, params) = token_and_params(text, "Event")?;
        Ok(Self { package, params })
    }

    /// Whether this is the package of that name.
    #[must_use]
    pub fn is(&self, package: &str) -> bool {
        self.package.eq_ignore_ascii_case(package)
    }

    /// The `id` parameter.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id").filter(|id| !id.is_empty())
    }
}

/// How a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or an extension.
    pub state: &'a str,
    /// `expires`, `reason`, `retry-after` and others.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Reads `active;expires=600`.
    ///
    /// # Errors
    /// If there is no state.
    pub fn parse(text: &'a str) -> Result<Self, HeaderError> {
        let (state, params) = token_and_params(text, "Subscription-State")?;
        Ok(Self { state, params })
    }

    /// Whether the subscription has ended.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state.eq_ignore_ascii_case("terminated")
    }

    /// Seconds the subscription still has.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(delta_seconds)
    }

    /// Why it ended: `deactivated`, `noresource`, `timeout` ...
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'a, str>> {
        self.params.unquoted("reason")
    }

    /// Seconds after which the subscriber may try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.params.get("retry-after").and_then(delta_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_and_id_are_read() {
        let event = Event::parse(" Dialog ; id = 7 ; sla").unwrap();
        assert!(event.is("dialog"));
        assert_eq!(event.id(), Some("7"));
        assert!(Event::parse("").is_err());
        assert!(Event::parse(";id=1").is_err());
        assert!(Event::parse("two words").is_err());
    }

    #[test]
    fn state_reason_and_times_are_read() {
        let s = SubscriptionState::parse("Terminated;reason=\"noresource\";retry-after=30").unwrap();
        assert!(s.is_terminated());
        assert_eq!(s.reason().as_deref(), Some("noresource"));
        assert_eq!(s.retry_after(), Some(30));
        assert_eq!(s.expires(), None);
        assert_eq!(SubscriptionState::parse("active;expires=99999999999").unwrap().expires(), Some(u32::MAX));
    }
}
