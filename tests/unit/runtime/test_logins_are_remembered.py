import pytest

from cordboard.config.environment import Environment
from cordboard.config.objects import Person, Switch
from cordboard.config.objects import Role as PersonRole
from cordboard.runtime import logins
from cordboard.runtime.logins import Logins
from cordboard.tlib.protocol import Role


def centre(**passwords):
    persons = [
        Person(
            user_name=name,
            role=PersonRole.ADMINISTRATOR if name == "root" else PersonRole.AGENT,
        ).with_password(password)
        for name, password in passwords.items()
    ]
    return Environment.build(switch=Switch(realm="a.example"), persons=persons)


@pytest.fixture
def slow(monkeypatch):
    """The passwords that took the long way."""
    asked = []
    real = Environment.authenticate

    def authenticate(self, user, password):
        asked.append((user, password))
        return real(self, user, password)

    monkeypatch.setattr(Environment, "authenticate", authenticate)
    return asked


def test_who_logged_in_before_does_not_wait_again(slow):
    made = Logins(centre(anna="a", root="r"))
    assert [made.authenticate("anna", "a") for _ in range(3)] == [Role.AGENT] * 3
    assert [made.authenticate("root", "r") for _ in range(2)] == [Role.ADMINISTRATOR] * 2
    assert slow == [("anna", "a"), ("root", "r")]
    assert made.remembered == 3


def test_a_wrong_password_always_takes_the_long_way_and_is_never_right(slow):
    made = Logins(centre(anna="a"))
    made.authenticate("anna", "a")
    for _ in range(2):
        assert made.authenticate("anna", "b") is None
        assert made.authenticate("nobody", "a") is None
        assert made.authenticate("nobody", "") is None
    assert len(slow) == 7
    assert made.authenticate("anna", "a") is Role.AGENT
    assert len(slow) == 7


def test_a_changed_password_and_a_person_who_is_gone_are_not_remembered():
    made = Logins(centre(anna="a", root="r"))
    made.authenticate("anna", "a")
    made.authenticate("root", "r")
    made.environment = centre(anna="new")
    assert made.authenticate("anna", "a") is None
    assert made.authenticate("root", "r") is None
    assert made.authenticate("anna", "new") is Role.AGENT


def test_no_more_are_remembered_than_may(slow, monkeypatch):
    monkeypatch.setattr(logins, "MOST", 1)
    made = Logins(centre(anna="a", root="r"))
    for user, password in (("anna", "a"), ("root", "r"), ("root", "r"), ("anna", "a")):
        assert made.authenticate(user, password) is not None
    assert len(slow) == 3
