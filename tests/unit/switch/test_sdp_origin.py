"""The origin line of what a phone is told."""

from cordboard.switch.features.sdp_origin import Origin

SDP = b"v=0\r\no=bob 7 9 IN IP4 192.0.2.7\r\ns=o=no\r\nc=IN IP4 192.0.2.7\r\n"


def test_the_version_goes_up_when_something_changes():
    origin = Origin(5, ipv6=False)
    assert origin.line == "cordboard 5 1 IN IP4 0.0.0.0"
    first = origin.put(SDP, "application/sdp")
    assert first == SDP.replace(b"bob 7 9 IN IP4 192.0.2.7", b"cordboard 5 2 IN IP4 0.0.0.0")
    assert origin.put(SDP.replace(b"bob 7 9", b"bob 7 10"), "application/sdp") == first
    assert b"cordboard 5 3 IN" in origin.put(SDP + b"a=sendonly\r\n", "Application/SDP;charset=utf-8")


def test_odd_bodies_stay_as_they_are():
    origin = Origin(5, ipv6=True)
    assert origin.put(b"Signal=5\r\no=x\r\n", "application/dtmf-relay") == b"Signal=5\r\no=x\r\n"
    assert origin.put(b"v=0\r\ns=-\r\n", "application/sdp") == b"v=0\r\ns=-\r\n"
    assert origin.put(b"", "application/sdp") == b""
    assert origin.put(b"o=a 1 1 IN IP4 h", "application/sdp") == b"o=cordboard 5 2 IN IP6 ::"
    assert origin.put(b"v=0\no=a 1 1 IN IP4 h\ns=-\n", "application/sdp") == b"v=0\no=cordboard 5 3 IN IP6 ::\ns=-\n"
