"""The steps of a dialog (RFC 5707 9.6 to 9.9): play, tones, digits sent, digits collected, record.

A step tells its dialog once that it is over, and never from within :meth:`Running.begin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cordboard.media import PlayEnd, Playing, RecordEnd, Recording, Waves
from cordboard.mediaserver.msml.collect import CollectStep
from cordboard.mediaserver.msml.prompt import Prompt, playing
from cordboard.mediaserver.recordings import PlaceError, is_announcement
from cordboard.mediaserver.sounds import SoundError
from cordboard.sip.bodies.msml import model
from cordboard.sip.bodies.msml.model import MsmlError, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cordboard.media import Recorder, Source
    from cordboard.mediaserver.leg import ServedLeg
    from cordboard.mediaserver.msml.dialog import Dialog
    from cordboard.mediaserver.recordings import Place
    from cordboard.mediaserver.sounds import Sounds
    from cordboard.sip.clock import Timer


class Running(Protocol):
    """A step while it goes on."""

    def begin(self) -> None:
        """Begins."""

    def on_digit(self, digit: str, duration_ms: int) -> bool:
        """The party pressed a digit; whether the step has taken it."""

    def on_event(self, event: str) -> bool:
        """An event for it; whether it knows it."""

    def stop(self) -> None:
        """Ends it, as by ``terminate``: it still tells that it is over."""

    def abandon(self) -> None:
        """Ends it without a word."""


def sources(sounds: Sounds, play: model.Play) -> tuple[Source, ...]:
    """What is played. Raises SoundError."""
    found: list[Source] = []
    for sound in play.sounds:
        match sound:
            case model.Audio():
                found.append(sounds.find(sound.uri, play.language))
            case model.Variable():
                language = sound.language or play.language
                found += sounds.say(sound.type, sound.value, sound.subtype, language)
            case model.Speech():
                found.append(sounds.speak(sound.text, sound.language or play.language))
    return tuple(found)


_PLAYED = {
    PlayEnd.COMPLETE: "play.complete",
    PlayEnd.DURATION: "play.complete.maxtime",
    PlayEnd.STOPPED: "play.terminated",
    PlayEnd.FAILED: "play.failed",
}


class PlayStep:
    """``play`` (RFC 5707 9.6.1)."""

    def __init__(self, dialog: Dialog, step: model.Play, row: tuple[Source, ...]) -> None:
        self._dialog = dialog
        self._step = step
        self._row = row
        self._prompt = Prompt(dialog)
        self._barged = False

    def begin(self) -> None:
        """See :class:`Running`."""
        dialog, step = self._dialog, self._step
        if step.clear_digits:
            dialog.waiting = ""
        self._prompt.begin(playing(step, self._row), self._played)
        if step.barge and dialog.waiting:
            self._barge()

    def _barge(self) -> None:
        self._barged = True
        self._prompt.stop()

    def _played(self, why: PlayEnd, ms: int) -> None:
        if why is PlayEnd.FAILED:
            self._dialog.server.log.warning("not played", dialog=self._dialog.id, ms=ms)
        end = "play.complete.barge" if self._barged and why is PlayEnd.STOPPED else _PLAYED[why]
        self._dialog.step_over(self._step.then, play_amt=f"{ms}", play_end=end)

    def on_digit(self, digit: str, duration_ms: int) -> bool:  # noqa: ARG002
        """See :class:`Running`. The digit is kept for who collects digits next."""
        if self._step.barge and not self._barged:
            self._barge()
        return False

    def on_event(self, event: str) -> bool:
        """See :class:`Running`."""
        return self._prompt.on_event(event)

    def stop(self) -> None:
        """See :class:`Running`."""
        self._prompt.stop()

    def abandon(self) -> None:
        """See :class:`Running`."""
        self._prompt.break_off()


class TonesStep:
    """``tonegen`` (RFC 5707 9.6.4)."""

    def __init__(self, dialog: Dialog, step: model.GenerateTones) -> None:
        self._dialog = dialog
        self._step = step
        self._prompt = Prompt(dialog)

    def begin(self) -> None:
        """See :class:`Running`."""
        row = tuple(Waves(tone.duration, tone.frequencies) for tone in self._step.tones)
        self._prompt.begin(Playing(row, self._step.iterate), self._played)

    def _played(self, why: PlayEnd, ms: int) -> None:  # noqa: ARG002
        end = {PlayEnd.STOPPED: "tonegen.terminated", PlayEnd.FAILED: "tonegen.failed"}.get(why, "tonegen.complete")
        self._dialog.step_over(self._step.then, tonegen_end=end)

    def on_digit(self, digit: str, duration_ms: int) -> bool:  # noqa: ARG002
        """See :class:`Running`."""
        return False

    def on_event(self, event: str) -> bool:  # noqa: ARG002
        """See :class:`Running`."""
        return False

    def stop(self) -> None:
        """See :class:`Running`."""
        self._prompt.stop()

    def abandon(self) -> None:
        """See :class:`Running`."""
        self._prompt.break_off()


class DigitsStep:
    """``dtmfgen`` (RFC 5707 9.6.3)."""

    def __init__(self, dialog: Dialog, step: model.GenerateDigits, leg: ServedLeg) -> None:
        self._dialog = dialog
        self._step = step
        self._leg = leg
        self._timer: Timer | None = None

    def begin(self) -> None:
        """See :class:`Running`."""
        step = self._step
        ms = self._leg.media.send_digits(step.digits, step.duration, step.interval)
        self._timer = self._dialog.server.clock.call_later(ms / 1000, lambda: self._end("dtmfgen.complete"))

    def _end(self, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._dialog.step_over(self._step.then, dtmfgen_end=why)

    def on_digit(self, digit: str, duration_ms: int) -> bool:  # noqa: ARG002
        """See :class:`Running`."""
        return False

    def on_event(self, event: str) -> bool:  # noqa: ARG002
        """See :class:`Running`."""
        return False

    def stop(self) -> None:
        """See :class:`Running`. Digits that are on their way are sent all the same."""
        self._end("dtmfgen.terminated")

    def abandon(self) -> None:
        """See :class:`Running`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_RECORDED = {
    RecordEnd.STOPPED: "record.terminated",
    RecordEnd.MAX: "record.complete.maxlength",
    RecordEnd.SILENCE: "record.complete.postspeech",
    RecordEnd.NO_SPEECH: "record.failed.prespeech",
    RecordEnd.FAILED: "record.failed",
}


