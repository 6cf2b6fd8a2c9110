"""A fixed contact given by host name."""

from cordboard.testkit.centre import Centre


def test_the_name_is_looked_up_again_until_it_is_found_and_when_it_moves():
    centre = Centre()
    asked = []
    answers = [[], ["10.0.1.2"], ["10.0.1.9"]]

    def resolver(host, found):
        asked.append((centre.clock.now(), host))
        found(answers[min(len(asked), 3) - 1])

    centre.switch.resolver = resolver
    centre.configure("1502", contact="sip:1502@phone.example", no_answer_timeout=5.0)
    assert centre.switch.extensions["1502"].targets() == ()
    first = centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert first.events == ["180", "answered", "bye sent"]
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert len(asked) == 2
    centre.run(60)
    centre.phones["1501"].call("1502", hang_up_after=1)
    centre.run(10)
    assert [host for _, host in asked] == ["phone.example"] * 3
    assert centre.switch.extensions["1502"].targets()[0].remote == ("10.0.1.9", 5060)
    centre.run(100)
    assert centre.leftovers() == []
