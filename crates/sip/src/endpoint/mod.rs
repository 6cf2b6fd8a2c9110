//! The endpoint: transactions, dialogs, digest and the registrar behind one door.

mod event;

pub use event::{
    BindingChange, Body, Command, Destination, DialogId, Event, Failure, HeaderLine, Location, TransactionId,
};
