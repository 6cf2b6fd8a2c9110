"""From a URI to a number, and from a DN to the contacts that are tried."""

from types import SimpleNamespace

import pytest

from cordboard.sip.resolver.lookup import Resolver
from cordboard.switch.features.caller_id import name_addr, user_part
from cordboard.switch.routing import MAX_CONTACTS, NOWHERE, ContactError, Extension, Target, is_sips, number_of
from cordboard.switch.settings import DnSettings
from cordboard.testkit.clock import VirtualClock
from cordboard.testkit.names import ScriptedNames


@pytest.fixture
def resolver():
    clock = VirtualClock()
    names = ScriptedNames(clock)
    made = Resolver(clock, names, random=lambda: 0.0)
    made.clock, made.names = clock, names
    return made


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("sip:1502@centre.example", "1502"),
        ("SIPS:1502@centre.example:5061;transport=tls", "1502"),
        ("sip:1502:secret@host", "1502"),
        ("sip:1502;phone-context=x@host", "1502"),
        ("sip:%2B44%20x@host", "+44 x"),
        ("sip:+441234@[2001:db8::1]", "+441234"),
        ("tel:+44-(12)3.4;phone-context=example.com", "+441234"),
        ("sip:1%1B%5B2J@host", ""),
        ("sip:1%0A2@host", ""),
        ("sip:1%E2%80%AE2@host", ""),
        ("sip:%5B1%5D@host", "[1]"),
        ("sip:host", ""),
        ("sip:@host", ""),
        ("mailto:a@b", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_number_of_a_uri(uri, number):
    assert number_of(uri) == number


@pytest.mark.parametrize(
    "contact",
    ["1502", "sip:", "tel:1502", "sip:a@b@c", "sip:x@h:0", "sip:x@h:70000", "sip:x@h;transport=sctp", "sip:x@<h>"],
)
def test_what_is_no_contact_is_named(contact, resolver):
    with pytest.raises(ContactError) as caught:
        Extension(DnSettings(number="1502", contact=contact), "centre.example").resolve(resolver)
    assert caught.value.contact == contact
    assert resolver.routes == 0


def location(n, path=()):
    flow = SimpleNamespace(transport="tcp", local=("10.0.0.1", 5060), remote=("10.0.0.2", 5000 + n), connection=n)
    return SimpleNamespace(
        uri=f"sip:1502@10.0.0.2:{5000 + n}",
        flow=flow,
        q=1.0,
        path=list(path),
        user_agent="",
        instance="",
        reg_id=0,
        nat=False,
    )


def test_registered_contacts_go_before_the_fixed_one(resolver):
    extension = Extension(DnSettings(number="1502", contact="sip:1502@10.9.9.9"), "centre.example")
    extension.resolve(resolver)
    assert extension.targets() == (Target("sip:1502@10.9.9.9", "udp", ("10.9.9.9", 5060)),)
    extension.dn.locations = [location(1), location(2, path=["<sip:edge;lr>"])]
    assert extension.targets() == [
        Target("sip:1502@10.0.0.2:5001", "tcp", ("10.0.0.2", 5001), 1),
        Target("sip:1502@10.0.0.2:5002", "tcp", ("10.0.0.2", 5002), 2, ("<sip:edge;lr>",)),
    ]


def test_there_is_a_limit_to_the_contacts_tried():
    extension = Extension(DnSettings(number="1502"), "centre.example")
    extension.dn.locations = [location(n) for n in range(MAX_CONTACTS + 5)]
    assert len(extension.targets()) == MAX_CONTACTS


def test_a_host_name_is_located_ahead_of_need_and_let_go_with_its_setting(resolver):
    resolver.names.srv("_sip._udp.phone.example", (1, 0, 5070, "a.example"))
    resolver.names.address("a.example", "192.0.2.9", "192.0.2.10")
    extension = Extension(DnSettings(number="1502", contact="sip:1502@phone.example"), "centre.example")
    extension.resolve(resolver)
    (unknown,) = extension.targets()
    assert (unknown.remote, unknown.route.located) == (NOWHERE, None)
    assert extension.dn.in_service
    resolver.clock.advance(1)
    (target,) = extension.targets()
    assert (target.uri, target.transport, target.remote) == ("sip:1502@phone.example", "udp", ("192.0.2.9", 5070))
    assert [d.remote for d in target.route.draw().destinations] == [("192.0.2.9", 5070), ("192.0.2.10", 5070)]
    extension.resolve(resolver)
    assert resolver.routes == 1
    extension.change(DnSettings(number="1502"), "centre.example")
    extension.resolve(resolver)
    assert extension.targets() == ()
    assert resolver.routes == 0
    assert resolver.clock.waiting == 0


def test_a_changed_contact_of_the_same_host_is_used_from_then_on(resolver):
    extension = Extension(DnSettings(number="1502", contact="sip:1502@192.0.2.9"), "centre.example")
    extension.resolve(resolver)
    assert [target.uri for target in extension.targets()] == ["sip:1502@192.0.2.9"]
    assert extension.targets() is extension.targets()
    for contact in ("sip:2@192.0.2.9", "sip:2@192.0.2.10"):
        extension.change(DnSettings(number="1502", contact=contact), "centre.example")
        extension.resolve(resolver)
        assert [target.uri for target in extension.targets()] == [contact]


def test_the_way_of_a_carrier_is_taken_and_left_at_once(resolver):
    settings = DnSettings(number="1502", contact="sip:1502@192.0.2.9", registers_with=True)
    extension = Extension(settings, "centre.example")
    extension.resolve(resolver)
    ways = [("<sip:a@192.0.2.7;lr>",), ("<sip:b@192.0.2.7;lr>",), ()]
    for way in ways:
        extension.take_way(way, (), resolver)
        (target,) = extension.targets()
        assert (target.path, target.remote[0]) == (way, "192.0.2.7" if way else "192.0.2.9")
        assert target.kept == ("" if way else "1502")


def test_a_wrong_contact_leaves_the_one_before(resolver):
    extension = Extension(DnSettings(number="1502", contact="sip:1502@192.0.2.9"), "centre.example")
    extension.resolve(resolver)
    extension.change(DnSettings(number="1502", contact="nonsense"), "centre.example")
    with pytest.raises(ContactError):
        extension.resolve(resolver)
    assert extension.targets() == (Target("sip:1502@192.0.2.9", "udp", ("192.0.2.9", 5060)),)


@pytest.mark.parametrize("contact", ["", "*"])
def test_a_dn_without_a_fixed_contact_must_register(contact, resolver):
    extension = Extension(DnSettings(number="1502", contact=contact), "centre.example")
    extension.resolve(resolver)
    assert not extension.dn.in_service
    assert extension.targets() == ()


def test_names_cannot_break_out_of_their_header():
    assert name_addr("", "1501", "h") == "<sip:1501@h>"
    assert name_addr('A "B" \\', "1501", "h") == '"A \\"B\\" \\\\" <sip:1501@h>'
    assert name_addr("A\r\nVia: x", "1501", "h") == '"A  Via: x" <sip:1501@h>'
    assert user_part("+44 1@x>") == "+44%201%40x%3E"
    assert user_part("é") == "%C3%A9"
    assert user_part("٣") == "%D9%A3"


def test_a_sips_call_goes_to_targets_over_tls_only() -> None:
    assert is_sips("SIPS:1502@example.com")
    assert not is_sips("sip:sips%3Auser@example.com")
    assert [Target("sip:1@h", t, ("192.0.2.1", 1)).secure for t in ("udp", "tcp", "tls", "ws", "wss")] == [
        False,
        False,
        True,
        False,
        True,
    ]
