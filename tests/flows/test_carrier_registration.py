"""Registered with a carrier, which is a second switch: REGISTER and INVITE answered with digest, refresh, back-off."""

import pytest

from cordboard import _core
from cordboard.model.connid import CallIds
from cordboard.model.enums import AddressType
from cordboard.switch.server import SipServer
from cordboard.switch.settings import DnSettings, ServerSettings
from cordboard.switch.trunks.registration import State
from cordboard.testkit.centre import EPOCH, Centre, Desktop
from cordboard.testkit.phone import Phone

PASSWORD = "secret"


class Carrier:
    """A switch elsewhere, with a subscriber, and our centre as an extension that must authenticate."""

    def __init__(self, centre, password=PASSWORD):
        network = centre.network
        self.node = network.node("carrier", "10.0.2.1", realm="carrier.example")
        self.desktop = Desktop()
        self.switch = SipServer(
            ServerSettings(domain="carrier.example"),
            endpoint=self.node.endpoint,
            clock=centre.clock,
            ids=CallIds(started=EPOCH, seed=b"carrier123"),
            wall=lambda: EPOCH + centre.clock.now(),
            random=network.random.random,
            events=self.desktop,
            records=self.desktop,
        )
        self.node.drain = self.switch.drain_events
        ha1 = _core.digest_ha1("acme", "carrier.example", password, "MD5")
        self.switch.configure(
            DnSettings(number="acme", ha1=(("MD5", ha1),), authenticate=("REGISTER", "INVITE"), name="Acme")
        )
        self.phone = Phone(network, "4930", "10.0.2.9", self.node.address)
        self.switch.configure(DnSettings(number="4930", contact=self.phone.contact))

    @property
    def contacts(self):
        return [location.uri for location in self.switch.extensions["acme"].dn.locations]


@pytest.fixture
def centre():
    made = Centre(["1501", "1502"])
    yield made
    made.switch.unconfigure("carrier")
    made.run(100)
    assert made.leftovers() == []


def connect(centre, password=PASSWORD, **more):
    settings = {
        "address_type": AddressType.TRUNK,
        "contact": "sip:10.0.2.1:5060",
        "peers": ("10.0.2.1",),
        "prefix": "9",
        "replace_prefix": "",
        "account": "acme",
        "account_password": password,
        "registers_with": True,
        "register_expires": 100.0,
    } | more
    centre.switch.configure(DnSettings(number="carrier", **settings))


def registers(centre, since=0.0):
    return [
        packet.sent
        for packet in centre.network.packets
        if packet.data.startswith(b"REGISTER ") and packet.source == centre.node.address and packet.sent >= since
    ]


def test_registered_called_and_calling_with_digest(centre):
    carrier = Carrier(centre)
    connect(centre)
    centre.run(2)
    assert centre.switch.registrations["carrier"].state is State.REGISTERED
    assert carrier.contacts == ["sip:acme@10.0.0.1:5060"]
    outward = centre.phones["1501"].call("94930", hang_up_after=2)
    centre.run(10)
    assert outward.events == ["180", "answered", "bye sent"]
    assert carrier.phone.calls[0].invite.address("From")[1] == "sip:acme@carrier.example"
    (record,) = carrier.desktop.records
    assert (record.caller, record.callee, record.outcome) == ("acme", "4930", "answered")


def test_refreshed_in_time_and_taken_back_at_the_end(centre):
    carrier = Carrier(centre)
    connect(centre)
    centre.run(2)
    first = len(registers(centre))
    centre.run(85)
    assert len(registers(centre)) > first
    assert carrier.contacts == ["sip:acme@10.0.0.1:5060"]
    centre.switch.unconfigure("carrier")
    centre.run(5)
    assert carrier.contacts == []


def test_a_wrong_password_is_tried_again_with_patience(centre):
    Carrier(centre)
    connect(centre, password="wrong")
    centre.run(2)
    registration = centre.switch.registrations["carrier"]
    assert registration.state is State.WAITING
    assert registration.status == 403
    assert centre.desktop.told("carrier") == ["DNOutOfService"]
    centre.run(300)
    assert 4 <= registration.failures <= 8
    call = centre.phones["1501"].call("94930")
    centre.run(2)
    assert call.events == ["480"]


