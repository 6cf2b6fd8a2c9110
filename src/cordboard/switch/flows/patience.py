"""A desktop's request that comes while a call's media is being changed waits for the end of that change.

EventEstablished is told when the phone answers, and the desktop may be quicker with its next request than the phones
are with what remains to be exchanged. A call that rings, or is being transferred, is not waited for: it may take long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordboard.model.errors import Code, TLibError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cordboard.switch.callflow import CallFlow

    Done = Callable[[TLibError | None], None]
    """Told when a request is carried out, or why it was not."""

STEP: Final = 0.02
"""Seconds between two looks."""

LOOKS: Final = 250
"""How often it is looked: five seconds, which is longer than a glare takes."""


def in_change(flow: CallFlow) -> bool:
    """Whether a change is under way that ends soon."""
    waits = flow.transfer is not None and not flow.transfer.joining
    return flow.call.answered_at > 0 and not flow.over and not waits and not flow.settled


def when_settled(flows: Sequence[CallFlow], go: Callable[[], None], done: Done) -> None:
    """Has something done when no call of those is in change, at once if none is.

    ``go`` looks at their states itself. What it raises at once is raised; what it raises later goes to ``done``.
    """
    if any(in_change(flow) for flow in flows):
        _Waiting(flows, go, done).wait()
    else:
        go()


class _Waiting:
    __slots__ = ("_done", "_flows", "_go", "_looks")

    def __init__(self, flows: Sequence[CallFlow], go: Callable[[], None], done: Done) -> None:
        self._flows = flows
        self._go = go
        self._done = done
        self._looks = 0

    @property
    def flow(self) -> CallFlow:
        """The call that ends if what waits fails with an error nobody foresaw."""
        return self._flows[0]

    def wait(self) -> None:
        self._looks += 1
        self._flows[0].server.clock.call_later(STEP, self._look)

    def _look(self) -> None:
        if self._looks < LOOKS and any(in_change(flow) for flow in self._flows):
            self.wait()
            return
        try:
            self._go()
        except TLibError as error:
            self._done(error)
        except Exception:
            self._done(TLibError(Code.INTERNAL))
            raise
