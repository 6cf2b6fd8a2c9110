"""``collect`` and ``dtmf`` (RFC 5707 9.6.5): digits are waited for until they match a pattern.

PROMPTING --PROMPTED--> WAITING --PARTLY--> COLLECTING --PARTLY--> COLLECTING
   |                      |   '----MATCH---> MATCHED    <--MATCH------'
   '--------END-----------+----------END-------+--------> OVER

WAITING is limited by ``fdt``, COLLECTING by ``idt``, MATCHED, where more could follow, by ``edt``.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from cordboard.mediaserver.msml.prompt import Prompt, playing
from cordboard.sip.bodies.msml.grammar import Fit, grammar
from cordboard.sip.machine import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.media import PlayEnd, Source
    from cordboard.mediaserver.msml.dialog import Dialog
    from cordboard.sip.bodies.msml.model import Action, Collect, Pattern
    from cordboard.sip.clock import Timer


class State(Enum):
    """How far it is."""

    PROMPTING = "prompting"
    WAITING = "waiting"
    COLLECTING = "collecting"
    MATCHED = "matched"
    OVER = "over"


class Input(Enum):
    """What can happen."""

    PROMPT = "prompt"
    PROMPTED = "prompted"
    PARTLY = "partly"
    MATCH = "match"
    END = "end"


TABLE: Final = Table(
    "collect",
    {
        (State.PROMPTING, Input.PROMPTED): State.WAITING,
        (State.PROMPTING, Input.END): State.OVER,
        (State.WAITING, Input.PARTLY): State.COLLECTING,
        (State.WAITING, Input.MATCH): State.MATCHED,
        (State.WAITING, Input.END): State.OVER,
        (State.WAITING, Input.PROMPT): State.PROMPTING,
        (State.COLLECTING, Input.PARTLY): State.COLLECTING,
        (State.COLLECTING, Input.MATCH): State.MATCHED,
        (State.COLLECTING, Input.PROMPT): State.PROMPTING,
        (State.COLLECTING, Input.END): State.OVER,
        (State.MATCHED, Input.PARTLY): State.COLLECTING,
        (State.MATCHED, Input.MATCH): State.MATCHED,
        (State.MATCHED, Input.PROMPT): State.PROMPTING,
        (State.MATCHED, Input.END): State.OVER,
        (State.OVER, Input.END): State.OVER,
    },
)
"""Where each input leads; PROMPT begins another try. No entry: MachineError."""


class CollectStep:
    """See the module."""

    def __init__(self, dialog: Dialog, step: Collect, row: tuple[Source, ...]) -> None:
        """``row``: what its prompt plays; none without a prompt."""
        self._dialog = dialog
        self._step = step
        self._row = row
        self._patterns = tuple((pattern, grammar(pattern)) for pattern in step.patterns)
        self._prompt = Prompt(dialog)
        self._timer: Timer | None = None
        self._digits = ""
        self._last = ""
        self._long = ""
        self._tries = step.iterate
        self.state = State.PROMPTING

    def _enter(self, what: Input) -> State:
        before = self.state
        self.state = TABLE[before, what]
        return before

    def begin(self) -> None:
        """See :class:`cordboard.mediaserver.msml.steps.Running`."""
        if self._step.clear_digits:
            self._dialog.waiting = ""
        self._try()

    def _try(self) -> None:
        step, dialog = self._step, self._dialog
        prompt = step.prompt
        if prompt is not None and prompt.clear_digits:
            dialog.waiting = ""
        if step.start_timer:
            self._limit(step.first, self._no_input)
        if prompt is None or (prompt.barge and dialog.waiting):
            # Not at once: a step does not end while it begins.
            self._prompt.wait(dialog.server.clock.call_later(0.0, self._prompted))
        else:
            self._prompt.begin(playing(prompt, self._row), self._played)

    def _played(self, why: PlayEnd, ms: int) -> None:  # noqa: ARG002
        self._prompted()

    def _prompted(self) -> None:
        """The prompt is over, or was broken off: digits pressed meanwhile count now."""
        self._prompt.over()
        self._enter(Input.PROMPTED)
        if not self._step.start_timer:
            self._limit(self._step.first, self._no_input)
        waiting, self._dialog.waiting = self._dialog.waiting, ""
        for index, digit in enumerate(waiting):
            if self.state in (State.OVER, State.PROMPTING):
                self._dialog.waiting = waiting[index:] + self._dialog.waiting
                return
            self._take(digit)

    def on_digit(self, digit: str, duration_ms: int) -> bool:
        """See :class:`cordboard.mediaserver.msml.steps.Running`."""
        if self._step.long and duration_ms >= self._step.long:
            self._long = digit
        if self.state is State.PROMPTING:
            prompt = self._step.prompt
            if prompt is None or not prompt.barge:
                return False
            self._prompt.break_off()
            self._prompted()
        if self.state in (State.OVER, State.PROMPTING):
            return False
        self._take(digit)
        return True

    def _take(self, digit: str) -> None:
        self._digits += digit
        self._last = digit
        fits = [(pattern, rules.fit(self._digits)) for pattern, rules in self._patterns]
        whole = next((pattern for pattern, fit in fits if fit is Fit.WHOLE), None)
        match = next((pattern for pattern, fit in fits if fit is Fit.MATCH), None)
        if whole is not None or (match is not None and not self._step.extra):
            self._matched(whole or match)
        elif match is not None:
            self._enter(Input.MATCH)
            self._limit(self._step.extra, lambda: self._matched(match))
        elif any(fit is Fit.PARTLY for _, fit in fits):
            self._enter(Input.PARTLY)
            self._limit(self._step.between, self._no_more)
        else:
            self._failed("dtmf.nomatch", self._step.no_match)

    def _limit(self, ms: int, then: object) -> None:
        self._unlimit()
        if ms:
            self._timer = self._dialog.server.clock.call_later(ms / 1000, then)  # type: ignore[arg-type]

    def _unlimit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _no_more(self) -> None:
        found = next((pattern for pattern, rules in self._patterns if rules.timed_out(self._digits)), None)
        if found is not None:
            self._matched(found)
        else:
            self._failed("dtmf.nomatch", self._step.no_match)

    def _no_input(self) -> None:
        self._failed("dtmf.noinput", self._step.no_input)

    def _matched(self, pattern: Pattern | None) -> None:
        rules = next(rules for one, rules in self._patterns if one is pattern)
        assert pattern is not None  # noqa: S101 - one of them
        self._end("dtmf.match", rules.collected(self._digits), pattern.then)

    def _failed(self, why: str, actions: Iterable[Action]) -> None:
        """Another try, if one is left."""
        if self._tries != 1:
            self._tries = max(0, self._tries - 1)
            self._digits = ""
            if self.state is not State.PROMPTING:
                self._enter(Input.PROMPT)
            self._prompt.break_off()
            self._unlimit()
            self._try()
            return
        self._end(why, self._digits, actions)

    def _end(self, why: str, digits: str, actions: Iterable[Action]) -> None:
        self._enter(Input.END)
        self._unlimit()
        self._prompt.break_off()
        found = {"dtmf_digits": digits, "dtmf_len": str(len(digits)), "dtmf_last": self._last, "dtmf_end": why}
        if self._long:
            found["dtmf_long"] = self._long
        self._dialog.step_over((*actions, *self._step.then), **found)

    def on_event(self, event: str) -> bool:
        """``starttimer`` runs ``fdt`` from now on; others are for the prompt."""
        if event == "starttimer":
            if self.state in (State.PROMPTING, State.WAITING):
                self._limit(self._step.first, self._no_input)
            return True
        return self._prompt.on_event(event)

    def stop(self) -> None:
        """See :class:`cordboard.mediaserver.msml.steps.Running`."""
        self._end("dtmf.terminated", self._digits, ())

    def abandon(self) -> None:
        """See :class:`cordboard.mediaserver.msml.steps.Running`."""
        self._enter(Input.END)
        self._unlimit()
        self._prompt.break_off()
