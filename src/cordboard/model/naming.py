"""How T-Library spells an attribute that we spell in Python's way."""

from typing import Final

_SPECIAL: Final[dict[str, str]] = {
    "conn_id": "ConnID",
    "previous_conn_id": "PreviousConnID",
    "transfer_conn_id": "TransferConnID",
    "conference_conn_id": "ConferenceConnID",
    "call_id": "CallID",
    "call_uuid": "CallUUID",
    "this_dn": "ThisDN",
    "this_dn_role": "ThisDNRole",
    "other_dn": "OtherDN",
    "other_dn_role": "OtherDNRole",
    "third_party_dn": "ThirdPartyDN",
    "third_party_dn_role": "ThirdPartyDNRole",
    "dnis": "DNIS",
    "ani": "ANI",
    "agent_id": "AgentID",
    "reference_id": "ReferenceID",
    "time": "time",
    "dtmf_digits": "DTMFDigits",
    "private_msg_id": "PrivateMsgID",
    "dn": "DN",
}


def attribute(name: str) -> str:
    """T-Library's name of an attribute: ``other_dn`` is ``OtherDN``, ``user_data`` is ``UserData``."""
    special = _SPECIAL.get(name)
    return special if special is not None else "".join(part.capitalize() for part in name.split("_"))
