"""Session descriptions as the SIP Server reads and changes them."""

from __future__ import annotations

import pytest

from cordboard import _core

OFFER = (
    b"v=0\r\no=- 7 41 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n%s"
    b"m=video 6000 RTP/AVP 31\r\nc=IN IP6 2001:db8::7\r\n"
)


def sdp(audio: str = "") -> _core.Sdp:
    return _core.Sdp.parse(OFFER % (f"a={audio}\r\n".encode() if audio else b""))


def test_what_an_offer_says_is_read() -> None:
    offer = sdp()
    audio, video = offer.media
    assert (offer.session_id, offer.session_version, offer.address) == ("7", "41", "192.0.2.1")
    assert (audio.kind, audio.address, audio.port, audio.formats) == ("audio", "192.0.2.1", 5000, ["8", "101"])
    assert (video.address, video.port, video.direction, video.refused) == ("2001:db8::7", 6000, "sendrecv", False)
    assert offer == sdp()
    assert offer != sdp("sendonly")
    assert offer.to_bytes() == OFFER % b""


@pytest.mark.parametrize(
    ("says", "held"), [("sendrecv", False), ("recvonly", False), ("sendonly", True), ("inactive", True)]
)
def test_a_peer_that_would_not_hear_us_holds_us(says: str, held: bool) -> None:
    assert sdp(says).audio_direction == says
    assert sdp(says).held is held
    change = "held" if held else "none"
    assert _core.hold_change(sdp(), sdp(says)) == change
    assert _core.hold_change(None, sdp(says)) == change
    assert _core.hold_change(sdp(says), sdp()) == ("retrieved" if held else "none")


def test_hold_and_retrieve_are_one_session_for_the_peer() -> None:
    first = sdp("recvonly")
    held = first.hold().following(first)
    back = held.retrieve(first).following(held)
    assert [m.direction for m in held.media] == ["inactive", "sendonly"]
    assert [m.direction for m in back.media] == ["recvonly", "sendrecv"]
    assert (held.session_version, back.session_version, back.session_id) == ("42", "43", "7")
    assert back.following(back) == back


def test_a_direction_is_set_for_all_streams_or_for_one() -> None:
    assert [m.direction for m in sdp().with_direction("inactive").media] == ["inactive", "inactive"]
    assert [m.direction for m in sdp().with_direction("sendonly", media=1).media] == ["sendrecv", "sendonly"]
    assert sdp().with_session_version(9).session_version == "9"
    with pytest.raises(IndexError, match="2 media"):
        sdp().with_direction("sendonly", media=2)
    with pytest.raises(ValueError, match="both"):
        sdp().with_direction("both")  # type: ignore[arg-type]


def test_a_black_hole_holds_whoever_is_connected_to_it() -> None:
    nowhere = _core.Sdp.black_hole(5, "192.0.2.9")
    assert nowhere.held
    assert (nowhere.session_id, nowhere.media[0].address) == ("5", "0.0.0.0")
    answer = sdp().black_hole_answer(6, "2001:db8::9")
    sdp().check_answer(answer)
    assert [m.direction for m in answer.media] == ["inactive", "inactive"]
    with pytest.raises(ValueError, match="1 answered"):
        sdp().check_answer(nowhere)
    with pytest.raises(ValueError, match="example"):
        _core.Sdp.black_hole(5, "example.org")


def test_what_is_no_description_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="line 2: the value of o="):
        _core.Sdp.parse(b"v=0\r\no=me\r\n")
