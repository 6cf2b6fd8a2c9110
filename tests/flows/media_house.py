"""What tests of media services share: who is joined to whom, as descriptions say it."""

from transfer_house import lines, talk_to_each_other, up

__all__ = ["ask", "at_service", "errors", "hears_nothing", "lines", "talk_to_each_other", "up"]


def ask(centre, request, reference_id=1, link="desktop"):
    """Makes a request and lets its flow settle; what is answered at once is appended to the events."""
    for event in centre.switch.request(link, request, reference_id):
        centre.desktop.emit(event, link)
    centre.run(1)


def errors(centre):
    """Code of each EventError so far."""
    return [event.error_code for event in centre.desktop.events if type(event).__name__ == "EventError"]


def at_service(call, dialog):
    """Both send to each other, both ways."""
    assert not dialog.over
    assert call.hears == dialog.place + b" sendrecv", (call.hears, dialog.place)
    assert dialog.hears.startswith(call.phone.node.address[0].encode()), dialog.hears
    assert dialog.hears.endswith(b"sendrecv")


def hears_nothing(call):
    """The phone was told to send nowhere."""
    assert call.hears.startswith(b"0.0.0.0:") or call.hears.endswith(b"inactive"), call.hears
