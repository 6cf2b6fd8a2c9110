//! Who has offered, who owes an answer, and which messages may say so (RFC 6337 section 2).
//!
//! ```text
//!              send offer              receive answer
//!   NONE ---------------> OFFERED -----------------------> AGREED
//!    | ^------ withdraw -----'                              |  ^
//!    |         receive offer             send answer        |  |  (the same once more, as
//!    '------------------> ASKED ----------------------------^  |   REOFFERED and REASKED)
//!      ^------ withdraw -----'
//! ```
//!
//! | # | offer in      | answer in               |
//! |---|---------------|-------------------------|
//! | 1 | INVITE        | 2xx to INVITE           |
//! | 2 | 2xx to INVITE | ACK                     |
//! | 3 | INVITE        | reliable 1xx to INVITE  |
//! | 4 | reliable 1xx  | PRACK                   |
//! | 5 | PRACK         | 2xx to PRACK            |
//! | 6 | UPDATE        | 2xx to UPDATE           |

/// Where the exchange of a dialog stands, seen from our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// No offer yet.
    #[default]
    None,
    /// Our first offer waits for its answer.
    Offered,
    /// The peer's first offer waits for our answer.
    Asked,
    /// Offer and answer have met, and no further offer is open.
    Agreed,
    /// A later offer of ours waits for its answer; until then what was agreed holds.
    Reoffered,
    /// A later offer of the peer's waits for our answer.
    Reasked,
}

/// Every state.
pub const STATES: [State; 6] =
    [State::None, State::Offered, State::Asked, State::Agreed, State::Reoffered, State::Reasked];

/// What moves the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// We offer.
    SendOffer,
    /// The peer offers.
    ReceiveOffer,
    /// We answer.
    SendAnswer,
    /// The peer answers.
    ReceiveAnswer,
    /// The request that carried the open offer failed: what was agreed before holds (RFC 3261 14.1).
    Withdraw,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 5] =
        [Self::SendOffer, Self::ReceiveOffer, Self::SendAnswer, Self::ReceiveAnswer, Self::Withdraw];
}

/// What must not happen, and how to refuse it where it came in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// Both sides have offered at once (RFC 3261 14.2, RFC 3311 5.2): 491.
    Glare,
    /// An offer while an earlier one of the same side is unanswered (RFC 3261 14.2, RFC 3311 5.2): 500 with
    /// Retry-After.
    Unanswered,
    /// An offer in a message that may not carry one now (RFC 6337 section 2.2): 488.
    OfferNotAllowed,
    /// A message that had to bring the answer did not.
    AnswerMissing,
    /// An answer without an offer, or in a message its offer does not allow.
    AnswerUnasked,
}

impl Violation {
    /// The status that refuses a request with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Glare => 491,
            Self::Unanswered => 500,
            Self::OfferNotAllowed => 488,
            Self::AnswerMissing | Self::AnswerUnasked => 400,
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Glare => "both sides have offered at once",
            Self::Unanswered => "an offer of the same side is still unanswered",
            Self::OfferNotAllowed => "this message may not carry an offer now",
            Self::AnswerMissing => "this message had to carry an answer",
            Self::AnswerUnasked => "an answer to no offer",
        })
    }
}

impl std::error::Error for Violation {}

/// The machine.
///
/// # Errors
/// What the act violates in that state.
pub fn next(state: State, act: Act) -> Result<State, Violation> {
    use Act as A;
    use State as S;
    match (state, act) {
        (S::None, A::SendOffer) => Ok(S::Offered),
        (S::None, A::ReceiveOffer) => Ok(S::Asked),
        (S::Offered, A::ReceiveAnswer) | (S::Asked, A::SendAnswer) => Ok(S::Agreed),
        (S::Offered | S::Asked, A::Withdraw) => Ok(S::None),
        (S::Agreed, A::SendOffer) => Ok(S::Reoffered),
        (S::Agreed, A::ReceiveOffer) => Ok(S::Reasked),
        (S::Reoffered, A::ReceiveAnswer) | (S::Reasked, A::SendAnswer) => Ok(S::Agreed),
        (S::Reoffered | S::Reasked, A::Withdraw) => Ok(S::Agreed),
        (S::None | S::Agreed, A::Withdraw) => Ok(state),

        (S::Offered | S::Reoffered, A::ReceiveOffer) | (S::Asked | S::Reasked, A::SendOffer) => Err(Violation::Glare),
        (S::Offered | S::Reoffered, A::SendOffer) | (S::Asked | S::Reasked, A::ReceiveOffer) => {
            Err(Violation::Unanswered)
        }
        (S::None | S::Agreed | S::Offered | S::Reoffered, A::SendAnswer)
        | (S::None | S::Agreed | S::Asked | S::Reasked, A::ReceiveAnswer) => Err(Violation::AnswerUnasked),
    }
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// We.
    Us,
    /// The peer.
    Peer,
}

