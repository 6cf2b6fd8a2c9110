"""The enumerations of T-Library, with its numbers. They travel as numbers."""

from enum import IntEnum


class CallType(IntEnum):
    """What a call is to the switch."""

    UNKNOWN = 0
    INTERNAL = 1
    INBOUND = 2
    OUTBOUND = 3
    CONSULT = 4


class CallState(IntEnum):
    """Why an event happened to a call; most events carry OK."""

    OK = 0
    TRANSFERRED = 1
    CONFERENCED = 2
    GENERAL_ERROR = 3
    SYSTEM_ERROR = 4
    REMOTE_RELEASE = 5
    BUSY = 6
    NO_ANSWER = 7
    SIT_DETECTED = 8
    SIT_INVALID_NUMBER = 11
    QUEUE_FULL = 18
    CLEARED = 19
    OVERFLOWED = 20
    ABANDONED = 21
    REDIRECTED = 22
    FORWARDED = 23
    CONSULT = 24
    PICKED_UP = 25
    DROPPED = 26
    COVERED = 29
    BRIDGED = 31
    DEAFENED = 49
    HELD = 50


class DNRole(IntEnum):
    """The part a DN plays in a call."""

    UNKNOWN = 0
    ORIGINATION = 1
    DESTINATION = 2
    CONFERENCE_MEMBER = 3
    NEW_PARTY = 4
    ADDED_BY = 5
    DELETED_BY = 6
    TRANSFERRED_BY = 7
    DELETED_PARTY = 8
    CONFERENCED_BY = 9
    OBSERVER = 10


class WorkMode(IntEnum):
    """How an agent is ready or not ready."""

    UNKNOWN = 0
    MANUAL_IN = 1
    AUTO_IN = 2
    AFTER_CALL_WORK = 3
    AUX_WORK = 4
    NO_CALL_DISCONNECT = 5
    WALK_AWAY = 6
    RETURN_BACK = 7


class ForwardMode(IntEnum):
    """When a DN forwards its calls."""

    NONE = 0
    UNCONDITIONAL = 1
    ON_BUSY = 2
    ON_NO_ANSWER = 3
    ON_BUSY_AND_NO_ANSWER = 4
    SEND_ALL_CALLS = 5


class AddressType(IntEnum):
    """What kind of address a DN is."""

    UNKNOWN = 0
    DN = 1
    POSITION = 2
    QUEUE = 3
    ROUTE_DN = 4
    TRUNK = 5


class RegisterMode(IntEnum):
    """How a link shares a DN with other links."""

    SHARE = 0
    PRIVATE = 1
    MONITOR = 2


class MakeCallType(IntEnum):
    """The kind of call MakeCall asks for."""

    REGULAR = 0
    DIRECT_AGENT = 1
    SUPERVISOR_ASSIST = 2


class TreatmentType(IntEnum):
    """What ApplyTreatment has done to a party that waits."""

    UNKNOWN = 0
    IVR = 1
    MUSIC = 2
    RING_BACK = 3
    SILENCE = 4
    BUSY = 5
    COLLECT_DIGITS = 6
    PLAY_ANNOUNCEMENT = 7
    PLAY_ANNOUNCEMENT_AND_DIGITS = 8
    VERIFY_DIGITS = 9
    RECORD_USER_ANNOUNCEMENT = 10
    DELETE_USER_ANNOUNCEMENT = 11
    CANCEL_CALL = 12
    PLAY_APPLICATION = 13
    SET_DEFAULT_ROUTE = 14
    TEXT_TO_SPEECH = 15
    TEXT_TO_SPEECH_AND_DIGITS = 16
    FAST_BUSY = 17
    RAN = 18


class PrivateMessage(IntEnum):
    """PrivateMsgID: what PrivateService asks for, and what EventPrivateInfo tells.

    That recording is asked for so is known of T-Library; which numbers it takes for it is nowhere published: ours.
    """

    RECORD_START = 3013
    RECORD_STOP = 3014
    RECORD_PAUSE = 3015
    RECORD_RESUME = 3016
    RECORD_STARTED = 4013
    RECORD_STOPPED = 4014
    RECORD_PAUSED = 4015
    RECORD_RESUMED = 4016
