"""A trace knows the Call-IDs of all legs of a call, and to whom a leg goes over."""

import pytest
from transfer_house import held_up, talk_to_each_other

from cordboard import _core
from cordboard.config.options import ApplicationOptions
from cordboard.runtime.tracing import Tracing
from cordboard.testkit.phone import Manners


class Core:
    """What a trace asks of the live core besides."""

    def listening(self):
        return [("udp", "10.0.0.1", 5060)]

    def keep_messages(self, limit):
        """Keeps none: the network does."""

    def collect(self, address, **how):
        """Knows no collector."""


@pytest.fixture
def centre(make_centre):
    return make_centre(("1501", "1502", "1503"), hang_up=True)


@pytest.fixture
def book(centre):
    """The book of the centre's calls."""
    tracing = Tracing(centre.desktop)
    tracing.start(Core(), centre.switch, ApplicationOptions())
    centre.switch.reporter.sink = tracing.book
    return tracing.book


def legs(centre, number):
    """The Call-IDs of a phone's calls, as they were on the wire."""
    address = centre.phones[number].node.address
    mine = [packet.data for packet in centre.network.packets if address in {packet.source, packet.target}]
    return list(
        dict.fromkeys(message.call_id for message in map(_core.Message.parse, mine) if message.method == "INVITE")
    )


def test_legs_that_were_answered_and_others(centre, book):
    centre.phones["1503"].refused["INVITE"] = 486
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    centre.phones["1501"].call("1503")
    centre.run(5)
    (first, second) = legs(centre, "1501")
    (answered,) = legs(centre, "1502")
    (refused,) = legs(centre, "1503")
    assert [book.call_ids([conn_id]) for conn_id, _, _ in book.known()] == [[first, answered], [second, refused]]
    assert book.find(call_id=refused) == book.find(dn="1503")


def test_a_leg_that_rings_while_its_call_is_transferred_is_one_of_both(centre, book):
    centre.phones["1503"].manners = Manners(answer=4.0)
    a, b = held_up(centre)
    second = centre.phones["1502"].call("1503")
    centre.run(2)
    b.refer("1503", second)
    centre.run(8)
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
    main, consultation = (conn_id for conn_id, _, _ in book.known())
    (ringing,) = legs(centre, "1503")
    assert ringing in book.call_ids([main])
    assert ringing in book.call_ids([consultation])


def test_a_leg_goes_back_with_the_consultation_it_was_made_for(centre, book):
    centre.phones["1503"].manners = Manners(answer=4.0)
    a, b = held_up(centre)
    a.phone.refused["INVITE"] = 488
    second = centre.phones["1502"].call("1503")
    centre.run(2)
    b.refer("1503", second)
    centre.run(8)
    assert b.progress[-1] == "488 Not Acceptable Here"
    (ringing,) = legs(centre, "1503")
    main, consultation = (conn_id for conn_id, _, _ in book.known())
    assert book.legs[ringing] == consultation
    assert ringing in book.call_ids([main])


def test_a_collector_hears_of_a_leg_that_goes_over_when_it_answers(centre, book):
    centre.phones["1503"].manners = Manners(answer=4.0)
    a, b = held_up(centre)
    second = centre.phones["1502"].call("1503")
    centre.run(2)
    heard = []
    book.named = lambda call_id, conn_id: heard.append((call_id, conn_id, len(a.events)))
    b.refer("1503", second)
    before = len(a.events)
    centre.run(8)
    (ringing,) = legs(centre, "1503")
    (survivor,) = legs(centre, "1501")
    # With the answer, that is, and not only once both have been joined.
    assert heard == [(ringing, book.legs[survivor], before)]
    assert len(a.events) > before
