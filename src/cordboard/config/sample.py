"""The sample centre of the demo: four extensions, two agents and an administrator, every password generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cordboard.config import toml
from cordboard.config.secret import Secret, generate_password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cordboard.config.environment import Environment

DNS: Final = ("1501", "1502", "1503", "1504")
AGENTS: Final = (("alice", "Alice", "Archer", "5001", "1501"), ("bob", "Bob", "Baker", "5002", "1502"))
ADMINISTRATOR: Final = "admin"


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated centre as a TOML file with its plain passwords, to be shown once to whoever starts the demo."""

    toml: str
    sip_passwords: Mapping[str, Secret]
    """By DN."""
    agent_passwords: Mapping[str, Secret]
    """By Agent Login."""
    person_passwords: Mapping[str, Secret]
    """By user name."""

    def environment(self) -> Environment:
        """Read the file."""
        return toml.loads(self.toml, file="sample centre").environment

    def __repr__(self) -> str:
        return "Sample(***)"


def generate(
    *,
    realm: str = "cordboard.example",
    sip_address: str = "0.0.0.0",  # noqa: S104
    sip_port: int = 5060,
    tlib_port: int = 5080,
    http_port: int = 8080,
) -> Sample:
    """Make a sample centre with new passwords."""
    sip = {number: generate_password() for number in DNS}
    agents = {code: generate_password(8) for *_, code, _ in AGENTS}
    persons = {user: generate_password() for user in (*(agent[0] for agent in AGENTS), ADMINISTRATOR)}
    lines = [
        "# A sample centre of Cordboard. It holds plain passwords: keep it to yourself.",
        "",
        "format = 1",
        "",
        "# The SIP Server itself. A change of a listening address waits for a restart.",
        "[application]",
        'name = "SIP_Server"',
        f'sip-address = "{sip_address}"',
        f"sip-port = {sip_port}",
        f"tlib-port = {tlib_port}",
        f"http-port = {http_port}",
        "",
        "# Passwords are hashed for the realm: change it and they must be given anew.",
        "[switch]",
        'name = "sample"',
        f'realm = "{realm}"',
        "",
        "# Four phones. They register with their number and password.",
    ]
    for number in DNS:
        lines += [
            f"[dn.{number}]",
            'type = "Extension"',
            f'display-name = "Extension {number}"',
            f'password = "{sip[number]}"',
            'authenticate-requests = ["register", "invite"]',
            "",
        ]
    lines += [
        "# The Media Server within the SIP Server: music, tones, announcements, conferences and recordings.",
        "[dn.media]",
        'type = "Voice over IP Service"',
        'contact = "sip:127.0.0.1:5090"',
        'service-type = "msml"',
        "oos-check = 5",
        "sip-invite-timeout = 2",
        "",
    ]
    lines.append("# Codes agents log in with.")
    for *_, code, _ in AGENTS:
        lines += [f"[agent-login.{code}]", f'password = "{agents[code]}"', ""]
    lines.append("# Who may use the desktop and the console.")
    for user, first, last, code, number in AGENTS:
        lines += [
            f"[person.{user}]",
            f'first-name = "{first}"',
            f'last-name = "{last}"',
            'role = "agent"',
            f'password = "{persons[user]}"',
            f'agent-logins = ["{code}"]',
            f'place = "desk-{number}"',
            "",
        ]
    lines += [f"[person.{ADMINISTRATOR}]", 'role = "administrator"', f'password = "{persons[ADMINISTRATOR]}"', ""]
    lines.append("# Desks and their phones.")
    for *_, number in AGENTS:
        lines += [f"[place.desk-{number}]", f'dns = ["{number}"]', ""]
    return Sample("\n".join(lines), _sealed(sip), _sealed(agents), _sealed(persons))


def _sealed(passwords: Mapping[str, str]) -> dict[str, Secret]:
    return {name: Secret(password) for name, password in passwords.items()}
