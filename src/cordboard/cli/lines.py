"""T-Library events and call records as lines people read."""

import time
from typing import Any, Final

import msgspec
from rich.markup import escape
from rich.text import Text

from cordboard.model.enums import CallState, CallType, DNRole, PrivateMessage
from cordboard.model.events import (
    CallEvent,
    DNEvent,
    Event,
    EventDTMFSent,
    EventError,
    EventForwardCancel,
    EventForwardSet,
    EventPartyInfo,
    EventPrivateInfo,
    EventTreatmentApplied,
    EventTreatmentEnd,
    EventTreatmentNotApplied,
)
from cordboard.ops.terminals import visible
from cordboard.tlib import LinkEvent, SnapshotTaken, UnknownEvent

_STYLES: Final = {
    "EventDialing": "cyan",
    "EventRinging": "yellow",
    "EventEstablished": "bold green",
    "EventHeld": "magenta",
    "EventRetrieved": "green",
    "EventReleased": "blue",
    "EventAbandoned": "red",
    "EventDestinationBusy": "red",
    "EventQueued": "yellow",
    "EventRouteUsed": "green",
    "EventTreatmentNotApplied": "red",
    "EventError": "bold red",
    "EventDNOutOfService": "red",
    "EventDNBackInService": "green",
}


def event_line(event: LinkEvent) -> Text:
    """One line: time, event, DN, what it is to the call, the other party, ConnID, and what is out of the ordinary."""
    if isinstance(event, SnapshotTaken):
        what = f"snapshot ({event.reason.value}): {len(event.dns)} DNs, {len(event.calls)} parties"
        return Text(f"{_clock(time.time())} -- {what} --", style="bold magenta")
    if isinstance(event, UnknownEvent):
        name = str(event.attributes.get("Event", "?"))
        return Text(
            f"{_clock(time.time())} {name:<26} {event.attributes.get('ThisDN', '')} (unknown here)", style="dim"
        )
    return _model_line(event)


def _model_line(event: Event) -> Text:
    name = type(event).__name__
    line = Text()
    at = event.time.sec + event.time.usec / 1e6
    line.append(_clock(at or time.time()), style="dim")
    line.append(f" {name:<26}", style=_STYLES.get(name, "white"))
    if isinstance(event, EventError):
        line.append(f" {event.this_dn or '':<6} {event.error_message} ({event.error_code})", style="red")
    elif isinstance(event, DNEvent):
        line.append(f" {event.this_dn:<6}", style="bold")
        if isinstance(event, CallEvent):
            _append_call(line, event)
        elif isinstance(event, EventForwardSet | EventForwardCancel):
            to = f" to {event.other_dn}" if isinstance(event, EventForwardSet) else ""
            line.append(f"{to} {event.forward_mode.name.lower().replace('_', ' ')}", style="yellow")
        elif event.extensions:
            line.append(" " + " ".join(f"{key}={value}" for key, value in event.extensions.items()), style="dim")
    if event.reference_id:
        line.append(f" ref={event.reference_id}", style="dim")
    return line


def _append_call(line: Text, event: CallEvent) -> None:
    arrow = {DNRole.ORIGINATION: "->", DNRole.DESTINATION: "<-"}.get(event.this_dn_role, "--")
    line.append(f" {arrow} ", style="dim")
    line.append(f"{event.other_dn or '':<6}", style="bold")
    line.append(f" {event.conn_id}", style="cyan")
    if event.call_type is not CallType.UNKNOWN:
        line.append(f" {event.call_type.name.lower()}", style="dim")
    if event.call_state is not CallState.OK:
        line.append(f" {event.call_state.name.lower().replace('_', ' ')}", style="yellow")
    if isinstance(event, EventPartyInfo):
        line.append(f" {event.party_state}", style="green")
    if isinstance(event, EventTreatmentApplied | EventTreatmentEnd | EventTreatmentNotApplied):
        line.append(f" {event.treatment_type.name.lower().replace('_', ' ')}", style="yellow")
    if isinstance(event, EventDTMFSent):
        line.append(f" digits {event.dtmf_digits}", style="bold")
    if isinstance(event, EventPrivateInfo):
        known = {int(one): one.name.lower().replace("_", " ") for one in PrivateMessage}
        why = f" ({event.reasons['reason']})" if event.reasons and "reason" in event.reasons else ""
        line.append(f" {known.get(event.private_msg_id, event.private_msg_id)}{why}", style="yellow")
    if isinstance(event, EventTreatmentNotApplied):
        line.append(f" {event.error_message} ({event.error_code})", style="red")
    if isinstance(event, EventTreatmentEnd) and event.collected_digits:
        line.append(f" digits {event.collected_digits}", style="bold")
    if event.third_party_dn:
        line.append(f" by {event.third_party_dn}", style="dim")
    if event.user_data:
        line.append(f" {event.user_data}", style="dim")


def event_json(event: LinkEvent) -> str:
    """One line of JSON with T-Library's names."""
    if isinstance(event, SnapshotTaken):
        value: Any = {"Snapshot": event.reason, "dns": event.dns, "calls": event.calls}
    else:
        value = event.attributes if isinstance(event, UnknownEvent) else event
    return msgspec.json.encode(value).decode()


def shown(text: str) -> str:
    """What somebody else wrote, as it is: nothing in it is taken for markup."""
    return escape(visible(text))


def duration(seconds: float) -> str:
    """Seconds as ``1:05`` or ``1:02:05``."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def moment(at: float) -> str:
    """Unix time as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"


def outcome_style(outcome: str) -> str:
    """The colour of an outcome."""
    styles = {"answered": "green", "busy": "yellow", "no-answer": "yellow", "cancelled": "blue"}
    return styles.get(outcome, "red")
