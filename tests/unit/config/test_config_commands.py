"""``cordboard config``: every command does what its help says, tells errors on stderr and ends with its exit code."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cordboard.cli import COMMANDS, app, config_io
from cordboard.config.secret import ha1
from cordboard.config.store import Store
from cordboard.runtime.state import State, link_file_of

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("CORDBOARD_DATABASE", raising=False)
    monkeypatch.setenv("CORDBOARD_STATE", "unused")
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*args: str, code: int = 0, stdin: str = "") -> Result:
        result = CliRunner().invoke(app, ["--state", str(tmp_path), "config", *args], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, (result.stdout, result.stderr)
        return result

    return invoke


@pytest.fixture
def centre(run: Run) -> Run:
    run("init", "--sample", "--realm", "a.example")
    return run


def shown(run: Run, name: str) -> dict[str, str]:
    values = json.loads(run("show", name, "--json").stdout)["values"]
    assert isinstance(values, dict)
    return values


def test_init_shows_each_password_once_and_only_into_an_empty_store(run: Run, tmp_path: Path) -> None:
    text = run("init", "--sample", "--realm", "a.example").stdout
    password = next(line.split()[-1] for line in text.splitlines() if line.strip().startswith("DN 1501"))
    with Store(tmp_path / "cordboard.db") as store:
        assert ("MD5", ha1("1501", "a.example", password, "MD5")) in store.load().digests("1501")
    assert password.encode() not in (tmp_path / "cordboard.db").read_bytes()
    assert "already holds a centre" in run("init", code=1).stderr


def test_init_without_a_sample_has_an_administrator_who_can_log_in(run: Run, tmp_path: Path) -> None:
    password = run("init").stdout.split()[-1]
    with Store(tmp_path / "cordboard.db") as store:
        assert store.load().authenticate("admin", password)


def test_a_bad_realm_is_refused(run: Run) -> None:
    assert "realm" in run("init", "--realm", 'a"b', code=1).stderr


def test_set_changes_and_tells_what(centre: Run) -> None:
    out = centre("set", "1501", "max_calls=2", "sip-cti-control=talk,hold", "display-name=Ann B").stdout
    assert out.strip() == "~ DN 1501  display_name, max-calls, sip-cti-control"
    values = shown(centre, "1501")
    assert (values["max-calls"], values["sip-cti-control"], values["display-name"]) == ("2", "talk,hold", "Ann B")
    assert values["password-ha1-md5"] == "***"


def test_a_bad_value_names_everything_and_changes_nothing(centre: Run) -> None:
    before = shown(centre, "1501")
    result = centre("set", "1501", "display-name=x", "max-calls=many", "contact=nowhere", code=1)
    first, second = result.stderr.strip().splitlines()
    assert first == "error: DN 1501: max-calls = 'many' is not allowed; allowed: a whole number from 0 to 1000"
    assert second.startswith("error: DN 1501: contact = 'nowhere' is not allowed")
    assert result.stdout == ""
    assert shown(centre, "1501") == before


def test_slips_of_the_fingers_get_the_nearest_name(centre: Run) -> None:
    assert "did you mean max-calls?" in centre("set", "1501", "max-cals=2", code=1).stderr
    assert "did you mean 1501?" in centre("show", "15001", code=1).stderr
    assert "did you mean refer-enabled?" in centre("options", "refer-enable", code=1).stderr
    assert "key=value" in centre("set", "1501", "max-calls", code=1).stderr
    centre("set", "1501", "x-own=1")
    assert shown(centre, "1501")["x-own"] == "1"


def test_a_password_is_read_from_a_pipe_and_hashed(centre: Run, tmp_path: Path) -> None:
    centre("set", "1501", "password=-", stdin="correct horse\n")
    centre("set", "person:alice", "password=-", stdin="battery staple\n")
    with Store(tmp_path / "cordboard.db") as store:
        env = store.load()
    assert ("MD5", ha1("1501", "a.example", "correct horse", "MD5")) in env.digests("1501")
    assert env.authenticate("alice", "battery staple")


def test_unset_takes_options_away(centre: Run) -> None:
    centre("set", "1501", "max-calls=2")
    centre("unset", "1501", "max-calls", "password")
    assert not {"max-calls", "password-ha1-md5", "password-realm"} & shown(centre, "1501").keys()
    assert "there is no option max-cals" in centre("unset", "1501", "max-cals", code=1).stderr


def test_add_and_remove(centre: Run, tmp_path: Path) -> None:
    out = centre("add", "1505", "-g", "authenticate-requests=register").stdout
    with Store(tmp_path / "cordboard.db") as store:
        assert ("MD5", ha1("1505", "a.example", out.split()[-1], "MD5")) in store.load().digests("1505")
    centre("add", "person:carol", "role=supervisor")
    assert "exists already" in centre("add", "1505", code=1).stderr
    assert "contact" in centre("add", "dn:T1", "type=Trunk", code=1).stderr
    centre("remove", "1505", stdin="n\n", code=1)
    assert shown(centre, "1505")
    assert centre("remove", "1505", "person:carol", "--yes").stdout.splitlines() == ["- DN 1505", "- Person carol"]
    assert "no such DN" in centre("remove", "1501", "--yes", code=1).stderr
    assert "cannot be removed" in centre("remove", "switch", "--yes", code=1).stderr


def test_a_centre_goes_out_and_in_again(centre: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.toml"
    centre("export", "-o", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert centre("export").stdout == file.read_text()
    assert centre("validate", str(file)).stderr == ""
    assert centre("import", str(file)).stdout.strip() == "Nothing to change."
    file.write_text(file.read_text().replace("[dn.1504]", "[dn.1509]"))
    dry = centre("import", str(file), "--dry-run").stdout
    assert [line.split("  ")[0] for line in dry.splitlines()] == ["- DN 1504", "+ DN 1509", "Nothing was changed."]
    centre("import", str(file), stdin="n\n", code=1)
    assert shown(centre, "1504")
    centre("import", str(file), "--yes")
    assert shown(centre, "1509")


def test_a_dn_goes_out_and_in_as_a_cfg_file(centre: Run, tmp_path: Path) -> None:
    file = tmp_path / "1502.cfg"
    centre("set", "1502", "sip-alert-info=info=alert-autoanswer")
    centre("export", "1502", "-o", str(file))
    centre("unset", "1502", "sip-alert-info")
    assert centre("import", str(file)).stdout.strip() == "~ DN 1502  sip-alert-info"
    hashes = shown(centre, "1502")
    file.write_text("[TServer]\nmax-calls = 1\n")
    centre("import", str(file))
    assert shown(centre, "1502") == {
        k: v for k, v in hashes.items() if k not in {"sip-alert-info", "authenticate-requests"}
    } | {"max-calls": "1"}
    centre("import", str(file), "--number", "1510", "--type", "acd-position")
    assert shown(centre, "1510")["type"] == "ACD Position"
    assert "is no DN" in centre("export", "switch", code=1).stderr


def test_validate_tells_every_error_with_its_line_and_exits_1(run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "1502.cfg"
    good.write_text('[switch]\nrealm = "a.example"\nmax-cals = 1\n')
    bad.write_text("[TServer]\nmax-calls = x\n")
    result = run("validate", str(good), str(bad), code=1)
    assert f"{bad}:2: DN 1502: max-calls = 'x'" in result.stderr
    assert f"{good}:3: Switch" in result.stderr
    assert f"{good}: good, 1 warnings" in result.stdout
    run("validate", str(good))
    run("validate", "--strict", str(good), code=1)
    assert "No such file" in run("validate", str(tmp_path / "none.toml"), code=66).stderr
    assert not (tmp_path / "cordboard.db").exists()


def test_list_and_show_for_people_and_programs(centre: Run) -> None:
    assert [thing["name"] for thing in json.loads(centre("list", "dn", "--json").stdout)] == [
        "1501",
        "1502",
        "1503",
        "1504",
        "media",
    ]
    text = centre("list").stdout
    assert all(
        word in text for word in ("application", "switch", "dn:1501", "agent-login:5001", "person:alice", "place:")
    )
    centre("list", "phones", code=2)
    centre("set", "switch", "max-calls=3")
    everything = centre("show", "1501", "--all").stdout
    assert "max-calls = 3  (from the switch)" in everything
    assert "no-answer-timeout = 60  (default)" in everything
    assert json.loads(centre("show", "1501", "--all", "--json").stdout)["in-force"]["max-calls"] == "3"


def test_no_hash_or_password_is_ever_shown(centre: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "cordboard.db") as store:
        env = store.load()
    secrets = [h for dn in env.dns for _, h in env.digests(dn)] + [
        p.password_hash.reveal() for p in env.persons.values()
    ]
    shows = [
        ("list",),
        ("list", "--json"),
        ("history",),
        ("show", "person:alice", "--json"),
        ("show", "1501", "--all", "--json"),
    ]
    text = "".join(centre(*args).output for args in shows)
    assert not [secret for secret in secrets if secret in text]


def test_a_changed_realm_names_the_dns_that_need_a_password(centre: Run) -> None:
    err = centre("set", "switch", "realm=b.example").stderr
    assert all(f"DN {number}" in err for number in (1501, 1502, 1503, 1504))


def test_a_listening_address_says_that_it_waits_for_a_restart(centre: Run) -> None:
    assert "waits for a restart" in centre("set", "application", "sip-port=5070").stdout
    assert "restart" not in centre("set", "application", "drain-timeout=5").stdout


def test_history_tells_who_changed_what(centre: Run) -> None:
    centre("set", "1501", "max-calls=2")
    entry = json.loads(centre("history", "--limit", "1", "--json").stdout)[0]
    assert (entry["revision"], entry["object"], entry["keys"]) == (2, "dn:1501", ["max-calls"])
    assert "dn:1501" not in centre("history", "--limit", "1").stderr


def test_the_running_server_is_told_and_its_silence_is_a_warning(centre: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(config_io, "notifier", lambda _state: told.append)
    centre("set", "1501", "max-calls=2")
    assert told == [2]

    def deaf(_revision: int) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(config_io, "notifier", lambda _state: deaf)
    assert "was not told" in centre("set", "1501", "max-calls=3", code=3).stderr
    assert shown(centre, "1501")["max-calls"] == "3"


def test_a_server_is_told_once_it_is_up_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    assert config_io.teller(tmp_path) is None
    link = link_file_of(tmp_path)
    link.parent.mkdir()
    link.write_text("left over")
    os.utime(link, ns=(1, 1))
    state = State(tmp_path)
    assert config_io.teller(tmp_path) is None
    os.utime(link, (2**32, 2**32))
    tell = config_io.teller(tmp_path)
    assert tell is not None
    tell(7)
    assert sent == [(os.getpid(), signal.SIGHUP)]
    state.close()
    assert config_io.teller(tmp_path) is None


def test_without_a_centre_the_way_to_begin_is_told(run: Run, tmp_path: Path) -> None:
    assert "config init" in run("list", code=1).stderr
    (tmp_path / "cordboard.db").write_text("no database at all, but long enough to be looked at" * 20)
    assert "not a database" in run("list", code=74).stderr


def test_options_are_explained(run: Run) -> None:
    assert "NOTIFY" in run("options", "sip_cti_control").stdout
    assert json.loads(run("options", "contact", "--json").stdout)[0]["level"] == "DN"
    assert len(run("options").stdout.splitlines()) > 50


def test_completion_knows_objects_and_keys(centre: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    centre("list")
    monkeypatch.setenv("CORDBOARD_STATE", str(tmp_path))
    assert config_io.complete_object("150") == ["1501", "1502", "1503", "1504"]
    assert config_io.complete_object("per") == ["person:admin", "person:alice", "person:bob"]
    assert config_io.complete_assignment(["person:alice"], "ro") == ["role="]
    assert config_io.complete_key(["1501"], "max") == ["max-calls"]
    monkeypatch.setenv("CORDBOARD_STATE", str(tmp_path / "none"))
    assert config_io.complete_object("") == []
    assert not (tmp_path / "none").exists()


def test_every_command_teaches_with_examples(run: Run) -> None:
    text = run("--help").stdout
    assert "Exit codes" in text
    for name in ("init", "import", "export", "list", "show", "set", "unset", "add", "remove", "validate", "options"):
        assert name in text
        assert f"cordboard config {name}" in run(name, "--help").stdout


def test_starting_up_loads_nothing_heavy() -> None:
    code = (
        "import sys, cordboard.cli, cordboard.cli.config\n"
        "print([m for m in ('sqlalchemy', 'alembic', 'argon2', 'uvicorn', 'cordboard._core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"
    assert all(module.startswith("cordboard.cli.") for module in COMMANDS.values())
