"""Which runs can be reached by a key, and why the others cannot: known before it is pressed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from guardrun.state.log_words import log_words
from guardrun.state.model import Status
from guardtui import formatting
from guardtui.snapshot import RunView
from guardtui.text import Tone, clean


class Fate(NamedTuple):
    """What a dialog would do to one run."""

    view: RunView
    words: str
    tone: Tone
    included: bool
    """Whether anything will be asked of it."""
    loses_work: bool = False


def barred(view: RunView) -> str:
    """Why nobody here can ask anything of this run; "" when it can be asked."""
    if view.state.source:
        return f"is a {clean(log_words(view.state.source))}: guard did not start it and only watches"
    if view.owner:
        return f"belongs to {clean(view.owner)}"
    return clean(view.unwritable)


def idle_keys(views: Sequence[RunView]) -> dict[str, str]:
    """Actions of keys that would do nothing to any of these runs, each with the reason: it "is over"."""
    if not views:
        return {}
    why: dict[str, str] = {}
    if all(map(barred, views)):
        why = dict.fromkeys(_REMARKS, barred(views[0]))
    fates: dict[str, Callable[[RunView], Fate]] = {
        "stop": _stages_or_stop, "stop_now": _stages_or_stop,
        "checkpoint": checkpoint_fate, "resume": resume_fate,
    }  # fmt: skip
    for action, fate in fates.items():
        if not any(fate(view).included for view in views):
            why[action] = fate(views[0]).words
    return why


_REMARKS = ("note", "tags", "acknowledge", "snooze")


def _stages_or_stop(view: RunView) -> Fate:
    """Of a stop under way the same keys show the stages."""
    fate = stop_fate(view, now=False)
    return fate._replace(included=True) if view.state.status is Status.STOPPING else fate


def stop_fate(view: RunView, *, now: bool = False) -> Fate:
    """What a stop would do to it."""
    refusal = _not_live(view)
    if refusal:
        return Fate(view, refusal, "dim", included=False)
    state = view.state
    if state.status is Status.STOPPING:
        return Fate(view, "is stopping already", "dim", included=False)
    if not state.can_save:
        return Fate(view, "cannot be saved by guard: loses work", "bad", True, loses_work=True)
    if now and state.phase == "eval":
        return Fate(view, f"loses its evaluation{steps_at_risk(view)}", "bad", True, loses_work=True)
    best = state.best
    if best is None:
        return Fate(view, "has no best yet", "text", True)
    metric = f" ({formatting.number(best.metric)})" if best.metric is not None else ""
    return Fate(view, f"keeps best: step {formatting.count(best.step)}{metric}", "text", True)


def steps_at_risk(view: RunView) -> str:
    """`` and 38 steps`` that lie behind the last checkpoint; "" for none."""
    last = view.state.last
    lost = view.state.step - (last.step if last is not None else 0)
    return f" and {formatting.count(lost)} step{'s' if lost > 1 else ''}" if lost > 0 else ""


def checkpoint_fate(view: RunView) -> Fate:
    """What asking for a checkpoint would do to it."""
    refusal = _not_live(view)
    state = view.state
    if not refusal and state.status is Status.STOPPING:
        refusal = "is stopping, and saves last by that"
    if not refusal and state.status is Status.STARTING:
        refusal = "has no step yet"
    if not refusal and not state.can_save:
        refusal = "cannot be saved by guard"
    if refusal:
        return Fate(view, refusal, "dim", included=False)
    last = "no checkpoint yet" if state.last is None else f"last: step {formatting.count(state.last.step)}"
    return Fate(view, f"saves at its next step; {last}", "text", True)


def resume_fate(view: RunView) -> Fate:
    """What a resume would do to it, as far as can be told without asking the command."""
    state = view.state
    reason = barred(view)
    if not reason and state.status.live:
        reason = f"is {state.status.value}: there is nothing to resume"
    if not reason and state.last is None and state.best is None:
        reason = "has no checkpoint to resume from"
    if reason:
        return Fate(view, reason, "dim", included=False)
    ref = state.last or state.best
    step = formatting.count(ref.step) if ref is not None else ""
    return Fate(view, f"goes on from step {step}, as attempt {state.attempt + 1}", "text", True)


def _not_live(view: RunView) -> str:
    state = view.state
    if state.source:
        return barred(view)
    if not state.status.live:
        if state.status is Status.LOST:
            return "nobody answers for it"
        return f"is over: {state.status.value}"
    if state.status is Status.QUEUED:
        return "waits in a queue: guard stop takes it out"
    return barred(view)
