"""DNs configured, changed and taken out while the server runs: what is told of them, and what it costs."""

import pytest

from cordboard.model.enums import AddressType
from cordboard.switch.routing import ContactError
from cordboard.switch.settings import DnSettings
from cordboard.switch.trunks import dial_plan
from cordboard.switch.trunks.dial_plan import RuleError

TESTED = {"contact": "sip:10.0.9.9:5060", "oos_check": 10.0, "oos_force": 4.0}


def configure(centre, number="9000", **settings):
    centre.switch.configure(DnSettings(number=number, **settings))


@pytest.mark.parametrize("kind", [AddressType.DN, AddressType.ROUTE_DN])
def test_what_is_taken_out_goes_out_of_service(centre, kind):
    configure(centre, address_type=kind, contact="" if kind is AddressType.ROUTE_DN else "sip:10.0.9.9:5060")
    assert centre.desktop.told("9000") == []
    centre.switch.unconfigure("9000")
    assert centre.desktop.told("9000") == ["DNOutOfService"]
    centre.switch.unconfigure("9000")
    assert centre.desktop.told("9000") == ["DNOutOfService"]


def test_what_is_out_of_service_is_taken_out_in_silence(centre):
    configure(centre, **TESTED)
    centre.run(60)
    assert centre.desktop.told("9000") == ["DNOutOfService"]  # nobody is there
    centre.switch.unconfigure("9000")
    assert centre.desktop.told("9000") == ["DNOutOfService"]


def test_what_is_tested_no_more_is_back_in_service(centre):
    configure(centre, **TESTED)
    centre.run(60)
    configure(centre, **TESTED | {"oos_check": 0.0})
    assert centre.desktop.told("9000") == ["DNOutOfService", "DNBackInService"]
    configure(centre)
    assert centre.desktop.told("9000") == ["DNOutOfService", "DNBackInService", "DNOutOfService"]


def test_a_rule_is_read_once(centre, monkeypatch):
    read = []

    class Counted(dial_plan.Rule):
        def __init__(self, text):
            read.append(text)
            super().__init__(text)

    monkeypatch.setattr(dial_plan, "Rule", Counted)
    configure(centre, "plan", dial_plan=("9X. => ${DIGITS:1}", "8X. => 1"))
    for number in range(1, 50):
        configure(centre, str(number), contact="sip:10.0.9.9")
        configure(centre, str(number), contact="sip:10.0.9.8")
    centre.switch.unconfigure("1")
    assert read == ["9X. => ${DIGITS:1}", "8X. => 1"]
    assert centre.switch.plan.apply("845").number == "1"
    configure(centre, "plan", dial_plan=("8X. => 2",))
    assert centre.switch.plan.apply("845").number == "2"
    centre.switch.unconfigure("plan")
    assert centre.switch.plan.apply("845").number == "845"


@pytest.mark.parametrize("wrong", [{"dial_plan": ("9X",)}, {"contact": "sip:"}])
def test_what_is_wrong_changes_nothing(centre, wrong):
    configure(centre, "plan", dial_plan=("8X. => 2",), contact="sip:10.0.9.9")
    before = centre.switch.extensions["plan"].settings
    for number in ("plan", "new"):
        with pytest.raises((RuleError, ContactError)):
            configure(centre, number, **wrong)
    assert "new" not in centre.switch.extensions
    assert centre.switch.extensions["plan"].settings is before
    assert centre.switch.plan.apply("845").number == "2"
