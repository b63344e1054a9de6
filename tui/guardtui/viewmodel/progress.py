"""How far a run is: fraction, bar, and the words beside it."""

from __future__ import annotations

from guardrun.state.model import RunState, Status
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.text import Line, Tone, line


def fraction(state: RunState) -> float | None:
    """Steps done of steps planned (else epochs), in [0, 1]; None when no total is known."""
    if state.total_steps:
        return min(1.0, max(0.0, state.step / state.total_steps))
    if state.total_epochs and state.epoch is not None:
        done = state.total_epochs if state.status is Status.FINISHED else state.epoch
        return min(1.0, max(0.0, done / state.total_epochs))
    return None


def bar(state: RunState, width: int, g: Glyphs) -> Line:
    """A progress bar of ``width`` cells; empty when nothing is known or there is no room."""
    part = fraction(state)
    if part is None or width < 3:
        return ()
    full = round(part * width) if part < 1 else width
    if 0 < part < 1:
        full = min(width - 1, max(1, full))
    return line((g.bar * full, bar_tone(state.status)), (g.bar_rest * (width - full), "rest"))


def bar_tone(status: Status) -> Tone:
    """Live bars stand out, finished ones are calm, failed ones are not hidden."""
    if status in (Status.ABORTED, Status.FAILED, Status.KILLED, Status.HUNG):
        return "bad"
    if status is Status.FINISHED:
        return "good"
    return "accent" if status.live else "dim"


def steps_words(state: RunState) -> str:
    """``step 1,240 of 2,000`` or as much of it as is known."""
    total = f" of {formatting.count(state.total_steps)}" if state.total_steps else ""
    return f"step {formatting.count(state.step)}{total}"


def epoch_words(state: RunState) -> str:
    """``epoch 3 of 10`` (counted from one, for people), or nothing."""
    if state.epoch is None:
        return ""
    number = state.epoch + 1
    if state.total_epochs is None:
        return f"epoch {number}"
    return f"epoch {min(number, state.total_epochs)} of {state.total_epochs}"


def eta_words(state: RunState) -> str:
    """Remaining time in one unit; nothing for a run that is over."""
    return formatting.brief(state.eta_s) if state.status.live and state.eta_s is not None else ""
