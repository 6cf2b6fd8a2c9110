"""Which media service is asked: by type, health and load; and the address it is asked at."""

import pytest

from cordboard.switch.routing import Extension
from cordboard.switch.services import errand
from cordboard.switch.services.limb import TABLE, Input, State
from cordboard.switch.services.pool import Services
from cordboard.switch.settings import DnSettings
from cordboard.testkit.scripted import Text


def services(*kinds, **settings):
    found = Services()
    for number, kind in enumerate(kinds, 1):
        found.take(
            Extension(DnSettings(number=f"ms{number}", contact="sip:192.0.2.1", service=kind, **settings), "here")
        )
    return found


def number(service):
    return service.extension.settings.number if service is not None else None


@pytest.mark.parametrize(
    ("kinds", "need", "chosen"),
    [
        (("msml",), errand.MUSIC, "ms1"),
        (("msml", "music"), errand.MUSIC, "ms2"),
        (("treatment", "mcu"), errand.MUSIC, None),
        (("treatment", "mcu", "msml"), errand.MCU, "ms2"),
        (("dial-plan", ""), errand.MUSIC, None),
        ((), errand.MUSIC, None),
    ],
)
def test_by_type(kinds, need, chosen):
    assert number(services(*kinds).choose(need, 0.0)) == chosen


def test_by_the_load_it_tells():
    pool = services("msml", "msml")
    pool.of("ms1").heard(Text("OPTIONS", 200, lines={"X-Cordboard-Load": "600 1000"}))
    pool.of("ms2").heard(Text("OPTIONS", 200, lines={"X-Cordboard-Load": "50 100"}))
    assert number(pool.choose(errand.MUSIC, 0.0)) == "ms2"
    for nonsense in ("", "many", "-1 5", "1", "1 2 3"):
        pool.of("ms1").heard(Text("OPTIONS", 200, lines={"X-Cordboard-Load": nonsense}))
    assert pool.of("ms1").load == 0.6


def test_one_that_failed_is_left_out_for_a_while():
    pool = services("msml", "msml", recovery_timeout=10.0)
    pool.of("ms1").failed(100.0)
    assert number(pool.choose(errand.MUSIC, 105.0)) == "ms2"
    assert number(pool.choose(errand.MUSIC, 105.0, [pool.of("ms2")])) is None
    assert number(pool.choose(errand.MUSIC, 110.0)) == "ms1"


def test_a_dn_that_changes_its_type():
    pool = services("msml")
    pool.take(Extension(DnSettings(number="ms1", contact="sip:192.0.2.1", service="voicemail"), "here"))
    assert pool.of("ms1") is None


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("sip:192.0.2.1:5090", "sip:annc@192.0.2.1:5090;play=music/on%20hold%3b;repeat=forever"),
        ("sips:ms@media.example", "sips:annc@media.example;play=music/on%20hold%3b;repeat=forever"),
    ],
)
def test_the_address(contact, uri):
    assert errand.music("music/on hold;").uri(contact).lower() == uri


def test_every_state_of_a_limb_is_reached_and_can_be_closed():
    reached = {State.CALLING} | set(TABLE.values())
    assert reached == set(State)
    assert all((state, Input.CLOSE) in TABLE for state in State)
    assert {what for _, what in TABLE} == set(Input)
