"""Phones that people use hold and transfer calls; at each step it is heard, at every ear, who speaks to whom."""

import pytest
from talking_room import NUMBERS, Kind, MakeRoom, Room

from cordboard.model.events import EventHeld, EventPartyChanged, EventReleased, EventRetrieved
from cordboard.testkit.strangers import Baresip, Linphone

pytestmark = pytest.mark.strangers("baresip", "linphonec", "tshark")

PAIRS = [(Baresip, Baresip), (Baresip, Linphone), (Linphone, Baresip), (Linphone, Linphone)]
TRIOS = [
    pytest.param({"ann": ann, "bob": bob, "cyd": cyd}, id="-".join(kind.__name__.lower() for kind in (ann, bob, cyd)))
    for ann, bob, cyd in [
        (Baresip, Baresip, Baresip),
        (Baresip, Linphone, Linphone),
        (Linphone, Baresip, Linphone),
        (Linphone, Linphone, Baresip),
    ]
]
"""Ann is who transfers: Bob, to Cyd."""


def transferred(here: Room) -> None:
    """Ann is out, Bob and Cyd talk, and all three have been told; then they hang up and nothing is left."""
    here.hear(ann=None, bob="cyd", cyd="bob")
    here.desktop.wait(EventReleased, NUMBERS["ann"])
    changed = here.desktop.wait(EventPartyChanged, NUMBERS["bob"], other_dn=NUMBERS["cyd"])
    assert changed.third_party_dn == NUMBERS["ann"]
    here["cyd"].hang_up()
    here["bob"].wait_ended()
    for name in ("bob", "cyd"):
        here.desktop.wait(EventReleased, NUMBERS[name], conn_id=changed.conn_id)
    here.over()


@pytest.mark.parametrize(("ann", "bob"), PAIRS)
def test_hold_and_retrieve(make_room: MakeRoom, ann: Kind, bob: Kind) -> None:
    here = make_room(ann=ann, bob=bob)
    here.call("ann", "bob")
    here.hear(ann="bob", bob="ann")
    for name, other in (("ann", "bob"), ("bob", "ann")):
        here[name].hold()
        here.desktop.wait(EventHeld, NUMBERS[name])
        here.hear(**{name: None, other: here.hold_music(name)})
        here[name].resume()
        here.desktop.wait(EventRetrieved, NUMBERS[name])
        here.hear(ann="bob", bob="ann")
    here["ann"].hang_up()
    here["bob"].wait_ended()
    here.over()


@pytest.mark.parametrize("trio", TRIOS)
def test_unattended_transfer(make_room: MakeRoom, trio: dict[str, Kind]) -> None:
    here = make_room(**trio)
    here.call("bob", "ann")
    here.hear(ann="bob", bob="ann")
    here["ann"].transfer(NUMBERS["cyd"])
    here["cyd"].wait_incoming()
    here["cyd"].answer()
    transferred(here)


@pytest.mark.parametrize("trio", TRIOS)
def test_attended_transfer(make_room: MakeRoom, trio: dict[str, Kind]) -> None:
    here = make_room(**trio)
    here.call("bob", "ann")
    here.hear(ann="bob", bob="ann")
    here["ann"].hold()
    here.call("ann", "cyd")
    here.hear(ann="cyd", bob=here.hold_music("ann"), cyd="ann")
    here["ann"].join()
    transferred(here)


@pytest.mark.parametrize("trio", TRIOS)
def test_semi_attended_transfer(make_room: MakeRoom, trio: dict[str, Kind]) -> None:
    """Ann joins while Cyd's phone still rings."""
    here = make_room(**trio)
    here.call("bob", "ann")
    here.hear(ann="bob", bob="ann")
    here["ann"].hold()
    here.ring("ann", "cyd")
    here["ann"].join()
    here["cyd"].answer()
    transferred(here)
