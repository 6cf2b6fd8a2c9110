"""Why a call is not delivered, and what that means to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.enums import CallState
from cordboard.model.errors import Code, TLibError
from cordboard.switch.legs import Failure
from cordboard.switch.records import Outcome, ReleasedBy
from cordboard.switch.routing import SIPS_NOT_ALLOWED

if TYPE_CHECKING:
    from cordboard import _core


class Refusal(Failure):
    """Why a call is not delivered; as a Failure, with what it means to the caller."""

    __slots__ = ("_why", "by", "headers", "outcome", "state")

    def __init__(
        self,
        outcome: str,
        status: int,
        state: CallState,
        why: str,
        by: str = ReleasedBy.SERVER,
        message: _core.Message | None = None,
        *,
        timeout: bool = False,
        headers: _core.Headers = (),
    ) -> None:
        super().__init__(status, message, timeout=timeout)
        self.outcome = outcome
        self.state = state
        """CallState of the caller's EventDestinationBusy."""
        self.by = by
        """Who is to blame, one of ReleasedBy."""
        self._why = why
        self.headers = headers
        """What the caller is told besides."""

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self._why


UNKNOWN: Final = Refusal(Outcome.UNKNOWN_NUMBER, 404, CallState.SIT_INVALID_NUMBER, "unknown number", ReleasedBy.CALLEE)
OUT_OF_SERVICE: Final = Refusal(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "out of service")
NO_TLS: Final = Refusal(
    Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "no TLS to the callee", headers=SIPS_NOT_ALLOWED
)
NO_TRUNK: Final = Refusal(Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR, "no trunk available")
FULL: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "max-calls")
ITSELF: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "called itself", ReleasedBy.CALLEE)
DND: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "do not disturb", ReleasedBy.CALLEE)
ANONYMOUS: Final = Refusal(Outcome.REJECTED, 433, CallState.GENERAL_ERROR, "anonymous", ReleasedBy.CALLEE)
LOOP: Final = Refusal(Outcome.UNREACHABLE, 482, CallState.GENERAL_ERROR, "forwarding loop")
DECLINED: Final = Refusal(Outcome.REJECTED, 603, CallState.BUSY, "ReleaseCall", ReleasedBy.CALLEE)
NOT_ROUTED: Final = Refusal(Outcome.NO_ANSWER, 480, CallState.GENERAL_ERROR, "not routed")
NOBODY_FREE: Final = Refusal(Outcome.BUSY, 486, CallState.BUSY, "no member free")
NOBODY_ANSWERED: Final = Refusal(Outcome.NO_ANSWER, 480, CallState.NO_ANSWER, "no member answered")


def outcome_of(failure: Failure) -> tuple[str, int, CallState]:
    """What a failure of the callee is called: outcome, status for the caller, CallState of EventDestinationBusy.

    A status that means something to the caller passes. One that is between us and the phone (3xx, 401, 407, 408, 481,
    503 and so on) does not: the caller is told 480, the callee cannot be reached now. A contact without an address is
    404 if its host does not exist, 503 if the name service does not say.
    """
    status = failure.status
    if failure.timeout:
        return Outcome.NO_ANSWER, 480, CallState.NO_ANSWER
    if failure.problem is not None:
        return Outcome.UNREACHABLE, status, CallState.GENERAL_ERROR
    if failure.message is None or status in (408, 503):
        return Outcome.UNREACHABLE, 480, CallState.GENERAL_ERROR
    if status in (486, 600):
        return Outcome.BUSY, status, CallState.BUSY
    if status in (404, 410, 484, 485, 604):
        return Outcome.UNKNOWN_NUMBER, status, CallState.SIT_INVALID_NUMBER
    if status == 480:
        return Outcome.NO_ANSWER, 480, CallState.NO_ANSWER
    if status in (403, 406, 415, 421, 422, 433, 488, 493, 603, 606, 607, 608):
        return Outcome.REJECTED, status, CallState.BUSY if status == 603 else CallState.GENERAL_ERROR
    if status >= 600:
        return Outcome.REJECTED, status, CallState.GENERAL_ERROR
    if status >= 500:
        return Outcome.FAILED, 500, CallState.SYSTEM_ERROR
    return Outcome.REJECTED, 480, CallState.GENERAL_ERROR


def refusal_of(failure: Failure) -> Refusal:
    """What a failure of the callee means."""
    if isinstance(failure, Refusal):
        return failure
    outcome, status, state = outcome_of(failure)
    by = ReleasedBy.SERVER if failure.timeout else ReleasedBy.CALLEE
    return Refusal(outcome, status, state, failure.reason, by, failure.message, timeout=failure.timeout)


_CODES: Final = {404: Code.INVALID_DESTINATION, 480: Code.OUT_OF_SERVICE, 486: Code.DN_BUSY}


def error_of(status: int) -> TLibError:
    """What a desktop is told of somebody it wanted called into a call, by the status that calling him ended with."""
    return TLibError(_CODES.get(status, Code.PHONE_REFUSED), str(status))
