"""An INVITE with Replaces asks to take a call over; ringing somebody instead would be worse than to say no."""


def test_one_that_names_no_call_is_answered_481(centre):
    call = centre.phones["1501"].call("1502", headers=[("Replaces", "nothing;to-tag=a;from-tag=b")])
    centre.run(5)
    assert call.events == ["481"]
    assert centre.phones["1502"].calls == []
    assert centre.desktop.events == []


def test_one_that_names_a_call_is_refused_and_the_call_goes_on(centre):
    a, b = centre.phones["1501"], centre.phones["1502"]
    talk = a.call("1502")
    centre.run(3)
    answer = talk.answer
    to, from_ = answer.address("To"), answer.address("From")
    replaces = f"{answer.call_id};to-tag={to[2]['tag']};from-tag={from_[2]['tag']}"
    taken = b.call("1502", headers=[("Replaces", replaces)])
    centre.run(3)
    assert taken.events == ["403"]
    assert talk.talking
    talk.hang_up()
    centre.run(3)
