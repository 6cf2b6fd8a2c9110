"""Whoever holds, by key or by desktop, and whoever transfers: afterwards the two that are left have what they wanted.

A called B. One of them is given to C, by the other's keys or desktop, while neither, one or both hold. Who holds by
himself goes on holding, now C; who was only held does not notice. When all have been taken back, both talk, and phones,
server and events agree.
"""

import pytest
from agreement import at_rest
from media_house import ask, at_service, hears_nothing, talk_to_each_other, up

from cordboard.model import requests as rq
from cordboard.model.party import PartyState
from cordboard.testkit.centre import Centre

NUMBERS = ("1501", "1502", "1503")
KINDS = ["unattended", "blind", "single step", "attended", "two steps"]
HOLDS = ["nobody", *(f"{who} by {what}" for who in ("survivor", "transferor", "both") for what in ("key", "desktop"))]


class House:
    """``giver`` gives ``stays`` to C."""

    def __init__(self, direction, *, music):
        self.centre = Centre(NUMBERS)
        if music:
            self.centre.media_server()
        a, b = up(self.centre)
        self.conn_id = next(iter(self.centre.switch.calls))
        self.giver, self.stays = (b, a) if direction == "callee transfers" else (a, b)
        self.before = len(self.centre.desktop.events)

    @property
    def c(self):
        return self.centre.phones["1503"].calls[-1]

    def ask(self, kind, call, **more):
        ask(self.centre, kind(this_dn=call.phone.number, conn_id=self.conn_id, **more))

    def hold(self, who):
        by_desktop = who.endswith("by desktop")
        for name, call in (("survivor", self.stays), ("transferor", self.giver)):
            if who.startswith((name, "both")):
                if by_desktop:
                    self.ask(rq.HoldCall, call)
                else:
                    call.hold()
                    self.centre.run(1)

    def transfer(self, kind):
        centre, giver = self.centre, self.giver
        if kind in ("unattended", "blind"):
            giver.refer("1503", leaves="202" if kind == "blind" else None)
        elif kind == "single step":
            self.ask(rq.SingleStepTransfer, giver, other_dn="1503")
        elif kind == "attended":
            if not giver.holding and self.party(giver).state is not PartyState.HELD:
                giver.hold()
                centre.run(1)
            second = giver.phone.call("1503")
            centre.run(3)
            giver.refer("1503", second)
        else:
            self.ask(rq.InitiateTransfer, giver, other_dn="1503")
            centre.run(4)
            consult = next(one for one in centre.switch.calls if one != self.conn_id)
            self.ask(rq.CompleteTransfer, giver, transfer_conn_id=consult)
        centre.run(5)

    def party(self, call):
        return next(p for p in self.centre.switch.calls[self.conn_id].call.parties if p.number == call.phone.number)

    def told(self, call):
        events = self.centre.desktop.events[self.before :]
        names = [type(event).__name__ for event in events if event.this_dn == call.phone.number]
        return [name.removeprefix("Event") for name in names if not name.endswith("Hook")]


@pytest.mark.parametrize("music", [False, True], ids=["passed on", "music"])
@pytest.mark.parametrize("direction", ["callee transfers", "caller transfers"])
@pytest.mark.parametrize("holds", HOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_left_has_what_he_wanted(kind, holds, direction, music):
    house = House(direction, music=music)
    centre, stays = house.centre, house.stays
    house.hold(holds)
    house.transfer(kind)
    c = house.c
    assert house.giver.over
    assert c.talking
    still_holds = holds.startswith(("survivor", "both"))
    assert (house.party(stays).state is PartyState.HELD) is still_holds
    if not still_holds:
        talk_to_each_other(stays, c)
    elif music:
        at_service(c, centre.phones["ms"].open[0])
    elif holds.endswith("by desktop"):
        hears_nothing(c)
        hears_nothing(stays)
    else:
        assert c.hears.endswith((b"sendonly", b"inactive"))
    at_rest(centre, NUMBERS, keys_only=False)
    if still_holds:
        if holds.endswith("by desktop"):
            house.ask(rq.RetrieveCall, stays)
        else:
            stays.retrieve()
            centre.run(1)
    talk_to_each_other(stays, c)
    names = house.told(stays)
    assert names == ["Held", "PartyChanged", "Retrieved"] if still_holds else names == ["PartyChanged"]
    # Both hold anew, by key and by desktop, each taken back in turn.
    c.hold()
    centre.run(1)
    house.ask(rq.HoldCall, stays)
    hears_nothing(stays)
    c.retrieve()
    centre.run(1)
    house.ask(rq.RetrieveCall, stays)
    talk_to_each_other(stays, c)
    at_rest(centre, NUMBERS, keys_only=False)
    c.hang_up()
    centre.run(100)
    assert stays.over
    assert centre.leftovers() == []
