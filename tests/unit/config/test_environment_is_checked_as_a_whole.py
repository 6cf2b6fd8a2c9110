"""Environment: contradictions are all found, lookups, passwords as hashes, and the difference of two."""

import hashlib

import pytest

from cordboard.config import (
    DN,
    AgentLogin,
    AgentLoginOptions,
    Application,
    ApplicationOptions,
    Change,
    ChangeKind,
    ConfigError,
    DnOptions,
    DnType,
    DuplicateError,
    Environment,
    MissingReferenceError,
    ObjectKind,
    ObjectRef,
    OptionValueError,
    Person,
    Place,
    Role,
    Switch,
    SwitchOptions,
    UnknownObjectError,
)

SWITCH = Switch(name="main", realm="centre.example")


def centre(**changes: object) -> Environment:
    parts: dict[str, object] = {
        "switch": SWITCH,
        "dns": [
            DN(number="1501", options=DnOptions.of(shared_line=True)).with_password("centre.example", "one"),
            DN(number="1502", options=DnOptions.of(shared_line_number="1501")),
            DN(number="T1", type=DnType.TRUNK, options=DnOptions.of(contact="sip:192.0.2.1")),
        ],
        "agent_logins": [AgentLogin(code="5001")],
        "persons": [Person(user_name="alice", agent_logins=("5001",), place="desk")],
        "places": [Place(name="desk", dns=("1501",))],
    }
    return Environment.build(**(parts | changes))  # type: ignore[arg-type]


def problems(**changes: object) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        centre(**changes)
    return list(caught.value.problems)


def test_lookups() -> None:
    env = centre()
    assert env.dn("1501") is env.dns["1501"]
    assert env.person("alice") is not None
    assert env.agent_login("5001") is not None
    assert env.place("desk") is not None
    assert (env.dn("9"), env.person("bob"), env.agent_login("9"), env.place("x")) == (None, None, None, None)
    assert [dn.number for dn in env.secondaries("1501")] == ["1502"]
    assert env.get(ObjectRef(ObjectKind.SWITCH, "")) is env.switch
    with pytest.raises(UnknownObjectError, match="did you mean 1501"):
        env.get(ObjectRef(ObjectKind.DN, "15001"))


def test_the_environment_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        centre().dns["9"] = DN(number="9")  # type: ignore[index]


def test_the_password_of_a_dn_is_kept_as_digest_hashes_only() -> None:
    env = centre()
    md5 = hashlib.md5(b"1501:centre.example:one").hexdigest()
    sha = hashlib.sha256(b"1501:centre.example:one").hexdigest()
    assert env.digests("1501") == (("MD5", md5), ("SHA-256", sha))
    assert "one" not in env.dns["1501"].options.texts().values()
    assert md5 not in repr(env)


def test_a_secondary_authenticates_as_its_primary() -> None:
    env = centre()
    assert env.digests("1502") == env.digests("1501")
    assert env.digests("T1") == env.digests("none") == ()


def test_a_changed_realm_tells_which_passwords_are_stale_and_lets_nobody_in() -> None:
    env = centre(switch=Switch(name="main", realm="new.example"))
    assert env.stale_passwords() == (ObjectRef(ObjectKind.DN, "1501"),)
    assert env.digests("1501")
    assert any("give it anew" in notice.text for notice in env.notices())


def test_persons_are_told_apart_by_password() -> None:
    alice = Person(user_name="alice", role=Role.SUPERVISOR).with_password("correct horse")
    env = centre(persons=[alice, Person(user_name="bob")])
    assert env.authenticate("alice", "correct horse") == alice
    assert env.authenticate("alice", "wrong") is None
    assert env.authenticate("bob", "") is None
    assert env.authenticate("carol", "correct horse") is None
    assert "argon2" not in repr(alice)


def test_names_given_twice_are_refused() -> None:
    found = problems(dns=[DN(number="1"), DN(number="1")], persons=[], places=[Place(name="a"), Place(name="a")])
    assert [str(p) for p in found] == ["DN 1 is given more than once", "Place a is given more than once"]
    assert all(isinstance(p, DuplicateError) for p in found)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (DnOptions.of(shared_line_number="9"), "no such DN"),
        (DnOptions.of(shared_line_number="1502"), "of itself"),
        (DnOptions.of(shared_line_number="T1"), "not the primary"),
        (DnOptions.of(shared_line_number="1501", shared_line=True), "a primary itself"),
        (DnOptions.of(hg_members=("9",)), "no such DN"),
    ],
)
def test_a_reference_to_a_wrong_dn_is_refused(options: DnOptions, reason: str) -> None:
    dns = [*(dn for dn in centre().dns.values() if dn.number != "1502"), DN(number="1502", options=options)]
    (problem,) = problems(dns=dns)
    assert isinstance(problem, MissingReferenceError)
    assert problem.owner == "DN 1502"
    assert reason in str(problem)


