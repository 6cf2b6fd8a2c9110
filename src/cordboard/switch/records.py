"""The record of a call: what is kept when it has ended."""

from __future__ import annotations

from typing import Final

import msgspec


class Outcome:
    """How a call ended."""

    ANSWERED: Final = "answered"
    BUSY: Final = "busy"
    NO_ANSWER: Final = "no-answer"
    REJECTED: Final = "rejected"
    CANCELLED: Final = "cancelled"
    UNKNOWN_NUMBER: Final = "unknown-number"
    UNREACHABLE: Final = "unreachable"
    FAILED: Final = "failed"
    TRANSFERRED: Final = "transferred"
    """A consultation that became part of the call it was about, which lives on under its own ConnID."""
    CONFERENCED: Final = "conferenced"
    """The same, of a conference."""
    ALL: Final = (
        "answered",
        "busy",
        "no-answer",
        "rejected",
        "cancelled",
        "unknown-number",
        "unreachable",
        "failed",
        "transferred",
        "conferenced",
    )


class ReleasedBy:
    """Who ended a call."""

    CALLER: Final = "caller"
    CALLEE: Final = "callee"
    SERVER: Final = "server"
    """The no-answer timeout, a phone found dead, a shutdown."""


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call. Times are Unix time in seconds; None for what did not happen."""

    conn_id: str
    """T-Library's name of the call."""
    call_uuid: str
    """The call, unique in the world."""
    call_type: int
    """A :class:`cordboard.model.enums.CallType`."""
    caller: str
    """Number of the caller."""
    callee: str
    """Number that was dialled."""
    requested: bool
    """Whether a desktop asked for it (MakeCall) and not a phone."""
    caller_call_id: str
    """SIP Call-ID of the caller's leg; empty when it never answered anything."""
    callee_call_id: str
    """SIP Call-ID of the leg that answered or failed; empty when there was none."""
    created_at: float
    """When the call began."""
    ringing_at: float | None
    """When the callee began to ring."""
    answered_at: float | None
    """When the callee answered."""
    ended_at: float
    """When the call ended."""
    outcome: str
    """One of :class:`Outcome`."""
    status: int
    """The SIP status it ended with: 200 for an answered call, else what the caller was told."""
    released_by: str
    """One of :class:`ReleasedBy`."""
    reason: str
    """Why, for people: ``BYE``, ``CANCEL``, ``no ACK``, ``far end gone`` ..."""
