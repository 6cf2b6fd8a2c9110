"""What tests of transfers share: three phones, a call between two of them, and events as lines to compare."""

from cordboard.model import events as ev


def lines(centre, dn=None):
    """Events of calls, one line each, as in the tables of T-Library: name, ConnID (numbered), state and parties."""
    found = []
    seen = {event.conn_id for event in centre.desktop.events if isinstance(event, ev.CallEvent)}
    seen |= {event.previous_conn_id for event in centre.desktop.events if getattr(event, "previous_conn_id", None)}
    numbers = {conn_id: number for number, conn_id in enumerate(sorted(seen), 1)}
    for event in centre.desktop.events:
        if dn is not None and event.this_dn != dn:
            continue
        text = type(event).__name__.removeprefix("Event")
        if isinstance(event, ev.CallEvent):
            text += f" {numbers[event.conn_id]}"
            if event.previous_conn_id:
                text += f" previous {numbers[event.previous_conn_id]}"
            if event.call_state:
                text += f" {event.call_state.name}"
            text += f" {event.call_type.name}"
            text += f" {event.this_dn_role.name} other {event.other_dn}"
            if event.third_party_dn:
                text += f" third {event.third_party_dn} {event.third_party_dn_role.name}"
        found.append(text)
    return found


def up(centre, caller="1501", callee="1502"):
    """Two phones talking: the calls as both see them."""
    call = centre.phones[caller].call(callee)
    centre.run(3)
    assert call.talking
    return call, centre.phones[callee].calls[-1]


def held_up(centre, caller="1501"):
    """The same with 1502, who holds; the events start here."""
    call, mine = up(centre, caller)
    centre.desktop.events.clear()
    mine.hold()
    centre.run(1)
    return call, mine


def talk_to_each_other(one, other):
    """Whether the voice of each goes where the other is, both ways."""
    for near, far in ((one, other), (other, one)):
        host = far.phone.node.address[0].encode()
        assert near.hears.startswith(host), (near.phone, near.hears)
        assert near.hears.endswith(b"sendrecv"), (near.phone, near.hears)