class RecordStep:
    """``record`` (RFC 5707 9.6.6)."""

    def __init__(self, dialog: Dialog, step: model.Record, row: tuple[Source, ...], place: Place) -> None:
        self._dialog = dialog
        self._step = step
        self._row = row
        self._place = place
        self._prompt = Prompt(dialog)
        self._recorder: Recorder | None = None
        self._paused = False
        self._key = False
        self._stopped = False
        self._over = False

    def begin(self) -> None:
        """See :class:`Running`."""
        prompt = self._step.prompt
        if prompt is None:
            self._record()
            return
        dialog = self._dialog
        if prompt.clear_digits:
            dialog.waiting = ""
        self._prompt.begin(playing(prompt, self._row), self._played)

    def _played(self, why: PlayEnd, ms: int) -> None:  # noqa: ARG002
        if self._stopped:
            self._recorded(RecordEnd.STOPPED, 0)
        else:
            self._record()

    def _record(self) -> None:
        step = self._step
        limit = self._dialog.server.settings.longest_record * 1000
        self._place.began(self._dialog.holder)
        recording = Recording(
            self._place.path,
            min(step.maxtime or limit, limit),
            step.prespeech,
            step.postspeech,
            step.beep,
            step.append,
            1 if is_announcement(self._place.id) else self._dialog.server.settings.record_channels,
        )
        self._recorder = self._dialog.holder.sound.record(recording, self._recorded)
        self._dialog.server.log.info("recording begun", dialog=self._dialog.id, recording=self._place.id)

    def _recorded(self, why: RecordEnd, ms: int) -> None:
        self._recorder = None
        self._place.ended(why, ms)
        end = "record.complete.termkey" if self._key and why is RecordEnd.STOPPED else _RECORDED[why]
        log = self._dialog.server.log
        tell = log.warning if why is RecordEnd.FAILED and not self._over else log.info
        tell("recording ended", dialog=self._dialog.id, recording=self._place.id, why=end, ms=ms)
        if self._over:
            return
        self._over = True
        self._dialog.step_over(self._step.then, record_len=f"{ms}", record_end=end, record_recordid=self._place.id)

    def on_digit(self, digit: str, duration_ms: int) -> bool:  # noqa: ARG002
        """See :class:`Running`. A digit ends a prompt that may be barged, the key the recording."""
        if self._recorder is None:
            prompt = self._step.prompt
            if prompt is not None and prompt.barge:
                self._prompt.stop()
            return True
        if digit == self._step.termkey:
            self._key = True
            self._recorder.stop()
        return True

    def on_event(self, event: str) -> bool:
        """See :class:`Running`: ``pause``, ``resume``, ``toggle-state`` of what is recorded."""
        recorder = self._recorder
        if recorder is None:
            return self._prompt.on_event(event)
        if event not in ("pause", "resume", "toggle-state"):
            return False
        self._paused = not self._paused if event == "toggle-state" else event == "pause"
        self._place.paused(paused=self._paused)
        if self._paused:
            recorder.pause()
        else:
            recorder.resume()
        return True

    def stop(self) -> None:
        """See :class:`Running`."""
        self._stopped = True
        if self._recorder is not None:
            self._recorder.stop()
        self._prompt.stop()

    def abandon(self) -> None:
        """See :class:`Running`."""
        self._over = True
        if self._recorder is not None:
            self._recorder.stop()
        self._prompt.break_off()


