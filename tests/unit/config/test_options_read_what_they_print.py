"""Options: every kind reads back what it prints, refuses what is not allowed by name, and inherits."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordboard.config import DnOptions, OptionValueError, SwitchOptions, UnknownOptionError
from cordboard.config.kinds import BadValueError
from cordboard.config.options import SCHEMA, ApplicationOptions
from cordboard.config.optionset import ENDPOINTS, DnType, Option, OptionSet

EVERY = [
    pytest.param(level, option, id=f"{level.level.value}-{name}")
    for level in SCHEMA
    for name, option in level.schema.items()
]


@pytest.mark.parametrize(("level", "option"), EVERY)
def test_the_default_and_the_example_are_allowed_values(level: type[OptionSet], option: Option[Any]) -> None:
    assert option.kind.normal(option.default) == option.default
    if option.about.example and not option.secret:
        value = option.kind.parse(option.about.example)
        assert option.kind.parse(option.kind.text(value)) == value
    assert getattr(level, option.attribute) is option
    assert getattr(level(), option.attribute) == option.default


@pytest.mark.parametrize(("level", "option"), EVERY)
@settings(max_examples=20)
@given(text=st.text(max_size=40) | st.from_regex(r"[a-z0-9:.,@\[\]*-]{0,20}", fullmatch=True))
def test_any_text_is_read_and_printed_or_refused(level: type[OptionSet], option: Option[Any], text: str) -> None:
    try:
        value = option.kind.parse(text)
    except BadValueError:
        with pytest.raises(OptionValueError) as caught:
            level.parse({option.name: text}, "thing")
        assert (caught.value.owner, caught.value.option) == ("thing", option.name)
        assert caught.value.allowed == option.kind.allowed
        return
    assert option.kind.parse(option.kind.text(value)) == value
    native = option.kind.native(value)
    again = ",".join(native) if isinstance(native, list) else str(native)
    assert option.kind.parse(again) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("authenticate-requests", " register, INVITE ,register", ("REGISTER", "INVITE")),
        ("contact", "<sip:1502@172.21.82.86:2048>", "sip:1502@172.21.82.86:2048"),
        ("contact", "*", "*"),
        ("contact", "sip:[2001:db8::1]:5062;transport=tcp", "sip:[2001:db8::1]:5062;transport=tcp"),
        ("dual-dialog-enabled", "No", False),
        ("sip-cti-control", "talk,hold", ("talk", "hold")),
        ("no-answer-timeout", "1500ms", 1.5),
        ("no-answer-timeout", "2m", 120.0),
        ("gvm_mailbox", "1502", "1502"),
        ("make-call-rfc3725-flow", "1", "1"),
    ],
)
def test_values_of_the_field_are_read(name: str, text: str, value: object) -> None:
    options = DnOptions.parse({name: text}, "DN 1502")
    assert options.explicit[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("authenticate-requests", "register,ack"),
        ("contact", "1502@host"),
        ("contact", "sip:1502@host:70000"),
        ("contact", "sip:1502@host\r\nEvil: yes"),
        ("contact", "sip:1502@999.1.1.1"),
        ("contact", "sip:1502@[1.2.3.4:5"),
        ("shared-line-capacity", "0"),
        ("shared-line-capacity", "1.5"),
        ("max-calls", "99999999999999999999999"),
        ("no-answer-timeout", "-1"),
        ("no-answer-timeout", "601"),
        ("dr-forward", "always"),
        ("refer-enabled", "maybe"),
        ("sip-alert-info", "a\nb"),
        ("hg-members", "1501,15 02"),
    ],
)
def test_a_bad_value_names_object_option_value_and_what_is_allowed(name: str, text: str) -> None:
    with pytest.raises(OptionValueError) as caught:
        DnOptions.parse({name: text}, "DN 1502")
    error = caught.value
    assert (error.owner, error.option, error.value) == ("DN 1502", name, text)
    assert error.allowed
    assert all(part in str(error) for part in ("DN 1502", name, repr(text), error.allowed))


def test_all_bad_values_are_told_in_one_go() -> None:
    with pytest.raises(Exception, match="max-calls") as caught:
        DnOptions.parse({"max-calls": "x", "contact": "y", "prefix": "9"}, "DN 1")
    assert [p.option for p in caught.value.problems] == ["max-calls", "contact"]  # type: ignore[attr-defined]


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(OptionValueError) as caught:
        DnOptions.parse({"password-ha1-md5": "hunter2"}, "DN 1502")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_unknown_options_are_kept_and_warned_about_with_the_nearest_name() -> None:
    options = DnOptions.parse({"dual-dialog-enable": "true", "zzz": "1"}, "DN 1502")
    assert options.unknown == {"dual-dialog-enable": "true", "zzz": "1"}
    first, second = options.notices("DN 1502")
    assert "did you mean dual-dialog-enabled?" in str(first)
    assert "did you mean" not in str(second)


def test_names_are_found_in_any_case_and_with_underscores() -> None:
    options = DnOptions.parse({"SIP_CTI_Control": "talk", "GVM-mailbox": "7"}, "DN 1")
    assert options.sip_cti_control == ("talk",)
    assert options.gvm_mailbox == "7"


def test_a_value_is_inherited_from_the_nearest_level_that_sets_it() -> None:
    application = ApplicationOptions.of(max_calls=2, no_answer_timeout=20.0, sip_enable_moh=False)
    switch = SwitchOptions.of(max_calls=3)
    dn = DnOptions.of(no_answer_timeout=5.0).under(switch, application)
    assert (dn.max_calls, dn.no_answer_timeout, dn.sip_enable_moh) == (3, 5.0, False)
    assert dn.explicit.keys() == {"no-answer-timeout"}
    assert dn == DnOptions.of(no_answer_timeout=5.0)


def test_options_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError):
        DnOptions().max_calls = 3


def test_options_are_set_and_unset() -> None:
    options = DnOptions.parse({"max-calls": "3", "foo": "1"}, "DN 1")
    options = options.changed({"max_calls": None, "foo": None, "contact": "*"}, "DN 1")
    assert options.texts() == {"contact": "*"}


def test_asking_for_an_unknown_option_suggests_the_nearest() -> None:
    with pytest.raises(UnknownOptionError, match="did you mean refer-enabled"):
        DnOptions.of(refer_enable=True)


def test_an_option_without_effect_on_the_type_of_dn_is_warned_about() -> None:
    options = DnOptions.of(authenticate_requests=("REGISTER",))
    assert options.notices("DN Q", DnType.ACD_QUEUE)[0].text == "has no effect on a DN of type ACD Queue"
    assert all(options.notices("DN 1", kind) == [] for kind in ENDPOINTS)


def test_listening_addresses() -> None:
    assert ApplicationOptions.of(sip_address="127.0.0.1", sip_port=0).listening() == [
        ("udp", "127.0.0.1", 0),
        ("tcp", "127.0.0.1", 0),
    ]
    options = ApplicationOptions.parse({"sip-listen": "UDP:[::1]:5060, tcp:127.0.0.1:5070"}, "x")
    assert options.listening() == [("udp", "::1", 5060), ("tcp", "127.0.0.1", 5070)]
    assert options.texts() == {"sip-listen": "udp:[::1]:5060,tcp:127.0.0.1:5070"}


@pytest.mark.parametrize("transport", ["ws", "wss", "sctp", ""])
def test_what_the_core_cannot_listen_on_is_refused(transport: str) -> None:
    with pytest.raises(OptionValueError, match=r"sip-listen.*udp, tcp, tls"):
        ApplicationOptions.parse({"sip-listen": f"{transport}:127.0.0.1:5060"}, "x")
