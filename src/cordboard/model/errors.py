"""Errors of the model, and the numbers T-Library gives them.

Numbers below 1000 are those a T-Server is known to send. Numbers from 20000 are Cordboard's own, for what has none.
"""

from typing import Final


class Code:
    """ErrorCode of EventError."""

    NOT_REGISTERED: Final = 41
    ALREADY_IN_STATE: Final = 43
    UNKNOWN: Final = 50
    UNSUPPORTED: Final = 51
    INTERNAL: Final = 52
    INVALID_ATTRIBUTE: Final = 53
    NO_SWITCH: Final = 54
    INVALID_CONNECTION_ID: Final = 56
    TIMEOUT: Final = 57
    OUT_OF_SERVICE: Final = 58
    DN_NOT_CONFIGURED: Final = 59
    INVALID_CALLED_DN: Final = 71
    TARGET_DN_INVALID: Final = 177
    DN_BUSY: Final = 231
    INVALID_DESTINATION: Final = 415
    INVALID_CALL: Final = 496
    WRONG_STATE: Final = 20_001
    NO_SUCH_PARTY: Final = 20_002
    USER_DATA: Final = 20_003
    DRAINING: Final = 20_004
    TOO_MANY_CALLS: Final = 20_005
    PHONE_REFUSED: Final = 20_006
    PHONE_NO_ANSWER: Final = 20_007
    SAME_DN: Final = 20_008
    NO_SERVICE: Final = 20_009
    TOO_BUSY: Final = 20_010


MESSAGES: Final[dict[int, str]] = {
    Code.NOT_REGISTERED: "Client has not registered for DN",
    Code.ALREADY_IN_STATE: "Object is already in the requested state",
    Code.UNKNOWN: "Unknown error",
    Code.UNSUPPORTED: "Unsupported operation",
    Code.INTERNAL: "Internal error",
    Code.INVALID_ATTRIBUTE: "Invalid attribute value",
    Code.NO_SWITCH: "Switch not connected",
    Code.INVALID_CONNECTION_ID: "Invalid connection ID",
    Code.TIMEOUT: "Timeout expired",
    Code.OUT_OF_SERVICE: "Out of service",
    Code.DN_NOT_CONFIGURED: "DN is not configured",
    Code.INVALID_CALLED_DN: "Invalid called DN",
    Code.TARGET_DN_INVALID: "Target DN invalid",
    Code.DN_BUSY: "DN is busy",
    Code.INVALID_DESTINATION: "Invalid Destination DN",
    Code.INVALID_CALL: "Invalid call ID",
    Code.WRONG_STATE: "The party is not in a state for this request",
    Code.NO_SUCH_PARTY: "The DN is not a party of the call",
    Code.USER_DATA: "UserData cannot be attached",
    Code.DRAINING: "The server is draining",
    Code.TOO_MANY_CALLS: "The server has as many calls as it may",
    Code.PHONE_REFUSED: "The phone refused the call",
    Code.PHONE_NO_ANSWER: "The phone did not answer",
    Code.TOO_BUSY: "The server is too busy for new calls",
    Code.NO_SERVICE: "No media service is available",
    Code.SAME_DN: "A DN cannot call itself",
}
"""ErrorMessage for each number."""


class ModelError(Exception):
    """A request or an input that the model cannot take."""


class TLibError(ModelError):
    """What a desktop is told as EventError."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = code
        """One of :class:`Code`."""
        self.detail = detail
        """What exactly, for people; may be empty."""
        self.message = f"{MESSAGES[code]}: {detail}" if detail else MESSAGES[code]
        """ErrorMessage."""
        super().__init__(f"{code} {self.message}")


class PartyStateError(ModelError):
    """A party was given an input its state has no entry for. The caller's mistake."""

    def __init__(self, number: str, state: str, move: str) -> None:
        self.number = number
        """The party's number."""
        self.state = state
        """The state it is in."""
        self.move = move
        """The input."""
        super().__init__(f"party {number}: no {move} in state {state}")
