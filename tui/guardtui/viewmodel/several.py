"""A dialog about several runs: what will happen to which, then what happens, one line a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from guardrun.state.model import Status
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import RunView
from guardtui.text import Line, Tone, clean, column, fit, line, wrapped
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.reach import Fate
from guardtui.viewmodel.stages import stage_words

_NAME: Final = 26
_LEAST_WORDS: Final = 34


def fate_lines(
    fates: Sequence[Fate], intro: Sequence[tuple[str, Tone]], width: int, room: int, g: Glyphs
) -> list[Line]:
    """The sentence, then one line a run: those that are meant first, as many as fit."""
    lines = [each for text, tone in intro for each in wrapped(text, width, tone)] + [()]
    ordered = sorted(fates, key=lambda fate: (not fate.included, not fate.loses_work))
    rows = [_row(fate.view, line((fate.words, fate.tone)), width, g) for fate in ordered]
    return [*lines, *_as_fit(rows, room - len(lines))]


def counted(number: int, what: str = "run") -> str:
    """``1 run``, ``3 runs``."""
    return f"{formatting.count(number)} {what}{'' if number == 1 else 's'}"


def stage_table(views: Sequence[RunView], sent: float | None, width: int, room: int, g: Glyphs) -> list[Line]:
    """How far the stop of each run is: those that still go on first."""
    ordered = sorted(views, key=lambda view: (not view.state.status.live, not view.state.stop_offer))
    rows = [_row(view, _stage(view, sent, g), width, g) for view in ordered]
    ends = Counter(view.state.status for view in views if not view.state.status.live)
    waiting = sum(view.state.status.live for view in views)
    told = [f"{counted(waiting)} to go" if waiting else f"all {len(views)} are over"]
    told += [f"{number} {status.value}" for status, number in ends.items()]
    head: Line = line((", ".join(told), "text" if waiting else "strong"))
    return [head, (), *_as_fit(rows, room - 2)]


def _row(view: RunView, words: Line, width: int, g: Glyphs) -> Line:
    face = status_face(view.state.status, g)
    name = clean(view.state.name) or clean(view.path.name)
    room = max(8, min(_NAME, width - 4 - _LEAST_WORDS))
    return fit(line((f"{face.shape} ", face.tone), column(name, room), "  ", *words), width)


def _stage(view: RunView, sent: float | None, g: Glyphs) -> Line:
    state = view.state
    if state.stop_offer and state.status.live:
        return line((f"no progress; next rung: {clean(state.stop_offer)}", "warn"))
    if not state.stop:
        if state.status.live:
            return line((f"{g.pending} request sent" if sent is not None else "not asked", "dim"))
        return line((f"{state.status.value}", status_face(state.status, g).tone))
    newest = max(state.stop, key=lambda stage: stage.t)
    seconds = max(0.0, newest.t - state.stop[0].t)
    after = f"  {seconds:.1f}s" if seconds < 60 else f"  {formatting.duration(seconds)}"
    if state.status.live:
        return line((f"{g.pending} {stage_words(newest.stage)}", "text"), (after, "dim"))
    return line(
        (f"{state.status.value}", status_face(state.status, g).tone), (after, "dim"), *_proved(view, g)
    )


def _proved(view: RunView, g: Glyphs) -> Line:
    refs = [ref for ref in (view.state.best, view.state.last) if ref is not None]
    if not refs:
        return line(("  no checkpoint", "warn"))
    step = f"  last: step {formatting.count(refs[-1].step)}"
    if any(ref.verified is False for ref in refs):
        return line((step, "dim"), (f"  {g.bad} damaged", "bad"))
    if all(ref.verified for ref in refs):
        return line((step, "dim"), (f"  {g.done} verified", "good"))
    waits = view.state.supervised and view.state.status is Status.STOPPED
    return line((step, "dim"), (f"  {g.pending} being proved" if waits else "", "dim"))


def _as_fit(rows: list[Line], room: int) -> list[Line]:
    """As many rows as fit, with the number of the others."""
    if len(rows) <= max(1, room):
        return rows
    kept = max(0, room - 1)
    return [*rows[:kept], line((f"and {len(rows) - kept} more", "dim"))]
