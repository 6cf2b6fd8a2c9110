"""Strangers: programs that others wrote, driven by tests and by ``make demo-check``.

``Baresip`` and ``Linphone`` are phones with a voice and an ear, ``sipp`` plays scenarios and grades both parties,
``tshark`` finds malformed packets, ``tone`` tells whether a sine is heard in a recording. Every wait has a deadline;
every program is ended by its pid.
"""

from cordboard.testkit.strangers.baresip import Account, Baresip
from cordboard.testkit.strangers.linphone import Linphone
from cordboard.testkit.strangers.program import MissingProgramError, StrangerError
from cordboard.testkit.strangers.tone import NotHeardError, assert_heard

__all__ = ["Account", "Baresip", "Linphone", "MissingProgramError", "NotHeardError", "StrangerError", "assert_heard"]
