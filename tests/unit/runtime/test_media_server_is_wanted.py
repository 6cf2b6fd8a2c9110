"""When a SIP Server has a Media Server within itself, and where its media goes."""

import pytest

from cordboard.config import toml
from cordboard.runtime import media_settings as module
from cordboard.runtime.media_settings import media_addresses, media_settings, recordings_folder, wanted

CENTRE = """\
format = 1
[application]
{options}
[switch]
name = "test"
realm = "cordboard.test"
[dn.media]
type = "{type}"
contact = "{contact}"
service-type = "{service}"
"""


def centre(contact="sip:127.0.0.1:5090", *, service="msml", type_="Voice over IP Service", options=""):
    text = CENTRE.format(contact=contact, service=service, type=type_, options=options)
    return toml.loads(text).environment


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with an address of each family."""
    found = {"ipv4": "192.0.2.20", "ipv6": "2001:db8::20"}
    monkeypatch.setattr(module, "outward", lambda family="ipv4": found[family])
    monkeypatch.setattr(module, "reachable", lambda host: {"0.0.0.0": "192.0.2.20"}.get(host, host))


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        (centre(), True),
        (centre("sip:localhost:5090"), True),
        (centre("sip:192.0.2.20:5090"), True),
        (centre("sip:[2001:db8::20]:5090"), True),
        (centre("sip:192.0.2.99:5090"), False),
        (centre("sip:127.0.0.1:5091"), False),
        (centre("sip:127.0.0.1"), False),
        (centre(""), False),
        (centre(service="recorder"), True),
        (centre(service="dial-plan"), False),
        (centre(type_="Trunk"), False),
        (centre(options='media-server = "off"'), False),
        (centre("", options='media-server = "on"'), True),
        (centre("sip:127.0.0.1:5091", options='media-listen = ["udp:127.0.0.1:5091"]'), True),
    ],
)
def test_a_service_that_points_here_wants_it(environment, is_wanted):
    assert wanted(environment) is is_wanted


@pytest.mark.parametrize(
    ("options", "addresses"),
    [
        ("", ["192.0.2.20", "2001:db8::20"]),
        ('media-listen = ["udp:127.0.0.1:5090"]', ["127.0.0.1"]),
        ('media-listen = ["udp:127.0.0.1:5090", "udp:[::1]:5090", "udp:127.0.0.2:5090"]', ["127.0.0.1", "::1"]),
        ('media-addresses = ["198.51.100.7"]', ["198.51.100.7"]),
    ],
)
def test_media_goes_where_it_listens_or_where_it_is_told(options, addresses):
    assert media_addresses(centre(options=options).application.options) == addresses


def test_options_become_settings(tmp_path):
    options = centre(
        options='media-sounds = "/a, /b"\nmedia-record-channels = "stereo"\nmedia-peers = ["192.0.2.30"]\n'
        'media-session-refresh = "10m"\nmedia-recordings = "off"'
    ).application.options
    settings = media_settings(options, tmp_path, ["0.0.0.0", "192.0.2.10"])
    assert [str(folder) for folder in settings.folders] == ["/a", "/b"]
    assert (settings.record_channels, settings.session_refresh, settings.recordings) == (2, 600, tmp_path)
    assert set(settings.peers) == {"127.0.0.1", "::1", "192.0.2.20", "2001:db8::20", "192.0.2.10", "192.0.2.30"}
    assert recordings_folder(options, tmp_path) is None
    assert recordings_folder(centre().application.options, tmp_path) == tmp_path / "recordings"
    # One that runs alone works for those it is told, and for nobody else.
    assert media_settings(options, None).peers == ("192.0.2.30",)
