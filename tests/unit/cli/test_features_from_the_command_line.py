import pytest
from typer.testing import CliRunner

pytest.importorskip("cordboard._core")

from cordboard.cli import app
from cordboard.testkit.live.centre import Extension
from cordboard.testkit.live.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), [Extension("1501"), Extension("1502"), Extension("1503")]) as server:
        yield server


@pytest.fixture
def tlib(server, monkeypatch):
    for name in ("STATE_DIRECTORY", "CORDBOARD_DATABASE", "CORDBOARD_SERVER", "CORDBOARD_USER", "CORDBOARD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CORDBOARD_STATE", str(server.folder / "data"))
    return lambda *arguments: CliRunner().invoke(app, ["tlib", *arguments])


def shown(result):
    """What a command printed, without the time."""
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split()[1:])


def test_forwarding_is_set_shown_and_cancelled_kind_by_kind(server, tlib):
    with server.desktop("1501") as desktop:
        assert shown(tlib("forward", "1501", "1502")).startswith("EventForwardSet 1501 to 1502 unconditional")
        assert "to 1503 on busy" in shown(tlib("forward", "1501", "1503", "--when", "busy"))
        state = shown(tlib("forward", "1501"))
        assert "fwd=1502" in state
        assert "fwd-busy=1503" in state
        assert "fwd-no-answer" not in state
        assert shown(tlib("forward", "1501", "--off", "--when", "all")).startswith("EventForwardCancel 1501 uncond")
        assert "fwd=" not in shown(tlib("forward", "1501"))
        assert shown(tlib("forward", "1501", "--off")).startswith("EventForwardCancel 1501 none")
        assert "fwd" not in shown(tlib("forward", "1501"))
        told = ["EventForwardSet", "EventForwardSet", "EventForwardCancel", "EventForwardCancel"]
        assert [name for name in desktop.of("1501") if "Forward" in name] == told


def test_both_kinds_are_set_at_once(tlib):
    tlib("forward", "1502", "1503", "--when", "busy-or-no-answer")
    state = shown(tlib("forward", "1502"))
    assert "fwd-busy=1503 fwd-no-answer=1503" in state
    shown(tlib("forward", "1502", "--off"))


def test_do_not_disturb_is_set_shown_and_taken_back(tlib):
    assert shown(tlib("dnd", "1503", "on")).startswith("EventDNDOn 1503")
    assert "dnd=1" in shown(tlib("dnd", "1503"))
    assert shown(tlib("dnd", "1503", "off")).startswith("EventDNDOff 1503")
    assert "dnd" not in shown(tlib("dnd", "1503"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["forward", "1501", "1501"], 1, "1501"),
        (["forward", "1501", "nowhere"], 1, "nowhere"),
        (["forward", "1501", "--off"], 1, "NONE"),
        (["forward", "1501", "1502", "--off"], 64, "contradict"),
        (["forward", "1501", "--when", "busy"], 64, "--when needs a number"),
        (["forward", "1599", "1502"], 1, "1599"),
        (["dnd", "1501", "off"], 1, "do not disturb"),
        (["dnd", "1501", "maybe"], 2, "maybe"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tlib, arguments, code, words):
    result = tlib(*arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr
