"""A trace knows the Call-IDs of all legs of a call, and to whom a leg goes over."""

import pytest
from media_house import ask
from transfer_house import held_up, talk_to_each_other, up

from cordboard import _core
from cordboard.config.options import ApplicationOptions
from cordboard.model import requests as rq
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
    centre.switch.book = tracing.book
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
    heard = []
    book.named = lambda call_id, conn_id: heard.append((call_id, conn_id))
    b.refer("1503", second)
    centre.run(8)
    assert b.progress[-1] == "488 Not Acceptable Here"
    (ringing,) = legs(centre, "1503")
    main, consultation = (conn_id for conn_id, _, _ in book.known())
    assert ringing in book.call_ids([main])
    # Of which call it is now, a collector hears.
    assert heard == [(ringing, main), (ringing, consultation)]


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
    (main,) = [conn_id for conn_id, _, _ in book.known() if survivor in book.call_ids([conn_id])]
    assert heard == [(ringing, main, before)]
    assert len(a.events) > before


def test_a_leg_that_never_answered(centre, book):
    centre.configure("1502", sip_invite_timeout=2.0)
    phone = centre.phones["1502"].node.address
    centre.network.filter = lambda packet: packet.source != phone
    centre.phones["1501"].call("1502")
    centre.run(40)
    (conn_id,) = book.find(dn="1501")
    (silent,) = legs(centre, "1502")
    assert book.call_ids([conn_id]) == [*legs(centre, "1501"), silent]


def test_the_leg_of_who_takes_a_place(centre, book):
    a, b = up(centre)
    headers = [("Replaces", b.replaces()), ("Referred-By", "<sip:1502@centre.example>")]
    c = centre.phones["1503"].call("1501", headers=headers)
    centre.run(3)
    talk_to_each_other(a, c)
    (conn_id,) = book.find(dn="1501")
    assert book.call_ids([conn_id]) == [leg for number in centre.phones for leg in legs(centre, number)]


def test_the_legs_of_a_consultation_that_becomes_part_of_a_conference(centre, book):
    centre.media_server()
    up(centre)
    (main,) = centre.switch.calls
    ask(centre, rq.InitiateConference(this_dn="1502", conn_id=main, other_dn="1503"), 5)
    centre.run(4)
    (consultation,) = [conn_id for conn_id in centre.switch.calls if conn_id != main]
    ask(centre, rq.CompleteConference(this_dn="1502", conn_id=main, conference_conn_id=consultation), 6)
    centre.run(3)
    (first,) = legs(centre, "1501")
    (given_up, kept) = legs(centre, "1502")
    (added,) = legs(centre, "1503")
    of_main, of_consultation = set(book.call_ids([main])), set(book.call_ids([consultation]))
    assert {first, given_up, kept, added} <= of_main
    assert {first, given_up, kept, added} & of_consultation == {kept, added}
    assert {first, given_up, kept, added, *legs(centre, "ms")} == of_main | of_consultation


def test_what_a_desktop_asks_is_part_of_the_call_it_makes(centre, book):
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(3)
    (conn_id,) = centre.switch.calls
    assert [step.name for step in book.steps([conn_id])][:3] == ["TMakeCall", "EventDialing", "EventRinging"]


def test_a_call_that_could_not_be_made_says_why(centre, book):
    centre.phones["1501"].manners = Manners(ring=None, answer=None, reject=(0.1, 486))
    ask(centre, rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.run(3)
    (conn_id,) = (conn_id for conn_id, _, _ in book.known())
    assert [step.name for step in book.steps([conn_id])] == ["TMakeCall", "EventError"]


def test_events_are_kept_although_nobody_listens(centre, book):
    centre.desktop.deaf = True
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert len(book.steps(book.find(dn="1502"))) == 6


def test_none_are_made_when_nothing_is_kept_either(centre):
    centre.desktop.deaf = True
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(5)
    assert centre.switch.reporter.emitted == 0


def test_a_leg_goes_over_with_a_transfer_to_somebody_who_has_answered(centre, book):
    a, b = held_up(centre)
    second = centre.phones["1502"].call("1503")
    centre.run(3)
    main, consultation = centre.switch.calls
    b.refer("1503", second)
    centre.run(3)
    talk_to_each_other(a, centre.phones["1503"].calls[-1])
    (_, consulting), (target,) = legs(centre, "1502"), legs(centre, "1503")
    assert book.call_ids([consultation]) == [consulting, target]
    assert target in book.call_ids([main])
    assert consulting not in book.call_ids([main])
