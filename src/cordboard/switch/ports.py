"""What the switch needs of the world beside SIP and T-Library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cordboard.model.call import Call
    from cordboard.model.forwarding import Features
    from cordboard.switch.records import CallRecord


class RecordSink(Protocol):
    """Where call records go. Must return at once."""

    def write(self, record: CallRecord) -> None:
        """Takes the record of a call that has ended."""


class Book(Protocol):
    """Who keeps the history of calls for later. Must return at once."""

    def begin(self, call: Call) -> None:
        """A call begins: gives it a history, if any is to be kept of it."""

    def leg(self, call: Call, call_id: str) -> None:
        """A call has a leg of that Call-ID, new or from another call."""

    def end(self, call: Call) -> None:
        """A call has ended."""


class Meters(Protocol):
    """What is counted. Must return at once."""

    def call_started(self) -> None:
        """A call began; there is one more active."""

    def call_ended(self, outcome: str, seconds: float) -> None:
        """A call ended with one of :class:`cordboard.switch.records.Outcome`, after so many seconds of talking."""

    def call_refused(self, status: int) -> None:
        """A call was refused before it became one."""

    def message_passed(self, status: int) -> None:
        """A text message was answered with that status."""


class FeatureStore(Protocol):
    """Where the features of DNs are kept over a restart. Must return at once."""

    def keep(self, number: str, features: Features) -> None:
        """Takes what is in force for a DN now."""


class NoFeatureStore:
    """A FeatureStore that keeps nothing."""

    __slots__ = ()

    def keep(self, number: str, features: Features) -> None:
        """Lets the features go."""


class NoRecords:
    """A RecordSink that keeps nothing."""

    __slots__ = ()

    def write(self, record: CallRecord) -> None:
        """Lets the record go."""


class NoBook:
    """A Book in which no call is."""

    __slots__ = ()

    def begin(self, call: Call) -> None:
        """Nothing."""

    def leg(self, call: Call, call_id: str) -> None:
        """Nothing."""

    def end(self, call: Call) -> None:
        """Nothing."""


class NoMeters:
    """Meters that count nothing."""

    __slots__ = ()

    def call_started(self) -> None:
        """Nothing."""

    def call_ended(self, outcome: str, seconds: float) -> None:
        """Nothing."""

    def call_refused(self, status: int) -> None:
        """Nothing."""

    def message_passed(self, status: int) -> None:
        """Nothing."""
