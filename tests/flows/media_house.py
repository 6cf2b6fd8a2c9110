"""What tests of media services share: who is joined to whom, as descriptions say it."""

from transfer_house import lines, talk_to_each_other, up

from cordboard.mediaserver.server import MediaServer
from cordboard.mediaserver.settings import MediaServerSettings
from cordboard.model.enums import AddressType
from cordboard.switch.settings import DnSettings
from cordboard.testkit.media import SilentMedia

__all__ = ["OurMediaServer", "ask", "at_service", "errors", "hears_nothing", "lines", "talk_to_each_other", "up"]


class OurMediaServer:
    """The Media Server itself, all of it but the sound, and the Voice over IP Service that is it."""

    def __init__(self, centre, number="ours", host="10.0.2.9", *, recordings=None, **settings):
        self.media = SilentMedia(centre.clock)
        self.node = centre.network.node(number, host)
        self.server = MediaServer(
            MediaServerSettings(domain=host, peers=("10.0.0.1",), recordings=recordings),
            endpoint=self.node.endpoint,
            clock=centre.clock,
            media=self.media,
        )
        self.node.drain = self.server.drain_events
        values = {"service": "msml", "sip_invite_timeout": 2.0, "max_calls": 0, **settings}
        centre.switch.configure(
            DnSettings(number=number, address_type=AddressType.UNKNOWN, contact=f"sip:{host}:5060", **values)
        )

    @property
    def leg(self):
        """Its one leg."""
        (leg,) = self.server.legs
        return leg

    @property
    def playing(self):
        """What its one leg hears, by name."""
        return [
            getattr(source, "name", None) or getattr(source, "path", None) or source
            for player in self.leg.media.players
            for source in player.playing.sources
        ]

    def press(self, digits):
        """The party at its one leg presses keys."""
        self.leg.media.press(digits)

    @property
    def idle(self):
        """Whether nothing is left of it."""
        return not self.server.legs and not self.media.legs and not self.server.dispatcher.dialogs


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