def test_a_right_password_given_later_registers_at_once(centre):
    carrier = Carrier(centre)
    connect(centre, password="wrong")
    centre.run(2)
    connect(centre)
    centre.run(2)
    assert carrier.contacts == ["sip:acme@10.0.0.1:5060"]
    assert centre.switch.registrations["carrier"].state is State.REGISTERED
    assert centre.switch.extensions["carrier"].dn.in_service


def test_a_silent_carrier_is_waited_for_and_comes_back(centre):
    carrier = Carrier(centre)
    centre.network.remove(carrier.node)
    connect(centre)
    centre.run(60)
    assert centre.switch.registrations["carrier"].status == 408
    assert centre.desktop.told("carrier") == ["DNOutOfService"]
    centre.network._nodes[carrier.node.address] = carrier.node
    centre.run(120)
    assert centre.switch.registrations["carrier"].failures == 0
    assert centre.desktop.told("carrier") == ["DNOutOfService", "DNBackInService"]


def test_an_account_without_registration_answers_challenges_all_the_same(centre):
    carrier = Carrier(centre)
    connect(centre, registers_with=False)
    # Without registration the carrier knows us by the account alone.
    call = centre.phones["1501"].call("94930", hang_up_after=1)
    centre.run(10)
    assert call.events == ["180", "answered", "bye sent"]
    assert carrier.contacts == []


def test_the_server_takes_its_registration_back_when_it_stops(centre):
    carrier = Carrier(centre)
    connect(centre)
    centre.run(2)
    centre.switch.shut_down()
    centre.run(5)
    assert carrier.contacts == []


def said(centre):
    """The REGISTERs and the final responses to them that passed: account, expiry or status."""
    found = []
    for packet in centre.network.packets:
        message = _core.Message.parse(packet.data)
        if message.is_request and message.method == "REGISTER" and packet.source == centre.node.address:
            found.append((message.address("From")[1].partition("@")[0], message.header("Expires")))
        elif not message.is_request and "REGISTER" in message.header("CSeq"):
            found.append((message.address("To")[1].partition("@")[0], message.status))
    return [one for one in found if one[1] not in (100, 401)]


@pytest.mark.parametrize("change", [{"register_expires": 60.0}, {"password": "other"}])
def test_another_password_or_time_is_no_other_registration(centre, change):
    Carrier(centre)
    connect(centre)
    centre.run(2)
    before, registration = len(said(centre)), centre.switch.registrations["carrier"]
    connect(centre, **change)
    centre.run(2)
    assert centre.switch.registrations["carrier"] is registration
    after = said(centre)[before:]
    assert {expires for _, expires in after if isinstance(expires, str)} == {
        "60" if "register_expires" in change else "100"
    }
    assert after[-1][1] == (200 if "register_expires" in change else 403)


def test_another_name_is_registered_once_the_old_one_is_taken_back(centre):
    carrier = Carrier(centre)
    ha1 = _core.digest_ha1("other", "carrier.example", PASSWORD, "MD5")
    carrier.switch.configure(DnSettings(number="other", ha1=(("MD5", ha1),), authenticate=("REGISTER",)))
    connect(centre)
    centre.run(2)
    before = len(said(centre))
    connect(centre, account="other")
    centre.run(2)
    after = list(dict.fromkeys(said(centre)[before:]))
    assert after == [("sip:acme", "0"), ("sip:acme", 200), ("sip:other", "100"), ("sip:other", 200)]
    assert centre.switch.registrations["carrier"].state is State.REGISTERED


def test_who_is_not_wanted_any_more_meanwhile_is_not_registered(centre):
    Carrier(centre)
    connect(centre)
    centre.run(2)
    connect(centre, account="other")
    connect(centre, account="third", registers_with=False)
    centre.run(40)
    assert not any(account in ("sip:other", "sip:third") for account, _ in said(centre))
    assert centre.switch.registrations == {}