Step = Running | model.Action


def prepare(dialog: Dialog, steps: Iterable[model.Step]) -> list[Step]:
    """The steps of a dialog, with all they will need. Raises MsmlError for what cannot be had."""
    return [_prepared(dialog, step) for step in steps]


def _check(*rows: Iterable[model.Action]) -> None:
    for action in (action for row in rows for action in row):
        if isinstance(action, model.Send) and action.target != "source":
            raise MsmlError(Response.INVALID_VALUE, f"send within a dialog goes to source, not {action.target[:40]}")


def _prepared(dialog: Dialog, step: model.Step) -> Step:
    sounds, leg = dialog.server.sounds, dialog.holder.one
    try:
        match step:
            case model.Play():
                _check(step.then)
                return PlayStep(dialog, step, sources(sounds, step))
            case model.GenerateTones():
                _check(step.then)
                return TonesStep(dialog, step)
            case model.Record():
                _check(step.then)
                row = sources(sounds, step.prompt) if step.prompt is not None else ()
                return RecordStep(dialog, step, row, dialog.server.recordings.place(step.dest, step.format))
            case model.GenerateDigits():
                _check(step.then)
                if leg is None:
                    raise MsmlError(Response.UNSUPPORTED_ELEMENT, "digits are sent to a leg, not to a conference")
                return DigitsStep(dialog, step, leg)
            case model.Collect():
                _check(step.then, step.no_input, step.no_match, *(pattern.then for pattern in step.patterns))
                if leg is None:
                    raise MsmlError(Response.UNSUPPORTED_ELEMENT, "digits are collected from a leg, not a conference")
                row = sources(sounds, step.prompt) if step.prompt is not None else ()
                return CollectStep(dialog, step, row)
            case _:
                _check((step,))
                return step
    except SoundError as error:
        raise MsmlError(Response.FETCH, f"{error.asked[:60]}: {error.reason}") from None
    except PlaceError as error:
        raise MsmlError(Response.NO_RESOURCE if error.ours else Response.INVALID_VALUE, error.reason) from None
