"""VerifyDigits: what a party presses is compared with a number, and asked for again while it may be."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cordboard.sip.bodies.msml import model

RESULT: Final = "verify.result"
"""Key of the outcome among what the dialog found out."""

MATCHED: Final = "matched"
NOT_MATCHED: Final = "not matched"
NO_INPUT: Final = "no input"


class Verification:
    """What follows a dialog that has collected digits: the same once more, or the outcome.

    It is compared here, not by a pattern at the Media Server, which would say no at the first wrong digit.
    """

    __slots__ = ("_expected", "_left", "steps")

    def __init__(self, expected: str, retries: int, steps: tuple[model.Step, ...]) -> None:
        self._expected = expected
        self._left = retries
        self.steps = steps
        """The dialog."""

    def __call__(self, found: dict[str, str]) -> tuple[model.Step, ...]:
        """See Following."""
        digits = found.get("dtmf.digits", "")
        if compare_digest(digits.encode(), self._expected.encode()):
            found[RESULT] = MATCHED
        elif self._left:
            self._left -= 1
            return self.steps
        else:
            found[RESULT] = NOT_MATCHED if digits else NO_INPUT
        return ()
