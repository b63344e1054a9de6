"""The top of the run screen: what it is, how far, how good, what is kept."""

from __future__ import annotations

import math
from typing import Final

from guardrun.state.log_words import log_words
from guardrun.state.model import CheckpointRef, RunState, Status
from guardrun.state.money import money_words
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Bit, Line, clean, line, packed, shorten_start, spread, width_of
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.progress import bar, epoch_words, eta_words, fraction, steps_words
from guardtui.viewmodel.stages import stage_words

_REASONS: Final = {
    "completed": "",
    "patience": "no more improvement (patience)",
    "exception": "with an exception",
    "stop:watch": "by a person, in the dashboard",
    "stop:cli": "by guard stop",
    "stop:sigint": "by Ctrl-C",
    "stop:sigterm": "by SIGTERM",
    "stop:policy": "by the policy",
    "stop:scheduler": "by the scheduler",
}
_REASON_KINDS: Final = {"abort": "because of {}", "budget": "{} budget used up", "stop": "by {}"}


_WIDE: Final = 100
"""Cells from which on there is room to say of a log who did not start it."""
_LOG_WORDS: Final = 90
"""Cells that the status of a log, its reason and its tool may take."""
_SHORT_NAME: Final = 14


def header_lines(view: RunView, width: int, g: Glyphs) -> list[Line]:
    """Three or four lines of at most ``width`` cells."""
    separator = Bit(f" {g.dot} ", "dim")
    state = view.state
    lines = [
        identity_line(view, width, g),
        progress_line(state, width, g),
        packed((*_quality(state, g), *_kept(state, g)), separator, width),
    ]
    return lines


def identity_line(view: RunView, width: int, g: Glyphs) -> Line:
    """Status and reason, name, group, attempt; the age at the right."""
    state = view.state
    face = status_face(state.status, g)
    reason, unknown_end = reason_words(state), ""
    if state.source:
        reason, unknown_end = "", reason  # that nobody can act on it comes before what is not known of it
    left = packed(
        (
            line((f"{face.shape} {face.word}", face.tone), (f" {reason}" if reason else "", "dim")),
            line((_name(view, width), "title")),
            line((f"group {clean(state.group)}" if state.group else "", "dim")),
            line(("  ".join(f"#{clean(tag)}" for tag in state.tags[:4]), "accent")),
            line((f"attempt {state.attempt}" if state.attempt > 1 else "", "dim")),
            line((f"{state.ranks} ranks" if state.ranks > 1 else "", "dim")),
            line((f"on {clean(state.host)}" if view.elsewhere and state.status.live else "", "dim")),
            line((_barred_words(view, width), "dim" if state.source else "warn")),
            line((unknown_end, "dim")),
            line((_unsupervised_words(state, width), "warn" if state.deserted else "dim")),
        ),
        Bit("  "),
        width,
    )
    right = line((f"last event {formatting.ago(view.age_s)}" if view.age_s is not None else "", "dim"))
    return spread(left, right, width)


def _name(view: RunView, width: int) -> str:
    """A log's name is a path: as much of its end as leaves room for what is said of it."""
    name = clean(view.state.name) or clean(view.path.name)
    return shorten_start(name, max(_SHORT_NAME, width - _LOG_WORDS)) if view.state.source else name


def _unsupervised_words(state: RunState, width: int) -> str:
    """That nothing acts by itself; and where a supervisor has died, how another takes its place."""
    if state.deserted:
        return (
            f"no supervisor: guard run --attach {clean(state.run_id)}" if width >= _WIDE else "no supervisor"
        )
    return "unsupervised" if state.status.live and not (state.supervised or state.source) else ""


def _barred_words(view: RunView, width: int) -> str:
    """Why no key acts on this run, before one is pressed."""
    if view.state.source:
        started = ", not started by guard" if width >= _WIDE else ""
        return f"{clean(log_words(view.state.source))}{started}: watched only"
    if view.owner:
        return f"{clean(view.owner)}'s run: only to look at"
    return "only to look at: its folder " + clean(view.unwritable) if view.unwritable else ""


def reason_words(state: RunState) -> str:
    """Why a run is in its state, for people; "" when the status word says it all."""
    if state.status is Status.STOPPING and state.stop:
        return stage_words(state.stop[-1].stage)
    known = _REASONS.get(state.reason)
    if known is not None:
        return known
    kind, _, rest = clean(state.reason).partition(":")
    return _REASON_KINDS[kind].format(rest) if rest and kind in _REASON_KINDS else clean(state.reason)


def progress_line(state: RunState, width: int, g: Glyphs) -> Line:
    """Bar, percent, steps, epoch, speed and times, as many as fit."""
    eta = eta_words(state)
    words = packed(
        (
            line((formatting.percent(fraction(state)), "strong")),
            line(steps_words(state)),
            line((f"ETA {formatting.duration(state.eta_s)}" if eta else "", "strong")),
            line(epoch_words(state)),
            line((formatting.rate(state.step_rate) if state.status.live else "", "text")),
            line((_time_words(state), "dim")),
        ),
        Bit(f" {g.dot} ", "dim"),
        width if fraction(state) is None else width - 12,
    )
    room = min(48, width - width_of(words) - 1)
    drawn = bar(state, room, g) if room >= 8 else ()
    return (*drawn, Bit(" "), *words) if drawn else words


def _time_words(state: RunState) -> str:
    if state.elapsed_s is None:
        return ""
    spent = formatting.duration(state.elapsed_s)
    return f"{spent} so far" if state.status.live else f"took {spent}"


def _quality(state: RunState, g: Glyphs) -> tuple[Line, ...]:
    monitor = state.monitor
    if monitor is None:
        return ()
    arrow = g.rising if monitor.mode == "max" else g.falling
    broken = monitor.last is not None and not math.isfinite(monitor.last)
    last = line(
        (f"{clean(monitor.name)} {arrow} ", "dim"),
        (formatting.number(monitor.last), "bad" if broken else "strong"),
    )
    if monitor.best is None:
        return (last,)
    where = f" at step {formatting.count(monitor.best_step)}" if monitor.best_step is not None else ""
    best = line(("best ", "dim"), (formatting.number(monitor.best), "good"), (where, "dim"))
    if not _same_best(state):
        return (last, best)
    return (last, (*best, *(proof(state.best, g) or line((", kept", "dim")))))


def _same_best(state: RunState) -> bool:
    """Whether the best value and the best checkpoint are of one step, and are told in one breath."""
    return state.best is not None and state.monitor is not None and state.best.step == state.monitor.best_step


def _kept(state: RunState, g: Glyphs) -> tuple[Line, ...]:
    parts = [
        () if _same_best(state) else kept_words("best", state.best, g),
        kept_words("last", state.last, g),
    ]
    if state.best is None and state.last is None and not state.source:
        none = "no checkpoint yet" if state.status.live else "no checkpoint"
        parts = [line((none if state.can_save else "guard cannot save this run", "warn"))]
    if state.cost is not None:
        parts.append(line((clean(money_words(state.cost, state.currency)), "dim")))
    return tuple(parts)


def kept_words(role: str, ref: CheckpointRef | None, g: Glyphs) -> Line:
    """``best kept: step 1,100 ✓ verified``."""
    if ref is None:
        return ()
    return (*line((f"{role} kept: ", "dim"), f"step {formatting.count(ref.step)}"), *proof(ref, g))


def proof(ref: CheckpointRef | None, g: Glyphs) -> Line:
    """Whether a checkpoint was proved."""
    if ref is None or ref.verified is None:
        return ()
    return line((f" {g.done} verified", "good")) if ref.verified else line((f" {g.bad} damaged", "bad"))
