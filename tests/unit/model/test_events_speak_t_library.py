"""The JSON of events and requests."""

import msgspec
import pytest

from cordboard.model import events as ev
from cordboard.model import requests as rq
from cordboard.model.enums import CallState, CallType, DNRole, TreatmentType
from cordboard.model.errors import MESSAGES, Code


def test_an_event_has_the_documented_names_and_no_defaults():
    event = ev.EventReleased(
        server="sips",
        time=ev.Time(1, 2),
        event_sequence_number=3,
        reference_id=4,
        conn_id="00147cec00000001",
        call_id=5,
        call_uuid="U" * 32,
        call_type=CallType.INTERNAL,
        propagated_call_type=CallType.INTERNAL,
        call_state=CallState.BUSY,
        this_dn="1501",
        this_dn_role=DNRole.ORIGINATION,
        this_queue="q",
        other_dn="1502",
        other_dn_role=DNRole.DESTINATION,
        third_party_dn="1503",
        third_party_dn_role=DNRole.TRANSFERRED_BY,
        previous_conn_id="p",
        transfer_conn_id="t",
        dnis="1502",
        ani="1501",
        user_data={"k": "v"},
        reasons={"r": 1},
        extensions={"e": 1},
        agent_id="a",
    )
    assert msgspec.json.decode(msgspec.json.encode(event)) == {
        "Event": "EventReleased",
        "Server": "sips",
        "time": {"sec": 1, "usec": 2},
        "EventSequenceNumber": 3,
        "ReferenceID": 4,
        "ConnID": "00147cec00000001",
        "CallID": 5,
        "CallUUID": "U" * 32,
        "CallType": 1,
        "PropagatedCallType": 1,
        "CallState": 6,
        "ThisDN": "1501",
        "ThisDNRole": 1,
        "ThisQueue": "q",
        "OtherDN": "1502",
        "OtherDNRole": 2,
        "ThirdPartyDN": "1503",
        "ThirdPartyDNRole": 7,
        "PreviousConnID": "p",
        "TransferConnID": "t",
        "DNIS": "1502",
        "ANI": "1501",
        "UserData": {"k": "v"},
        "Reasons": {"r": 1},
        "Extensions": {"e": 1},
        "AgentID": "a",
    }
    bare = ev.EventOnHook(this_dn="1501")
    assert msgspec.json.decode(msgspec.json.encode(bare)) == {"Event": "EventOnHook", "ThisDN": "1501"}


@pytest.mark.parametrize("kind", ev.ALL_EVENTS)
def test_every_event_can_be_read_back(kind):
    given = {"this_dn": "1501"}
    if issubclass(kind, ev.CallEvent):
        given |= {"conn_id": "0" * 16, "call_id": 1, "call_uuid": "U"}
    if kind is ev.EventError:
        given |= {"error_code": 415, "error_message": "x"}
    if kind is ev.EventForwardSet:
        given |= {"other_dn": "1502"}
    event = kind(**given)
    assert msgspec.json.decode(msgspec.json.encode(event), type=ev.AnyEvent) == event


@pytest.mark.parametrize("kind", rq.ALL_REQUESTS)
def test_every_request_can_be_read_back(kind):
    given = {"this_dn": "1501", "reference_id": 7}
    if issubclass(kind, rq.CallRequest):
        given["conn_id"] = "0" * 16
    values = {
        "other_dn": "1502",
        "user_data": {"k": "v"},
        "key": "k",
        "treatment_type": TreatmentType.MUSIC,
        "private_msg_id": 1,
    }
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in given:
            given[field.name] = values.get(field.name, "1" * 16)
    request = kind(**given)
    assert msgspec.json.decode(msgspec.json.encode(request), type=rq.AnyRequest) == request


def test_a_misspelt_attribute_of_a_request_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"Request":"MakeCall","ThisDN":"1","OtherDn":"2"}', type=rq.AnyRequest)


def test_every_error_number_has_words():
    numbers = {value for name, value in vars(Code).items() if name.isupper()}
    assert numbers == set(MESSAGES)
