"""Nothing of one leg is seen on another: whole messages are searched, whatever happens in the call.

Of each phone: its address, its User-Agent, and the Call-IDs, tags and branches of everything between it and the switch.
SDP alone passes as it is, since media go from phone to phone.
"""

import re
from itertools import permutations

import pytest
from transfer_house import up

from cordboard._core import Message
from cordboard.model import requests as rq
from cordboard.model.enums import ForwardMode
from cordboard.testkit.centre import Centre
from cordboard.testkit.phone import Manners

NUMBERS = ("1501", "1502", "1503", "1504")
UNIQUE = re.compile(r"(?:branch|tag)=([^;,>\s\r\n]+)")


def talkative(host):
    """Headers by which a phone that knows no better tells where it lives."""
    return (
        ("Warning", f'399 {host}:5060 "codec not liked", 301 {host} "no \\"such\\" network"'),
        ("Record-Route", f"<sip:{host};lr>"),
        ("In-Reply-To", f"earlier@{host}"),
        ("P-Asserted-Identity", f"<sip:boss@{host}>"),
        ("P-Preferred-Identity", f"<sip:boss@{host}>"),
        ("Remote-Party-ID", f"<sip:boss@{host}>"),
        ("History-Info", f"<sip:boss@{host}>;index=1"),
        ("Diversion", f"<sip:boss@{host}>;reason=unconditional"),
        ("Referred-By", f"<sip:boss@{host}>"),
        ("Reply-To", f"<sip:boss@{host}>"),
        ("Path", f"<sip:{host};lr>"),
        ("Service-Route", f"<sip:{host};lr>"),
        ("P-Charging-Vector", f"icid-value=1;icid-generated-at={host}"),
        ("Via-Trace", host),
        ("Reason", 'SIP;cause=200;text="said by the phone"'),
    )


def secrets(packets, phone):
    """What is between a phone and the switch and nobody else's business."""
    host = phone.node.address[0]
    found = {host, f"cordboard-testkit {phone.number}"}
    for packet in packets:
        message = Message.parse(packet.data)
        found.add(message.call_id)
        for name in ("Via", "From", "To"):
            found.update(value for line in message.headers(name) for value in UNIQUE.findall(line))
    return found


def shown(packet):
    """A message without its SDP."""
    head, _, body = packet.data.decode().partition("\r\n\r\n")
    return head if "application/sdp" in head else f"{head}\r\n\r\n{body}"


def names(secret, text):
    """Whether a text has it, as a word of its own: 10.0.1.1 is not in 10.0.1.12."""
    return re.search(rf"(?<![\w.]){re.escape(secret)}(?![\w.])", text) is not None


def by_phone(centre):
    switch = centre.node.address
    lines = {phone: [] for phone in centre.phones.values()}
    for packet in centre.network.packets:
        for phone, packets in lines.items():
            if {packet.source, packet.target} == {switch, phone.node.address} and packet.data.strip():
                packets.append(packet)
    return lines


def leaks(centre):
    """Each secret of one phone in a message between the switch and another."""
    lines = by_phone(centre)
    return [
        (secret, shown(packet))
        for one, other in permutations(lines, 2)
        for secret in secrets(lines[one], one)
        for packet in lines[other]
        # What the phone itself brings along is not ours to hide from it.
        if packet.target == other.node.address and names(secret, shown(packet))
    ]


def answered(centre):
    up(centre)[0].hang_up()


def refused(centre):
    centre.phones["1502"].manners = Manners(reject=(0.5, 488))
    centre.phones["1501"].call("1502")


def cancelled(centre):
    centre.phones["1502"].manners = Manners(answer=None)
    centre.phones["1501"].call("1502", cancel_after=1)


def redirected(centre):
    centre.phones["1502"].manners = Manners(reject=(0.5, 302), contact="sip:1503@10.0.0.1")
    centre.phones["1501"].call("1502", hang_up_after=1)


def forwarded(centre):
    centre.phones["1502"].manners = Manners(reject=(0.5, 486))
    centre.switch.request(
        "link", rq.CallSetForward(this_dn="1502", other_dn="1503", forward_mode=ForwardMode.ON_BUSY), 1
    )
    centre.phones["1501"].call("1502", hang_up_after=1)


def held(centre):
    call, _ = up(centre)
    call.hold()
    centre.run(2)
    call.retrieve()
    centre.run(2)
    call.hang_up()


def transferred(centre):
    _, callee = up(centre)
    callee.refer("1503")
    centre.run(5)
    centre.phones["1503"].calls[-1].hang_up()


def transferred_after_a_consultation(centre):
    call, _ = up(centre)
    call.hold()
    centre.run(1)
    consultation = centre.phones["1501"].call("1503")
    centre.run(3)
    call.refer("1503", consultation)
    centre.run(5)
    centre.phones["1502"].calls[-1].hang_up()


def out_by_a_trunk(centre):
    centre.trunk(centre.phones["1504"], prefix="9", replace_prefix="")
    centre.phones["1501"].call("94930", hang_up_after=2)


def in_by_a_trunk(centre):
    centre.trunk(centre.phones["1504"], prefix="9")
    centre.phones["1504"].call("1501", hang_up_after=2)


def made_by_a_desktop(centre):
    centre.switch.request("link", rq.MakeCall(this_dn="1501", other_dn="1502"), 1)
    centre.phones["1502"].manners = Manners(hang_up=2)


@pytest.mark.parametrize(
    "flow",
    [
        answered,
        refused,
        cancelled,
        redirected,
        forwarded,
        held,
        transferred,
        transferred_after_a_consultation,
        out_by_a_trunk,
        in_by_a_trunk,
        made_by_a_desktop,
    ],
)
def test_nothing_of_one_leg_is_seen_on_another(flow):
    centre = Centre(NUMBERS)
    for phone in centre.phones.values():
        phone.says = talkative(phone.node.address[0])
    flow(centre)
    centre.run(40)
    reached = [phone for phone, packets in by_phone(centre).items() if packets]
    assert len(reached) >= 2
    assert leaks(centre) == []
    centre.run(100)
    assert centre.leftovers() == []
