import pytest

from cordboard.config import toml
from cordboard.model.enums import AddressType
from cordboard.runtime.settings import dn_settings, server_settings

CENTRE = """\
format = 1
[application]
name = "sips"
no-answer-timeout = 20
[switch]
name = "test"
realm = "cordboard.test"
[dn.1501]
type = "Extension"
display-name = "Alice"
password = "secret"
authenticate-requests = ["register", "invite"]
max-calls = 3
[dn.1502]
type = "ACD Position"
password = "secret"
digest-algorithms = ["sha-256", "md5"]
[dn.1503]
type = "Extension"
contact = "sip:1503@192.0.2.7:2048"
[dn.9000]
type = "Trunk"
contact = "sip:gateway@192.0.2.9:5060"
[dn.9001]
type = "Trunk"
contact = "sip:gateway.example"
"""


@pytest.fixture(scope="module")
def environment():
    return toml.loads(CENTRE).environment


def settings(environment, number):
    return dn_settings(environment, environment.dns[number])


def test_the_server_has_name_and_domain(environment):
    found = server_settings(environment)
    assert (found.name, found.domain) == ("sips", "cordboard.test")


def test_a_dn_has_its_own_and_inherited_options(environment):
    found = settings(environment, "1501")
    assert (found.number, found.name, found.address_type) == ("1501", "Alice", AddressType.DN)
    assert (found.max_calls, found.no_answer_timeout) == (3, 20.0)
    assert {method.lower() for method in found.authenticate} == {"register", "invite"}
    assert found.static_contact is None
    assert settings(environment, "1503").static_contact == "sip:1503@192.0.2.7:2048"


def test_md5_alone_is_offered_unless_asked(environment):
    assert [algorithm for algorithm, _ in settings(environment, "1501").ha1] == ["MD5"]
    assert {algorithm for algorithm, _ in settings(environment, "1502").ha1} == {"MD5", "SHA-256"}
    assert settings(environment, "1503").ha1 == ()


def test_a_password_never_becomes_an_open_door():
    # Only a hash of an algorithm that is not offered: challenged with that rather than not at all.
    hashed = "0" * 64
    text = f'[switch]\nname = "t"\nrealm = "r"\n[dn.1]\ntype = "Extension"\npassword-ha1-sha-256 = "{hashed}"\n'
    environment = toml.loads(text).environment
    assert settings(environment, "1").ha1 == (("SHA-256", hashed),)


def test_a_trunk_is_known_by_its_address(environment):
    assert settings(environment, "9000").address_type is AddressType.TRUNK
    assert settings(environment, "9000").peers == ("192.0.2.9",)
    assert settings(environment, "9001").peers == ()
    assert settings(environment, "1503").peers == ()
