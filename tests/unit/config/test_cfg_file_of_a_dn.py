"""The ``.cfg`` file of a DN: what the field writes is read, what is wrong is told with its line, nothing is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordboard.config import DN, ConfigError, DnType, FileSyntaxError, OptionValueError, Where, dn_cfg
from cordboard.config.secret import ha1

from .strategies import environments

REALM = "centre.example"
NOTE = """\
[TServer]
authenticate-requests=register,invite
blind-transfer-enabled = true
contact=sip:1502@172.21.82.86:2048
dual-dialog-enabled=true
enable-agentlogin-subscribe  =  true
make-call-rfc3725-flow=1
refer-enabled=false
sip-alert-info=info=alert-autoanswer
sip-cti-control=talk,hold
"""


def read(text: str | bytes, number: str = "1502") -> dn_cfg.CfgFile:
    return dn_cfg.loads(text, number=number, realm=REALM)


def test_the_options_of_the_note_are_read() -> None:
    found = read(NOTE)
    options = found.dn.options
    assert options.authenticate_requests == ("REGISTER", "INVITE")
    assert options.contact == "sip:1502@172.21.82.86:2048"
    assert options.sip_alert_info == "info=alert-autoanswer"
    assert (options.refer_enabled, options.make_call_rfc3725_flow) == (False, "1")
    assert options.unknown == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, newline: str) -> None:
    assert read(NOTE.replace("\n", newline).encode(encoding)) == read(NOTE)


def test_latin_1_is_read_with_a_warning() -> None:
    found = read("[TServer]\nx-place=Zürich\n".encode("latin-1"))
    assert found.dn.options.unknown == {"x-place": "Zürich"}
    assert found.notices[0].option == "encoding"


def test_comments_spaces_case_and_quotes() -> None:
    found = read('; made by hand\n\n  [ tserver ]  \n# c\n  SIP-CTI-Control = "talk, hold"  \n')
    assert found.dn.options.texts() == {"sip-cti-control": "talk,hold"}


def test_unknown_options_are_kept_and_warned_about_with_their_line() -> None:
    found = read("[TServer]\nrefer-enable = true\n")
    assert found.dn.options.unknown == {"refer-enable": "true"}
    (notice,) = found.notices
    assert str(notice).startswith("1502.cfg:2: DN 1502: refer-enable: unknown option")
    assert "refer-enabled" in notice.text


def test_the_last_of_repeated_options_counts_with_a_warning() -> None:
    found = read("[TServer]\nmax-calls=1\nMax_Calls=2\n")
    assert found.dn.options.max_calls == 2
    assert [(n.option, n.where) for n in found.notices] == [("max-calls", Where("1502.cfg", 3))]
    assert "line 2" in found.notices[0].text


def test_other_sections_are_skipped_with_a_warning() -> None:
    found = read("[TSrver]\nmax-calls=1\n[TServer]\nmax-calls=2\n[AuthMethod]\nnonsense\n[TServer]\nprefix=9\n")
    assert found.dn.options.texts() == {"max-calls": "2", "prefix": "9"}
    assert [n.option for n in found.notices if n.option.startswith("[")] == ["[TSrver]", "[AuthMethod]"]
    assert "did you mean [TServer]?" in found.notices[0].text


def test_a_password_is_kept_as_hashes() -> None:
    dn = read("[TServer]\npassword = se=cret\n").dn
    assert dict(dn.digests)["MD5"] == ha1("1502", REALM, "se=cret", "MD5")
    assert "se=cret" not in dn_cfg.dumps(dn)
    assert read(dn_cfg.dumps(dn)).dn == dn


def test_a_secondary_of_a_shared_line_is_hashed_as_the_primary() -> None:
    dn = read("[TServer]\npassword=x\nshared-line-number=1501\n").dn
    assert dict(dn.digests)["MD5"] == ha1("1501", REALM, "x", "MD5")


def test_everything_wrong_is_told_at_once_with_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        read("[TServer]\nmax-calls = many\nnonsense\n= 3\ncontact = nowhere\n")
    assert [str(p.where) for p in caught.value.problems] == ["1502.cfg:3", "1502.cfg:4", "1502.cfg:2", "1502.cfg:5"]
    bad = caught.value.problems[2]
    assert isinstance(bad, OptionValueError)
    assert (bad.owner, bad.option, bad.value) == ("DN 1502", "max-calls", "many")


@pytest.mark.parametrize(
    "text",
    ["", "max-calls=1\n", "[TServer\nmax-calls=1\n", "[Other]\n", b"\xff\xfe\x00", b"x" * (dn_cfg.SIZE_LIMIT + 1)],
)
def test_what_is_no_such_file_is_refused(text: str | bytes) -> None:
    with pytest.raises(FileSyntaxError):
        read(text)


@settings(max_examples=50)
@given(environments())
def test_what_is_written_is_read_back(env: object) -> None:
    for dn in env.dns.values():  # type: ignore[attr-defined]
        text = dn_cfg.dumps(dn)
        again = dn_cfg.loads(
            text.encode(),
            number=dn.number,
            realm=env.switch.realm,
            dn_type=dn.type,
            display_name=dn.display_name,  # type: ignore[attr-defined]
        )
        assert again.dn == dn


@settings(max_examples=300)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda t: "[TServer]\n" + t)
    | st.text("[]=;#\n\r\t \"'aT\x00", max_size=60)
)
def test_nothing_but_a_typed_error_comes_of_garbage(data: bytes | str) -> None:
    try:
        found = dn_cfg.loads(data, number="1502", realm=REALM)
    except ConfigError as error:
        assert str(error).startswith("1502.cfg")  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(found.dn, DN)
        assert found.dn.type is DnType.EXTENSION
