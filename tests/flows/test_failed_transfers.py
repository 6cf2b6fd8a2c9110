"""Whatever goes wrong with a transfer, of any kind, the transferor has the call he had.

One table: each kind of transfer with each failure it can meet. A called B; B transfers A to C. Afterwards A and B talk
to each other, A has been told nothing, and B's desktop only of his consultation. When it is A who leaves, B keeps what
else he has; when it is B, the transfer goes on.
"""

from itertools import product

import pytest
from media_house import ask
from transfer_house import talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners

RINGS = Manners(ring=0.1, answer=None)


class House:
    """A talks to B, C is to be given to A."""

    def __init__(self):
        self.centre = centre = Centre(("1501", "1502", "1503", "1504"))
        for number in ("1501", "1502", "1503"):
            centre.configure(number, no_answer_timeout=8.0, session_audit_interval=10.0)
        self.a, self.b = up(centre)
        (self.main,) = centre.switch.calls
        self.second = None
        """B's leg of his consultation."""
        self.consult = ""
        self.will_not_be_joined = None
        """What A answers when he is to talk to C; 0 for nothing."""
        self.soon = 0.0015
        """When somebody leaves: all that was asked for is still under way."""
        centre.desktop.events.clear()

    @property
    def c(self):
        return self.centre.phones["1503"].calls[-1]

    @property
    def target(self):
        return self.centre.phones["1503"]

    def ask(self, kind, **more):
        ask(self.centre, kind(this_dn="1502", conn_id=self.main, **more))

    def phone_consults(self, seconds):
        self.b.hold()
        self.centre.run(1)
        self.second = self.centre.phones["1502"].call("1503")
        self.centre.run(seconds)

    def desktop_consults(self, kind, seconds):
        self.ask(kind, other_dn="1503")
        self.centre.run(seconds)
        self.second = self.centre.phones["1502"].calls[-1]
        self.consult = next((one for one in self.centre.switch.calls if one != self.main), "")


class Unknown:
    """A call nobody knows."""

    def replaces(self):
        return "nobody;to-tag=x;from-tag=y"


# Each kind prepares, and then is asked for.


def unattended(house, other=None):
    house.b.hold()
    house.centre.run(1)
    return lambda: house.b.refer("1503", other)


def semi_attended(house, other=None):
    house.phone_consults(1)
    return lambda: house.b.refer("1503", other or house.second)


def attended(house, other=None):
    house.phone_consults(3)
    return lambda: house.b.refer("1503", other or house.second)


def single_step(house, other=None):
    house.main = "nobody" if other else house.main
    return lambda: house.ask(rq.SingleStepTransfer, other_dn="1503")


def two_step(house, other=None):
    house.desktop_consults(rq.InitiateTransfer, 4)
    consult = "nobody" if other else house.consult
    return lambda: house.ask(rq.CompleteTransfer, transfer_conn_id=consult)


def replaced(house, other=None):
    """C takes B's place by himself, sent by B."""
    named = (other or house.b).replaces()
    headers = [("Replaces", named), ("Referred-By", "<sip:1502@centre.example>")]
    return lambda: house.centre.phones["1503"].call("1501", headers=headers)


KINDS = [unattended, semi_attended, attended, single_step, two_step, replaced]
RINGING = [unattended, semi_attended, single_step]
"""Those that call C; the others find him in a call, and only A has to be asked to talk to him."""
JOINED_AT = 1.0075
"""When C, called by one of those, has answered, and A is being asked to talk to him."""


# Each failure: what is so before, and what happens a moment after the transfer was asked for.


def refuses(status):
    def prepare(house, kind):
        if kind in RINGING:
            # A desktop's single step has B leave as soon as C rings.
            house.target.manners = Manners(ring=None if kind is single_step else 0.1, reject=(2.5, status))
        else:
            house.will_not_be_joined = status

    return prepare, None


def timeout(house, kind):
    if kind is single_step:
        house.centre.network.filter = lambda packet: packet.source != house.target.node.address
    elif kind in RINGING:
        house.target.manners = RINGS
    else:
        house.will_not_be_joined = 0


def target_hangs_up(house, kind):
    if kind in RINGING:
        house.target.manners = Manners(ring=None if kind is single_step else 0.1, reject=(2.0, 603))


def target_leaves(house, kind):
    if kind is replaced:
        # Who calls in B's place can give up only when he has been told something (RFC 3261 9.1); A answers after that.
        house.a.phone.hesitates = 0.3
    if kind not in RINGING:
        house.centre.clock.call_later(house.soon, lambda: house.target.calls[-1].hang_up())


def leaves(who):
    def strike(house, kind):  # noqa: ARG001
        house.centre.clock.call_later(house.soon, getattr(house, who).hang_up)

    return None, strike


def rings_on(house, kind):
    if kind is semi_attended:
        house.target.manners = RINGS


def transport_gone(house, kind):  # noqa: ARG001
    """C's plug is pulled, and what is on its way there comes back as an ICMP error."""
    centre, node = house.centre, house.target.node
    centre.clock.call_later(house.soon, lambda: centre.network.remove(node))
    centre.clock.call_later(
        0.0045, lambda: centre.node.endpoint.transport_failed("udp", node.address, centre.clock.now())
    )


def answers(house, kind):
    """C answers; of a desktop's single step, without having rung."""
    if kind is single_step:
        house.target.manners = Manners(ring=None)
    elif kind is semi_attended:
        # His phone has rung a second when the transfer is asked for.
        house.target.manners = Manners(answer=2.0)


def not_joined(status):
    def prepare(house, kind):
        answers(house, kind)
        house.will_not_be_joined = status

    return prepare, None


def leaves_while_joined(who):
    def strike(house, kind):  # noqa: ARG001
        house.a.phone.hesitates = 1.0
        find = {"a": lambda: house.a, "b": lambda: house.b, "c": lambda: house.c}[who]
        house.centre.clock.call_later(JOINED_AT + 0.5, lambda: find().hang_up())

    return answers, strike


ANSWERED = {
    "A refuses": not_joined(488),
    "A does not answer": not_joined(0),
    "transferor hangs up while joined": leaves_while_joined("b"),
    "transferee hangs up while joined": leaves_while_joined("a"),
}
"""What can go wrong when C has answered, who was called for it: until A talks to him, B is there."""

WITH_ITS_ACK = {"target hangs up while joined": leaves_while_joined("c")}
"""C, called with an offer, has its ACK at once; without one, it has to wait for A's answer."""

FAILURES = {
    "404": refuses(404),
    "486": refuses(486),
    "603": refuses(603),
    "timeout": (timeout, None),
    "no such dialog": (None, None),
    "target hangs up": (target_hangs_up, target_leaves),
    "transferor hangs up": leaves("b"),
    "transferee hangs up": leaves("a"),
    "transport gone": (rings_on, transport_gone),
}


CASES = [*product(KINDS, FAILURES), *product(RINGING, ANSWERED), (semi_attended, "target hangs up while joined")]


@pytest.mark.parametrize(("kind", "failure"), CASES, ids=lambda it: getattr(it, "__name__", it))
def test_table(kind, failure):
    house = House()
    centre = house.centre
    before, strike = (FAILURES | ANSWERED | WITH_ITS_ACK)[failure]
    if before is not None:
        before(house, kind)
    go = kind(house, Unknown() if failure == "no such dialog" else None)
    if strike is not None:
        strike(house, kind)
    if house.will_not_be_joined == 0:
        house.a.phone.deaf_to.add("INVITE")
    elif house.will_not_be_joined:
        house.a.phone.refused["INVITE"] = house.will_not_be_joined
    go()
    centre.run(45)
    if failure.startswith("transferee hangs up"):
        a_is_gone(house)
    elif failure.startswith("transferor hangs up"):
        b_is_gone(house, kind)
    else:
        b_has_his_call(house, kind)
    finish(house)


def b_has_his_call(house, kind):
    centre, a, b = house.centre, house.a, house.b
    assert not a.over, a.events
    assert not b.over, (b.events, b.progress)
    a.phone.refused.clear()
    a.phone.deaf_to.clear()
    if b.progress:
        assert int(b.progress[-1][:3]) >= 400, b.progress
    for call in (house.second, *house.target.calls):
        if call is not None:
            call.hang_up()
    centre.run(2)
    if kind is two_step:
        ask(centre, rq.RetrieveCall(this_dn="1502", conn_id=next(iter(centre.switch.calls))))
    else:
        b.retrieve()
    centre.run(5)
    talk_to_each_other(a, b)
    assert centre.desktop.told("1501") == []
    names = centre.desktop.told("1502")
    assert not [name for name in names if "TRANSFERRED" in name or name.startswith("PartyChanged")], names
    assert len(centre.switch.extensions["1502"].dn.parties) == 1


def a_is_gone(house):
    assert house.a.over
    assert house.b.over
    if house.second is not None and not house.second.over and house.second.talking:
        talk_to_each_other(house.second, house.c)


def b_is_gone(house, kind):
    assert house.b.over
    if kind is replaced:
        assert house.a.over or house.a.talking
    else:
        assert house.second is None or house.second.over
        talk_to_each_other(house.a, house.c)


def finish(house):
    centre = house.centre
    centre.hang_up()
    centre.run(100)
    if house.target.node.address not in centre.network._nodes:
        # Its plug was pulled: what it still believes is nobody's business.
        for call in house.target.calls:
            call.end("unplugged")
        house.target.dispatcher.dialogs.clear()
        house.target.dispatcher.transactions.clear()
    assert centre.leftovers() == []
