"""The kinds of value an option can have: how each is read from text, printed, and described.

For every kind and every value ``parse(text(value)) == value``. ``parse`` raises :class:`BadValueError` and nothing
else.
"""

from cordboard.config.kinds.addresses import (
    TRANSPORTS,
    DomainList,
    Host,
    ListenList,
    NameServerList,
    PeerList,
    SipUri,
    SocketAddress,
    is_address,
    is_host,
    is_sip_uri,
    split_listen,
    split_name_server,
    split_socket_address,
)
from cordboard.config.kinds.kind import BadValueError, Kind, Native, is_line
from cordboard.config.kinds.lists import CHALLENGED_METHODS, ChoiceList, MethodList
from cordboard.config.kinds.numbers import DN_ALLOWED, DnList, DnNumber, is_dn
from cordboard.config.kinds.plain import Boolean, Choice, Duration, Integer, Text
from cordboard.config.kinds.secrets import SecretHex, SecretText

__all__ = [
    "CHALLENGED_METHODS",
    "DN_ALLOWED",
    "TRANSPORTS",
    "BadValueError",
    "Boolean",
    "Choice",
    "ChoiceList",
    "DnList",
    "DnNumber",
    "DomainList",
    "Duration",
    "Host",
    "Integer",
    "Kind",
    "ListenList",
    "MethodList",
    "NameServerList",
    "Native",
    "PeerList",
    "SecretHex",
    "SecretText",
    "SipUri",
    "SocketAddress",
    "Text",
    "is_address",
    "is_dn",
    "is_host",
    "is_line",
    "is_sip_uri",
    "split_listen",
    "split_name_server",
    "split_socket_address",
]