/// A message that may carry a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// INVITE or re-INVITE.
    Invite,
    /// A provisional response to it that is not reliable.
    Provisional,
    /// A provisional response to it that PRACK acknowledges (RFC 3262).
    Reliable,
    /// 2xx to it.
    Success,
    /// ACK of the 2xx.
    Ack,
    /// PRACK.
    Prack,
    /// 2xx to PRACK.
    PrackSuccess,
    /// UPDATE (RFC 3311).
    Update,
    /// 2xx to UPDATE.
    UpdateSuccess,
}

impl Carrier {
    /// Every carrier.
    pub const ALL: [Self; 9] = [
        Self::Invite,
        Self::Provisional,
        Self::Reliable,
        Self::Success,
        Self::Ack,
        Self::Prack,
        Self::PrackSuccess,
        Self::Update,
        Self::UpdateSuccess,
    ];

    /// Whether an answer to an offer in `self` may come in `other` (the table of the module).
    #[must_use]
    pub fn is_answered_in(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Invite, Self::Reliable | Self::Success)
                | (Self::Reliable, Self::Prack)
                | (Self::Success, Self::Ack)
                | (Self::Prack, Self::PrackSuccess)
                | (Self::Update, Self::UpdateSuccess)
        )
    }

    /// Whether `other` is the last message that can answer an offer in `self`.
    fn must_be_answered_in(self, other: Self) -> bool {
        self.is_answered_in(other) && (self, other) != (Self::Invite, Self::Reliable)
    }
}

/// What the description of a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// There is none, and none was due.
    Nothing,
    /// An offer.
    Offer,
    /// The answer.
    Answer,
    /// In an unreliable 1xx: what the answer will be. Early media may follow it (RFC 6337 section 3.1.1).
    Preview,
    /// A repetition of an answer given already; to be ignored (RFC 3261 13.2.1).
    Repeated,
}

/// How far the offer and answer of the latest INVITE have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Invite {
    /// No INVITE is open.
    Closed,
    /// It came without an offer, so that a response to it has to offer.
    Empty,
    /// Its offer, or that of its response, waits for the answer.
    Open,
    /// It has been answered.
    Answered,
}

/// The exchange of one dialog.
///
/// Tell it every message that passes, in order, with or without a description. A message that
/// violates the rules changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    state: State,
    /// What carried the open offer.
    carrier: Option<Carrier>,
    invite: Invite,
    /// Which side sent the latest INVITE.
    caller: Party,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { state: State::None, carrier: None, invite: Invite::Closed, caller: Party::Us }
    }
}

