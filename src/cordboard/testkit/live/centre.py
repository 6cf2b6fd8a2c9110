"""A centre for a test, written as the TOML file that ``cordboard up --config`` reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ADMINISTRATOR = "admin"
ADMINISTRATOR_PASSWORD = "administrator-of-a-test"  # noqa: S105 - opens nothing but a server on loopback
REALM = "cordboard.test"

Value = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Extension:
    """A DN of a test centre."""

    number: str
    password: str = ""
    """Empty: nothing is challenged."""
    contact: str = ""
    """A fixed address; empty: it registers."""
    name: str = ""
    """Shown to those it calls."""
    options: Mapping[str, Value] = field(default_factory=dict)
    """More options, by their names."""
    type: str = "Extension"
    """The type of DN."""


def toml(
    extensions: Iterable[Extension],
    *,
    sip_listen: Iterable[str],
    tlib_port: int,
    http_port: int,
    application: Mapping[str, Value] | None = None,
    switch: Mapping[str, Value] | None = None,
) -> str:
    """The whole file. ``sip_listen``: items such as ``udp:127.0.0.1:5060``."""
    lines = ["format = 1", "[application]"]
    settings: dict[str, Value] = {
        "sip-listen": list(sip_listen),
        "tlib-address": "127.0.0.1",
        "tlib-port": tlib_port,
        "http-address": "127.0.0.1",
        "http-port": http_port,
        **(application or {}),
    }
    lines += _pairs(settings)
    lines += ["[switch]", 'name = "test"', f"realm = {json.dumps(REALM)}", *_pairs(switch or {})]
    for extension in extensions:
        lines += [f"[dn.{json.dumps(extension.number)}]", f"type = {json.dumps(extension.type)}"]
        if extension.name:
            lines.append(f"display-name = {json.dumps(extension.name)}")
        if extension.password:
            lines.append(f"password = {json.dumps(extension.password)}")
        if extension.password and "authenticate-requests" not in extension.options:
            lines.append('authenticate-requests = ["register", "invite"]')
        if extension.contact:
            lines.append(f"contact = {json.dumps(extension.contact)}")
        lines += _pairs(extension.options)
    lines += [f"[person.{ADMINISTRATOR}]", 'role = "administrator"', f'password = "{ADMINISTRATOR_PASSWORD}"']
    return "\n".join(lines) + "\n"


def _pairs(values: Mapping[str, Value]) -> list[str]:
    # Strings, numbers, true, false and lists of strings are written alike in JSON and TOML.
    return [f"{name} = {json.dumps(value)}" for name, value in values.items()]