def test_persons_and_places_name_what_exists_and_share_nothing() -> None:
    found = problems(
        persons=[
            Person(user_name="a", agent_logins=("5001",)),
            Person(user_name="b", agent_logins=("5001", "9"), place="nowhere"),
        ],
        places=[Place(name="x", dns=("1501",)), Place(name="y", dns=("1501", "9"))],
    )
    assert [str(p) for p in found] == [
        "Person b: agent-logins = '5001': it already belongs to Person a",
        "Person b: agent-logins = '9': there is no such Agent Login",
        "Person b: place = 'nowhere': there is no such Place",
        "Place y: dns = '1501': it already belongs to Place x",
        "Place y: dns = '9': there is no such DN",
    ]


def test_a_trunk_needs_a_contact() -> None:
    (problem,) = problems(dns=[DN(number="T", type=DnType.TRUNK)], places=[], persons=[])
    assert isinstance(problem, OptionValueError)
    assert (problem.owner, problem.option) == ("DN T", "contact")


def test_two_servers_on_one_port_are_refused() -> None:
    options = ApplicationOptions.of(sip_address="127.0.0.1", sip_port=8080, http_port=8080)
    (problem,) = problems(application=Application(options=options))
    assert isinstance(problem, OptionValueError)
    assert (problem.option, problem.value) == ("http-port", "8080")
    wild = ApplicationOptions.of(sip_address="0.0.0.0", sip_port=5080)
    assert "already by sip-port" in str(problems(application=Application(options=wild))[0])
    free = ApplicationOptions.of(sip_port=0, http_port=0, tlib_port=0)
    assert centre(application=Application(options=free))


@pytest.mark.parametrize("number", ["", "15 01", "1501\n", "a/b", "é", "1" * 65, "a,b", '"'])
def test_a_number_that_cannot_be_dialled_is_refused(number: str) -> None:
    with pytest.raises(OptionValueError) as caught:
        DN(number=number)
    assert caught.value.option == "number"


@pytest.mark.parametrize("realm", ["", "a b", 'a"b', "a\r\nb"])
def test_a_realm_that_cannot_stand_in_a_header_is_refused(realm: str) -> None:
    with pytest.raises(OptionValueError):
        Switch(realm=realm)


def test_challenge_without_password_and_password_without_challenge_are_warned_about() -> None:
    env = centre(
        dns=[
            DN(number="1501", options=DnOptions.of(authenticate_requests=("REGISTER",))),
            DN(number="1502").with_password("centre.example", "x"),
        ]
    )
    texts = [str(notice) for notice in env.notices()]
    assert any(text.startswith("DN 1501: authenticate-requests: has no effect") for text in texts)
    assert any(text.startswith("DN 1502: password: has no effect") for text in texts)


def test_equal_environments_do_not_differ() -> None:
    assert Environment.diff(centre(), centre()) == []
    assert centre() == centre()


def test_a_difference_names_objects_options_and_fields() -> None:
    old = centre()
    new = centre(
        dns=[
            DN(number="1501", display_name="Ann", options=old.dns["1501"].options),
            DN(number="1502", options=DnOptions.of(shared_line_number="1501", max_calls=2)),
            DN(number="1503"),
        ],
        agent_logins=[AgentLogin(code="5001", options=AgentLoginOptions.of(wrap_up_time=5.0))],
    )
    changes = Environment.diff(old, new)
    assert [(c.kind, str(c.ref), c.options, c.fields, c.restart) for c in changes] == [
        (ChangeKind.CHANGED, "DN 1501", (), ("display_name",), False),
        (ChangeKind.CHANGED, "DN 1502", ("max-calls",), (), False),
        (ChangeKind.ADDED, "DN 1503", (), (), False),
        (ChangeKind.REMOVED, "DN T1", (), (), False),
        (ChangeKind.CHANGED, "Agent Login 5001", ("wrap-up-time",), (), False),
    ]
    assert old.applied(changes) == new


def test_an_inherited_change_is_a_change_of_the_object() -> None:
    new = centre(switch=Switch(name="main", realm="centre.example", options=SwitchOptions.of(max_calls=4)))
    changes = {str(c.ref): c.options for c in Environment.diff(centre(), new)}
    assert changes == dict.fromkeys(("Switch main", "DN 1501", "DN 1502", "DN T1"), ("max-calls",))


def test_a_changed_listening_address_waits_for_a_restart() -> None:
    new = centre(application=Application(options=ApplicationOptions.of(sip_port=5070, log_level="debug")))
    (change,) = Environment.diff(centre(), new)
    assert change.options == ("sip-port", "log-level")
    assert change.restart


def test_a_value_set_to_its_default_is_still_a_change_to_write() -> None:
    new = centre(application=Application(options=ApplicationOptions.of(log_level="info")))
    (change,) = Environment.diff(centre(), new)
    assert change.options == ("log-level",)
    assert centre().applied([change]) == new


def test_edits_are_all_or_nothing() -> None:
    env = centre()
    with pytest.raises(ConfigError, match="no such DN"):
        env.applied([Change.put(DN(number="1503")), Change.remove(ObjectRef(ObjectKind.DN, "1501"))])
    with pytest.raises(UnknownObjectError):
        env.applied([Change.remove(ObjectRef(ObjectKind.DN, "1509"))])
    edited = env.applied([Change.put(DN(number="1503")), Change.remove(ObjectRef(ObjectKind.DN, "T1"))])
    assert list(edited.dns) == ["1501", "1502", "1503"]
    assert list(env.dns) == ["1501", "1502", "T1"]