impl Exchange {
    /// Before any offer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether an offer waits for its answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.carrier.is_some()
    }

    /// Takes a message that passes: who sent it, what it is, whether it has a description.
    ///
    /// # Errors
    /// If it breaks the rules; nothing is changed then.
    pub fn pass(&mut self, party: Party, carrier: Carrier, described: bool) -> Result<Meaning, Violation> {
        let mut after = *self;
        let meaning = if described { after.described(party, carrier)? } else { after.bare(party, carrier)? };
        after.note_invite(party, carrier, meaning);
        *self = after;
        Ok(meaning)
    }

    /// The request that carried the open offer, or that the response with it was for, failed: INVITE,
    /// PRACK or UPDATE. An offer of another request stays open.
    pub fn failed(&mut self, request: Carrier) {
        let of_invite = matches!(self.carrier, Some(Carrier::Invite | Carrier::Reliable | Carrier::Success));
        if self.carrier == Some(request) || (request == Carrier::Invite && of_invite) {
            self.carrier = None;
            self.state = next(self.state, Act::Withdraw).unwrap_or(self.state);
        }
        if request == Carrier::Invite {
            self.invite = Invite::Closed;
        }
    }

    fn described(&mut self, party: Party, carrier: Carrier) -> Result<Meaning, Violation> {
        let awaited = self.awaits(party);
        if awaited && self.carrier.is_some_and(|offer| offer.is_answered_in(carrier)) {
            return self.answered(party);
        }
        match carrier {
            Carrier::Provisional if awaited && self.carrier == Some(Carrier::Invite) => Ok(Meaning::Preview),
            // RFC 3261 13.2.1: what follows the first answer to an INVITE is ignored.
            Carrier::Provisional | Carrier::Reliable | Carrier::Success if self.invite == Invite::Answered => {
                Ok(Meaning::Repeated)
            }
            Carrier::Reliable | Carrier::Success if self.invite == Invite::Empty => self.offered(party, carrier),
            // RFC 3311 5.1 and RFC 3262 section 5: not before the first offer has been answered.
            Carrier::Prack | Carrier::Update if self.state == State::None => Err(Violation::OfferNotAllowed),
            Carrier::Invite | Carrier::Prack | Carrier::Update => self.offered(party, carrier),
            Carrier::Provisional | Carrier::Reliable | Carrier::Success => Err(Violation::OfferNotAllowed),
            Carrier::Ack | Carrier::PrackSuccess | Carrier::UpdateSuccess => Err(Violation::AnswerUnasked),
        }
    }

    fn bare(&mut self, party: Party, carrier: Carrier) -> Result<Meaning, Violation> {
        let due = self.awaits(party) && self.carrier.is_some_and(|offer| offer.must_be_answered_in(carrier));
        // RFC 3261 13.2.1: the 2xx to an INVITE without offer has to offer.
        if due || (carrier == Carrier::Success && self.invite == Invite::Empty && party != self.caller) {
            return Err(Violation::AnswerMissing);
        }
        // RFC 3261 14.2: an INVITE without offer asks for one, so it collides just the same.
        if carrier == Carrier::Invite && self.is_open() {
            let act = if party == Party::Us { Act::SendOffer } else { Act::ReceiveOffer };
            next(self.state, act)?;
        }
        Ok(Meaning::Nothing)
    }

    /// Whether the open offer waits for an answer of that side.
    fn awaits(&self, party: Party) -> bool {
        match party {
            Party::Us => matches!(self.state, State::Asked | State::Reasked),
            Party::Peer => matches!(self.state, State::Offered | State::Reoffered),
        }
    }

    fn offered(&mut self, party: Party, carrier: Carrier) -> Result<Meaning, Violation> {
        self.state = next(self.state, if party == Party::Us { Act::SendOffer } else { Act::ReceiveOffer })?;
        self.carrier = Some(carrier);
        Ok(Meaning::Offer)
    }

    fn answered(&mut self, party: Party) -> Result<Meaning, Violation> {
        self.state = next(self.state, if party == Party::Us { Act::SendAnswer } else { Act::ReceiveAnswer })?;
        let of_invite = matches!(self.carrier, Some(Carrier::Invite | Carrier::Reliable | Carrier::Success));
        if of_invite {
            self.invite = Invite::Answered;
        }
        self.carrier = None;
        Ok(Meaning::Answer)
    }

    fn note_invite(&mut self, party: Party, carrier: Carrier, meaning: Meaning) {
        match (carrier, meaning) {
            (Carrier::Invite, Meaning::Offer) => (self.invite, self.caller) = (Invite::Open, party),
            (Carrier::Invite, _) => (self.invite, self.caller) = (Invite::Empty, party),
            (Carrier::Reliable | Carrier::Success, Meaning::Offer) => self.invite = Invite::Open,
            (Carrier::Ack, _) => self.invite = Invite::Closed,
            _ => {}
        }
    }
}
