"""The TOML file of a centre: it reads what it writes, tells what is wrong by line, and breaks on nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordboard.config import ConfigError, Environment, FileSyntaxError, OptionValueError, Role, sample, toml

from .strategies import environments

SMALL = """\
format = 1
[application]
sip-listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[switch]
name = "main"
realm = "centre.example"
max-calls = 3
[dn.1501]
password = "secret"
authenticate-requests = ["register", "invite"]
no-answer-timeout = 2.5
[dn."9#"]
type = "routing-point"
[agent-login.5001]
wrap-up-time = "30s"
[person.alice]
role = "supervisor"
agent-logins = [5001]
place = "desk"
[place.desk]
dns = ["1501"]
"""


def test_a_centre_is_read() -> None:
    env = toml.loads(SMALL).environment
    dn = env.dns["1501"]
    assert env.application.options.listening() == [("udp", "127.0.0.1", 0), ("tcp", "127.0.0.1", 0)]
    assert (dn.options.max_calls, dn.options.no_answer_timeout) == (3, 2.5)
    assert len(env.digests("1501")) == 2
    assert env.agent_logins["5001"].options.wrap_up_time == 30.0
    assert env.persons["alice"].role is Role.SUPERVISOR
    assert env.dns["9#"].type.value == "Routing Point"


def test_the_switch_may_stand_last() -> None:
    head, switch, rest = SMALL.partition("[switch]")
    body, dn, tail = rest.partition("[dn.1501]")
    assert toml.loads(head + dn + tail + switch + body).environment == toml.loads(SMALL).environment


@settings(max_examples=50)
@given(environments())
def test_what_is_written_is_read_back(env: Environment) -> None:
    assert toml.loads(toml.dumps(env).encode()).environment == env


def test_a_file_read_again_reports_no_change() -> None:
    text = SMALL.replace('role = "supervisor"', 'password = "correct horse"')
    first = toml.loads(text).environment
    assert Environment.diff(first, toml.loads(text, previous=first).environment) == []
    (change,) = Environment.diff(first, toml.loads(text.replace("horse", "cow"), previous=first).environment)
    assert change.fields == ("password_hash",)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("max-calls = 3", "max-calls = -1", 7, ["Switch main", "max-calls", "-1", "from 0 to 1000"]),
        ("no-answer-timeout = 2.5", "no-answer-timeout = 1979-05-27", 11, ["no-answer-timeout must be"]),
        ("no-answer-timeout = 2.5", "no-answer-timeout = nan", 11, ["DN 1501", "nan"]),
        ('type = "routing-point"', 'type = "Phone"', 13, ["DN 9#", "type", "Phone", "Extension"]),
        ('role = "supervisor"', 'role = "boss"', 17, ["Person alice", "role", "boss", "administrator"]),
        ('role = "supervisor"', 'rol = "agent"', 17, ["Person alice", "rol", "did you mean role?"]),
        ("agent-logins = [5001]", "agent-logins = [5009]", 18, ["Person alice", "5009", "no such Agent Login"]),
        ('place = "desk"', 'place = "attic"', 19, ["Person alice", "attic", "no such Place"]),
        ("[place.desk]", "[plaice.desk]", 20, ["plaice", "did you mean place?"]),
        ("[agent-login.5001]", "[agent-login]", 15, ["agent-login.wrap-up-time must be a table"]),
        ('realm = "centre.example"', 'realm = "a b"', 6, ["Switch main", "realm", "a b"]),
        ("format = 1", "format = 2", 1, ["format", "2"]),
        ('name = "main"', "name = main", 5, ["not TOML"]),
        ('name = "main"', 'name = "main"\nname = "x"', 6, ["not TOML"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int, words: list[str]) -> None:
    assert old in SMALL
    with pytest.raises(ConfigError) as caught:
        toml.loads(SMALL.replace(old, new, 1), file="c.toml")
    first = caught.value.problems[0]
    assert first.where is not None
    assert (first.where.file, first.where.line) == ("c.toml", line)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_everything_wrong_is_told_at_once() -> None:
    bad = SMALL.replace("max-calls = 3", "max-calls = 'x'").replace('"register", "invite"', '"register", "fly"')
    with pytest.raises(ConfigError) as caught:
        toml.loads(bad)
    assert [p.option for p in caught.value.problems if isinstance(p, OptionValueError)] == [
        "max-calls",
        "authenticate-requests",
    ]


def test_lines_are_right_behind_a_text_of_several_lines() -> None:
    text = SMALL.replace("[switch]\n", '[switch]\nx-note = """\n[dn.1501]\nmax-calls = 1\n"""\n').replace(
        "= 2.5", "= -1"
    )
    with pytest.raises(ConfigError, match="one line of at most") as caught:
        toml.loads(text)
    assert [p.where.line for p in caught.value.problems if p.where] == [5, 15]


def test_a_missing_switch_is_told() -> None:
    with pytest.raises(FileSyntaxError, match=r"no table \[switch\]"):
        toml.loads("format = 1\n")


def test_unknown_options_are_kept_and_warned_about_with_their_line() -> None:
    centre = toml.loads(SMALL.replace("max-calls = 3", "max-cals = 3"), file="c.toml")
    assert centre.environment.switch.options.unknown == {"max-cals": "3"}
    assert any(str(n).startswith("c.toml:7: Switch main: max-cals: unknown option") for n in centre.notices)
    assert toml.loads(toml.dumps(centre.environment)).environment == centre.environment


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        toml.loads(SMALL.replace('password = "secret"', 'password = "hunter2\\n"'))
    assert "hunter2" not in str(caught.value)


@settings(max_examples=300)
@given(
    st.binary(max_size=100)
    | st.text("[]={}.\"'\n#, \\ab1-", max_size=80)
    | st.builds(lambda i, t: SMALL[:i] + t + SMALL[i:], st.integers(0, len(SMALL)), st.text(max_size=10))
    | st.builds(lambda i, n: SMALL[:i] + SMALL[i + n :], st.integers(0, len(SMALL)), st.integers(1, 40))
)
def test_nothing_but_a_typed_error_comes_of_garbage(data: bytes | str) -> None:
    try:
        centre = toml.loads(data)
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ()
        assert toml.loads(toml.dumps(centre.environment)).environment == centre.environment
    assert all(str(problem) and problem.where is not None for problem in problems), problems


@pytest.mark.parametrize(
    "data", [b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"\xff", b"a = 1\r", b"\xef\xbb\xbf[x", "a=\ud800"]
)
def test_hostile_files_are_refused(data: bytes | str) -> None:
    with pytest.raises(ConfigError):
        toml.loads(data)


def test_the_sample_centre_has_its_own_passwords_each_time() -> None:
    one, two = sample.generate(), sample.generate()
    env = one.environment()
    assert list(env.dns) == ["1501", "1502", "1503", "1504", "media"]
    assert {p.role for p in env.persons.values()} == {Role.AGENT, Role.ADMINISTRATOR}
    assert env.notices() == []
    secrets = [*one.sip_passwords.values(), *one.agent_passwords.values(), *one.person_passwords.values()]
    assert len(set(secrets)) == len(secrets)
    assert not set(secrets) & {*two.sip_passwords.values(), *two.person_passwords.values()}
    assert env.authenticate("admin", one.person_passwords["admin"].reveal())
    assert not any(secret.reveal() in repr(one) for secret in secrets)
