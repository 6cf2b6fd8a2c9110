import msgspec
import pytest
from typer.testing import CliRunner

from cordboard.cli import COMMANDS, app
from cordboard.config.database import Database
from cordboard.ops.records import RecordStore
from cordboard.runtime.state import database_of, link_file_of
from cordboard.switch.records import CallRecord
from cordboard.tlib.auth import LinkFile, write_link_file


@pytest.fixture
def state(monkeypatch, tmp_path):
    for name in ("STATE_DIRECTORY", "CORDBOARD_DATABASE", "CORDBOARD_SERVER", "CORDBOARD_USER", "CORDBOARD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CORDBOARD_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*arguments):
    return CliRunner().invoke(app, arguments)


@pytest.mark.usefixtures("state")
def test_no_server_says_how_to_start_one():
    for command in (["tlib", "watch"], ["tlib", "call", "1501", "1502"], ["tlib", "release", "1501"], ["calls"]):
        result = run(*command)
        assert result.exit_code == 69
        assert "no server runs here" in result.stderr
        assert "cordboard up --demo" in result.stderr


def test_dead_server_is_told_from_no_server(state):
    write_link_file(link_file_of(state), LinkFile(url="ws://127.0.0.1:1/tlib", token="t", pid=1))
    result = run("tlib", "watch")
    assert result.exit_code == 69
    assert "cannot connect to ws://127.0.0.1:1/tlib" in result.stderr
    assert "Is the server running?" in result.stderr


def test_damaged_link_file_is_named(state):
    link_file_of(state).parent.mkdir(parents=True)
    link_file_of(state).write_text("{")
    result = run("tlib", "watch")
    assert result.exit_code == 1
    assert "link.json is damaged" in result.stderr


def test_token_is_not_sent_to_another_server(state):
    write_link_file(link_file_of(state), LinkFile(url="ws://127.0.0.1:1/tlib", token="t", pid=1))
    result = run("tlib", "watch", "--server", "ws://192.0.2.1:5080/tlib")
    assert result.exit_code == 64
    assert "give --user" in result.stderr


@pytest.mark.usefixtures("state")
def test_missing_password_file_is_named():
    result = run("tlib", "watch", "--user", "anna", "--password-file", "/nowhere/at/all", "--server", "ws://x/tlib")
    assert result.exit_code == 77
    assert "/nowhere/at/all" in result.stderr


@pytest.mark.usefixtures("state")
def test_data_that_is_no_pair_is_refused():
    result = run("tlib", "call", "1501", "1502", "--data", "customer")
    assert result.exit_code == 64
    assert "--data 'customer' is not KEY=VALUE" in result.stderr


def record(number, outcome="answered"):
    return CallRecord(
        conn_id=f"{number:016x}",
        call_uuid="0" * 32,
        call_type=1,
        caller="1501",
        callee="1502",
        requested=False,
        caller_call_id="a",
        callee_call_id="b",
        created_at=1_800_000_000.0,
        ringing_at=1_800_000_001.0,
        answered_at=1_800_000_004.0 if outcome == "answered" else None,
        ended_at=1_800_000_070.0,
        outcome=outcome,
        status=200,
        released_by="callee",
        reason="BYE",
    )


def test_records_are_listed_for_people_and_for_programs(state):
    database = Database(database_of(state))
    store = RecordStore(database, interval=3600.0)
    store.write(record(1))
    store.write(record(2, "busy"))
    store.close()
    database.close()
    table = run("calls", "--recent")
    assert table.exit_code == 0
    assert [word in table.stdout for word in ("answered", "busy", "1:06", "callee (BYE)", f"{1:016x}")] == [True] * 5
    lines = run("calls", "--recent", "--json", "--outcome", "busy").stdout.splitlines()
    assert [msgspec.json.decode(line, type=CallRecord) for line in lines] == [record(2, "busy")]


@pytest.mark.usefixtures("state")
def test_no_records_is_said():
    result = run("calls", "--recent")
    assert result.exit_code == 0
    assert "No records of ended calls." in result.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["up"], ["--config", "--demo", "SIGHUP", "cordboard up --config centre.toml"]),
        (["tlib"], ["watch", "call", "release", "hold", "transfer", "conference", "complete", "forward", "dnd"]),
        (["tlib", "watch"], ["cordboard tlib watch 1501 1502", "--json", "--password-file"]),
        (["tlib", "call"], ["cordboard tlib call 1501 1502", "--data"]),
        (["tlib", "release"], ["ConnID"]),
        (["calls"], ["cordboard calls --recent", "--number", "--outcome"]),
    ],
)
def test_help_teaches_by_example(command, words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = run(*command, "--help")
    assert result.exit_code == 0
    for word in words:
        assert word in result.stdout


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_completion_is_installed_by_the_program_alone(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert "--install-completion" in run("--help").stdout
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "--install-completion" not in result.stdout


def test_records_are_exported_by_time_and_outcome(state, tmp_path):
    assert "there is no store" in run("calls", "export").stderr
    database = Database(database_of(state))
    store = RecordStore(database, interval=3600.0)
    for number, outcome in enumerate(("answered", "busy", "answered")):
        store.write(msgspec.structs.replace(record(number, outcome), ended_at=1_800_000_000.0 + number * 86_400))
    store.close()
    database.close()
    lines = run("calls", "export", "--outcome", "answered").stdout.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["conn_id", f"{0:016x}", f"{2:016x}"]
    target = tmp_path / "calls.json"
    result = run(
        "calls", "export", "--since", "2027-01-16", "--until", "2027-01-17", "--format", "json", "-o", str(target)
    )
    assert (result.exit_code, "1 records in" in result.stderr) == (0, True)
    assert [msgspec.json.decode(line)["outcome"] for line in target.read_bytes().splitlines()] == ["busy"]
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == ["calls.json"]
    refused = run("calls", "export", "-o", str(tmp_path / "nowhere" / "x.csv"))
    assert (refused.exit_code, "cannot be written" in refused.stderr) == (1, True)
    refused = run("calls", "export", "--outcome", "splendid")
    assert (refused.exit_code, "none of answered, busy" in refused.stderr) == (64, True)
